//! Reading of answers: strict JSON, typed members, and the statuses that every endpoint shares.

use jiff::{SignedDuration, Timestamp};
use jose::json::Limits;
use serde_json::{Map, Value};

use crate::error::{Error, MemberFault, Misbehavior, ProviderError, Rejection};
use crate::http::Response;

/// What is read of any answer: as much as UIN-5 permits, which is the most.
const LIMITS: Limits = Limits {
    bytes: 256 * 1024,
    depth: 16,
    members: 2048,
};

/// The body as a JSON object without duplicate members.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Misbehavior> {
    jose::json::parse_with(body, LIMITS).map_err(Misbehavior::Json)
}

/// A member that is absent, null or a string.
pub(crate) fn text<'a>(
    object: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, Misbehavior> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Misbehavior::member(name, MemberFault::WrongType)),
    }
}

/// A member that is absent, null or true or false.
pub(crate) fn flag(object: &Map<String, Value>, name: &'static str) -> Result<bool, Misbehavior> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Misbehavior::member(name, MemberFault::WrongType)),
    }
}

/// A member that is absent, null or a list of strings.
pub(crate) fn texts(
    object: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Vec<String>>, Misbehavior> {
    let wrong = || Misbehavior::member(name, MemberFault::WrongType);
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => {
            let texts = list.iter().map(|one| one.as_str().map(str::to_owned));
            texts
                .collect::<Option<Vec<_>>>()
                .map(Some)
                .ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

/// The error of an answer that is neither 200 nor believed, by status and by RFC 6749 §5.2.
pub(crate) fn failure(answer: &Response, now: Timestamp) -> Error {
    match answer.status {
        status @ (429 | 500..=599) => Error::Unavailable {
            status,
            retry_after: retry_after(answer, now),
        },
        300..=399 => Misbehavior::Redirected.into(),
        status => match (provider_error(answer), status) {
            (Some(said), _) => said.into_error(),
            (None, 401 | 403) => Error::Rejected(Rejection::Unexplained { status }),
            (None, _) => Misbehavior::Status { status }.into(),
        },
    }
}

/// The error code in a body, if there is a readable one.
pub(crate) fn provider_error(answer: &Response) -> Option<ProviderError> {
    let body = object(&answer.body).ok()?;
    let error = body.get("error")?.as_str()?;
    let description = body.get("error_description").and_then(Value::as_str);
    Some(ProviderError::new(error, description))
}

/// `Retry-After` in either of its forms (RFC 9110 §10.2.3), between nothing and a day.
fn retry_after(answer: &Response, now: Timestamp) -> Option<SignedDuration> {
    let text = answer.header("retry-after")?.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => SignedDuration::from_secs(seconds.into()),
        Err(_) => jiff::fmt::rfc2822::parse(text)
            .ok()?
            .timestamp()
            .duration_since(now),
    };
    Some(wait.clamp(SignedDuration::ZERO, SignedDuration::from_hours(24)))
}
