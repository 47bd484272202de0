//! Who calls the token and revocation endpoints: exactly the registered way, or not at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use jose::{Alg, Claims, KeySet, Kind, Policy};
use serde_json::json;
use url::form_urlencoded;

use crate::grants::after;
use crate::{Client, ClientAuth, Provider, Request, Response};

/// The only assertion type there is (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A longer-lived assertion is refused (BND-16 makes them for a minute; clocks may differ by one).
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_secs(120);

/// The fields of a form, none of them twice.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// RFC 6749 §3.2: parameters must not be repeated.
    pub(crate) fn read(request: &Request) -> Result<Self, Response> {
        let pairs = request.form_pairs();
        let repeated = pairs
            .iter()
            .enumerate()
            .any(|(at, (name, _))| pairs[..at].iter().any(|(n, _)| n == name));
        if pairs.is_empty() || repeated || !request.query.is_empty() {
            return Err(refusal(400, "invalid_request"));
        }
        Ok(Self(pairs))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same, but its absence is an error of the client.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Response> {
        self.field(name)
            .ok_or_else(|| refusal(400, "invalid_request"))
    }
}

/// RFC 6749 §5.2.
pub(crate) fn refusal(status: u16, error: &str) -> Response {
    Response::of_json(status, &json!({ "error": error }))
}

/// What a request offers as proof.
enum Proof {
    None(String),
    Basic { id: String, secret: String },
    Post { id: String, secret: String },
    Assertion(String),
}

impl Provider {
    /// The client that sends this form, if it proves itself as registered.
    pub(crate) fn authenticate(
        &mut self,
        request: &Request,
        form: &Form,
        now: Timestamp,
    ) -> Result<Client, Response> {
        let invalid =
            || refusal(401, "invalid_client").with("www-authenticate", "Basic realm=\"rehearsal\"");
        match proof(request, form)? {
            Proof::Assertion(assertion) => {
                self.by_assertion(&assertion, form, now).ok_or_else(invalid)
            }
            Proof::None(id) => self
                .client_if(&id, |auth| matches!(auth, ClientAuth::None))
                .ok_or_else(invalid),
            Proof::Basic { id, secret } => {
                let same = |auth: &ClientAuth| matches!(auth, ClientAuth::Basic(known) if *known == secret);
                let named_alike = form.field("client_id").is_none_or(|named| named == id);
                self.client_if(&id, same)
                    .filter(|_| named_alike)
                    .ok_or_else(invalid)
            }
            Proof::Post { id, secret } => {
                let same =
                    |auth: &ClientAuth| matches!(auth, ClientAuth::Post(known) if *known == secret);
                self.client_if(&id, same).ok_or_else(invalid)
            }
        }
    }

    fn client_if(&self, id: &str, proves: impl Fn(&ClientAuth) -> bool) -> Option<Client> {
        self.client(id)
            .filter(|client| proves(&client.auth))
            .cloned()
    }

    /// RFC 7523 §3: signed by one of the client's keys, about itself, for this issuer alone, short,
    /// and never seen before.
    fn by_assertion(&mut self, assertion: &str, form: &Form, now: Timestamp) -> Option<Client> {
        let found = self.config.clients.iter().find_map(|client| {
            let ClientAuth::PrivateKeyJwt(keys) = &client.auth else {
                return None;
            };
            let claims = verified(assertion, &keys.to_string())?;
            (text(&claims, "iss")? == client.id).then(|| (client.clone(), claims))
        });
        let (client, claims) = found?;
        let about_itself = text(&claims, "sub")? == client.id;
        // An array of one would do for RFC 7523, and would hide a client that names us among others.
        let for_us = claims.get("aud")? == self.config.issuer.as_str();
        let named_alike = form
            .field("client_id")
            .is_none_or(|named| named == client.id);
        let expires = claims.instant("exp").ok()??.timestamp();
        let fresh = now < expires && expires <= after(now, ASSERTION_LIFE);
        let jti = text(&claims, "jti")?.to_owned();
        let good = about_itself && for_us && named_alike && fresh;
        let unused = good
            && self
                .assertions
                .insert((client.id.clone(), jti), expires)
                .is_none();
        unused.then_some(client)
    }
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.text(name).ok().flatten()
}

fn verified(assertion: &str, keys: &str) -> Option<Claims> {
    let keys = KeySet::parse(keys.as_bytes()).ok()?;
    let typ = &["", "JWT", "client-authentication+jwt"];
    let policy = Policy {
        kind: Kind::HostToken { typ },
        algs: &Alg::DEFAULT,
        max_bytes: jose::MAX_BYTES,
    };
    jose::verify(assertion, &policy, &keys)
        .ok()
        .map(|verified| verified.claims)
}

/// One proof, not two (RFC 6749 §2.3).
fn proof(request: &Request, form: &Form) -> Result<Proof, Response> {
    let bad = || refusal(400, "invalid_request");
    let offered = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .count();
    let secret = form.field("client_secret");
    let assertion = form.field("client_assertion");
    if offered + usize::from(secret.is_some()) + usize::from(assertion.is_some()) > 1 {
        return Err(bad());
    }
    if let Some(header) = request.header("authorization") {
        let (id, secret) = basic(header).ok_or_else(bad)?;
        return Ok(Proof::Basic { id, secret });
    }
    if let Some(assertion) = assertion {
        let typed = form.field("client_assertion_type") == Some(ASSERTION_TYPE);
        return typed
            .then(|| Proof::Assertion(assertion.to_owned()))
            .ok_or_else(bad);
    }
    let id = form.need("client_id")?.to_owned();
    Ok(match secret {
        Some(secret) => Proof::Post {
            id,
            secret: secret.to_owned(),
        },
        None => Proof::None(id),
    })
}

/// Id and secret, each form-decoded (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(text: &str) -> Option<String> {
    // A raw `&` or `=` was not encoded, so it is not what the client was told to send.
    if text.contains(['&', '=']) {
        return None;
    }
    let (value, _) = form_urlencoded::parse(text.as_bytes()).next()?;
    Some(value.into_owned())
}
