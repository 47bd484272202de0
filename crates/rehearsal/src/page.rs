//! The pages a browser sees. No script; one style sheet, inline, permitted by its hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, Value, context};
use sha2::{Digest as _, Sha256};

use crate::authorize::Ask;
use crate::{Person, Response};

const STYLE: &str = include_str!("page/style.css");
const TEMPLATE: &str = include_str!("page/sign_in.html");

/// What the client asks for, and a button for each person. The form comes back to the same query.
pub(crate) fn sign_in(ask: &Ask, people: &[Person], query: &str) -> Response {
    let client = &ask.client.name;
    let scopes: Vec<Value> = ask.scopes.iter().map(|scope| scope_line(scope)).collect();
    let people: Vec<Value> = people
        .iter()
        .map(|person| person_line(person, ask.hint.as_deref()))
        .collect();
    let title = format!("Sign in to {client}");
    html(200, &context! { title, client, scopes, people, query })
}

/// Stands where a person has walked away from.
pub(crate) fn left(name: &str) -> Response {
    let text = "Nothing is sent back, as when someone closes the window. You can close it too.";
    html(200, &context! { title => format!("{name} has left"), text })
}

/// A request that cannot even be sent back.
pub(crate) fn error(status: u16, text: &str) -> Response {
    html(
        status,
        &context! { title => "This request cannot be answered", text },
    )
}

fn scope_line(name: &str) -> Value {
    let words = match name {
        "openid" => "know who you are".to_owned(),
        "profile" => "see your name and language".to_owned(),
        "email" => "see your e-mail address".to_owned(),
        "offline_access" => "act for you while you are away".to_owned(),
        "trips" => "see your trips".to_owned(),
        other => format!("use \"{other}\""),
    };
    context! { name, words, fixed => name == "openid" }
}

fn person_line(person: &Person, hint: Option<&str>) -> Value {
    context! {
        key => person.key.as_str(),
        name => person.name(),
        initial => person.name().chars().next().map(String::from),
        description => person.description.as_str(),
        hinted => hint.is_some_and(|hint| person.is(hint)),
    }
}

fn html(status: u16, values: &Value) -> Response {
    let values = context! { style => STYLE, ..values.clone() };
    // The template is compiled in and tested: it cannot fail on what is put into it here.
    let body = Environment::new().render_named_str("sign_in.html", TEMPLATE, values);
    Response::of_html(
        status,
        body.unwrap_or_else(|_| "<!doctype html><title>Broken page</title>".to_owned()),
    )
    .with("content-security-policy", policy())
    .with("referrer-policy", "no-referrer")
    .with("x-content-type-options", "nosniff")
}

/// Without `form-action`: browsers hold it against the whole redirect chain, and the form's chain
/// ends at the client.
fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'"
    )
}
