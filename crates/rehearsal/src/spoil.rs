//! Plays the faults that lie on whole answers.

use serde_json::{Map, Value, json};

use crate::fault::{Http, Json};
use crate::{Delivery, Response};

/// The answer of a fault that keeps the work from being done; `None` if the fault comes after it.
pub(crate) fn instead(fault: &Http) -> Option<Response> {
    match fault {
        Http::Status {
            status,
            retry_after_s,
        } => {
            let response = Response::empty(*status);
            Some(match retry_after_s {
                Some(seconds) => response.with("retry-after", seconds.to_string()),
                None => response,
            })
        }
        Http::Refusal {
            status,
            error,
            description,
        } => Some(Response::of_json(
            *status,
            &json!({ "error": error, "error_description": description }),
        )),
        Http::Redirect(location) => Some(Response {
            status: 302,
            ..Response::redirect(location.clone())
        }),
        Http::Unreachable => Some(Response {
            delivery: Delivery::Unreachable,
            ..Response::empty(0)
        }),
        Http::Dropped
        | Http::Late(_)
        | Http::Dripping
        | Http::CutAfter(_)
        | Http::Huge(_)
        | Http::NotJson
        | Http::Body(_)
        | Http::ContentType(_)
        | Http::Header(..) => None,
    }
}

/// What a fault makes of an answer whose work is done.
pub(crate) fn spoiled(mut response: Response, fault: Http) -> Response {
    match fault {
        Http::Dropped => response.delivery = Delivery::Dropped,
        Http::Late(span) => response.delivery = Delivery::Late(span),
        Http::Dripping => response.delivery = Delivery::Dripping,
        Http::CutAfter(bytes) => response.delivery = Delivery::CutAfter(bytes),
        Http::Huge(bytes) => response.body.resize(bytes.max(response.body.len()), b' '),
        Http::NotJson => response.body = b"<!doctype html><title>Welcome</title><p>Hello.".to_vec(),
        Http::Body(body) => response.body = body,
        Http::ContentType(kind) => response = response.typed(&kind),
        Http::Header(name, value) => response = response.with(&name.to_ascii_lowercase(), value),
        // Those of `instead` never come here together with work that was done.
        Http::Status { .. } | Http::Refusal { .. } | Http::Redirect(_) | Http::Unreachable => {}
    }
    response
}

/// A JSON object after `edits`; what is no object stays as it is.
pub(crate) fn edited(body: Vec<u8>, edits: &[Json]) -> Vec<u8> {
    if edits.is_empty() {
        return body;
    }
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&body) else {
        return body;
    };
    let mut twice = Vec::new();
    for edit in edits {
        match edit {
            Json::Set(name, value) => {
                members.insert(name.clone(), value.clone());
            }
            Json::Unset(name) => {
                members.shift_remove(name);
            }
            Json::Twice(name, value) => twice.push((name.clone(), value.clone())),
        }
    }
    object_text(&members, &twice).into_bytes()
}

/// The text of an object whose last members may repeat earlier ones.
pub(crate) fn object_text(members: &Map<String, Value>, more: &[(String, Value)]) -> String {
    let all = members
        .iter()
        .chain(more.iter().map(|(name, value)| (name, value)));
    let members: Vec<String> = all
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_can_be_set_removed_and_repeated() {
        let check = |edits: &[Json], expected: &str| {
            let body = edited(br#"{"sub":"a","n":1}"#.to_vec(), edits);
            assert_eq!(String::from_utf8(body).unwrap(), expected);
        };
        check(
            &[Json::Set("sub".into(), json!(["b"]))],
            r#"{"sub":["b"],"n":1}"#,
        );
        check(&[Json::Unset("sub".into())], r#"{"n":1}"#);
        check(
            &[Json::Twice("sub".into(), json!("b"))],
            r#"{"sub":"a","n":1,"sub":"b"}"#,
        );
    }
}
