//! What an access token opens: the claims of its person, and a protected API.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use crate::grants::Grant;
use crate::{Person, Provider, Request, Response, Trip};

const PROFILE: [&str; 5] = [
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "locale",
];
const EMAIL: [&str; 2] = ["email", "email_verified"];

impl Provider {
    /// OpenID Connect Core 1.0 §5.3. The token must have been granted `openid`.
    pub(crate) fn user_info(&self, request: &Request, now: Timestamp) -> Response {
        match self.bearer(request, now) {
            Err(refusal) => refusal,
            Ok((grant, _)) if !grant.allows("openid") => insufficient("openid"),
            Ok((grant, person)) => {
                Response::of_json(200, &Value::Object(claims_for(person, grant)))
            }
        }
    }

    /// `GET /api/trips?for=`: the trips of the person whose token it is, each with the `subject`
    /// that the API saw. `for` may be left out or empty; it may not name anybody else.
    pub(crate) fn trips(&self, request: &Request, now: Timestamp) -> Response {
        let (_, person) = match self.bearer(request, now) {
            Err(refusal) => return refusal,
            Ok(found) => found,
        };
        let pairs = request.query_pairs();
        let asked = pairs
            .iter()
            .find(|(name, _)| name == "for")
            .map_or("", |(_, value)| value);
        if !asked.is_empty() && !person.is(asked) {
            return Response::of_json(403, &json!({ "error": "not_yours" }));
        }
        let trips: Vec<Value> = person
            .trips
            .iter()
            .map(|trip| shown(trip, person.subject(), now))
            .collect();
        Response::of_json(200, &Value::Array(trips))
    }

    /// Who sends this bearer token; RFC 6750 §3.1 otherwise. Only the header counts.
    fn bearer(&self, request: &Request, now: Timestamp) -> Result<(&Grant, &Person), Response> {
        let token = request.bearer_token().ok_or_else(|| unauthorized(""))?;
        let invalid = || unauthorized(", error=\"invalid_token\"");
        let grant = self.ledger.bearer(token, now).ok_or_else(invalid)?;
        let person = self.person(&grant.person).ok_or_else(invalid)?;
        Ok((grant, person))
    }
}

/// `sub` and the claims that the granted scopes open. Claims of no known scope are always given.
pub(crate) fn claims_for(person: &Person, grant: &Grant) -> Map<String, Value> {
    let open = |name: &str| match name {
        _ if PROFILE.contains(&name) => grant.allows("profile"),
        _ if EMAIL.contains(&name) => grant.allows("email"),
        _ => true,
    };
    let claims = person.claims.iter().filter(|(name, _)| open(name));
    claims
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn shown(trip: &Trip, subject: &str, now: Timestamp) -> Value {
    let departs = now
        .saturating_add(SignedDuration::from_hours(24 * trip.in_days))
        .unwrap_or(now);
    let on = departs.to_zoned(TimeZone::UTC).date().to_string();
    json!({ "from": trip.from, "to": trip.to, "on": on, "subject": subject })
}

fn unauthorized(detail: &str) -> Response {
    let challenge = format!("Bearer realm=\"rehearsal\"{detail}");
    Response::of_json(401, &json!({ "error": "invalid_token" })).with("www-authenticate", challenge)
}

fn insufficient(scope: &str) -> Response {
    let challenge =
        format!("Bearer realm=\"rehearsal\", error=\"insufficient_scope\", scope=\"{scope}\"");
    Response::of_json(403, &json!({ "error": "insufficient_scope" }))
        .with("www-authenticate", challenge)
}
