use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::definition::{Checker, HttpFile, transpose};
use crate::effect::{Effect, HeaderValue, HttpCall, Method};
use crate::event::{Event, HttpAnswer, HttpFailure};
use crate::exception::Exception;
use crate::expr::{Address, Fault, Scope, Shape, escape_pointer};
use crate::session::WaitsFor;
use crate::steps::{Context, Next, Step, after};
use crate::value::Value;

/// Calls an outside system over HTTP.
///
/// ```yaml
/// - id: trips
///   http:
///     connection: corp
///     get: https://api.acme.example/trips?for={{ Auth.email }}
///     into: trips
///   on_exception:
///     - { when: "[[SystemError]].Code == '401'", goto: sign_in }
///     - { goto: sorry }
/// ```
///
/// One of `get`, `post`, `put`, `patch`, `delete` holds the address. Scheme, host and port stand there literally; each
/// `{{ … }}` behind them is encoded for its place. With a `connection` the person's token goes along as bearer, to the origins that the
/// connection allows. `headers` are templates; one that is a single `{{ … }}` may hold a token. `body` is sent as JSON and built as
/// a value: texts in it are templates, and a text that is a single `{{ … }}` keeps its type. `into` takes the body of the answer.
///
/// Raises the status as text unless it is 2xx, such as `401`, which is also raised where nobody is signed in; `unreachable`,
/// `no_answer` (`timeout`, absent: 10 s), `origin_not_allowed`, `too_large`, `busy`, `no_configuration`, `expression`. A `post` or `patch`
/// cut off by a crash raises `outcome_unknown`, unless `repeatable: true` says that it may be sent again.
#[derive(Debug)]
pub(super) struct Http {
    connection: Option<String>,
    method: Method,
    address: Address,
    headers: Vec<(String, Shape)>,
    body: Option<Shape>,
    into: Option<String>,
    timeout_s: u32,
    once: bool,
}

/// Default of `timeout`, in seconds.
const TIMEOUT_S: u32 = 10;
/// Shortest and longest `timeout`.
const RANGE_S: (u32, u32) = (1, 60);
/// Seconds on top of `timeout` until the flow stops waiting: for a queue, and for a restart.
const PATIENCE_S: u32 = 60;

/// Headers that belong to the connection, or that HTTP itself needs.
const FORBIDDEN: [&str; 10] = [
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Http {
    pub(super) fn parse(file: &HttpFile, checker: &mut Checker<'_>) -> Option<Self> {
        let connection = file
            .connection
            .as_deref()
            .map(|code| checker.connection("/connection", code));
        let method = method(file, checker);
        let address =
            method.and_then(|(name, _, source)| checker.address(&format!("/{name}"), source));
        let headers = headers(file, checker);
        let body = file.body.as_ref().map(|json| checker.shape("/body", json));
        let into = file
            .into
            .as_deref()
            .map(|name| checker.variable("/into", name));
        let timeout = file
            .timeout
            .as_deref()
            .map(|text| checker.seconds("/timeout", text, RANGE_S.0, RANGE_S.1));
        let (_, method, _) = method?;
        Some(Self {
            connection: transpose(connection)?,
            method,
            address: address?,
            headers: headers?,
            body: transpose(body)?,
            into: transpose(into)?,
            timeout_s: transpose(timeout)?.unwrap_or(TIMEOUT_S),
            once: !method.is_idempotent() && file.repeatable != Some(true),
        })
    }

    fn call(&self, cx: &Context<'_>) -> Result<HttpCall, Exception> {
        let scope = cx.scope();
        let body = self
            .body
            .as_ref()
            .map(|shape| cx.library().shape(shape, &scope))
            .transpose()?;
        let header = |(name, shape): &(String, Shape)| {
            Ok((name.clone(), header_value(name, shape, &scope, cx)?))
        };
        Ok(HttpCall {
            run: cx.run,
            step: cx
                .session
                .current_step()
                .map(|(_, step)| step.to_owned())
                .unwrap_or_default(),
            connection: self.connection.clone(),
            method: self.method,
            url: cx.library().address(&self.address, &scope)?,
            headers: self
                .headers
                .iter()
                .map(header)
                .collect::<Result<_, Exception>>()?,
            body: body.as_ref().map(Value::to_json),
            timeout_s: self.timeout_s,
            once: self.once,
        })
    }

    fn answered(&self, status: u16, body: &Json, cx: &mut Context<'_>) -> Result<Next, Exception> {
        cx.note("status", status);
        if !(200..300).contains(&status) {
            return Err(Exception::new(
                status.to_string(),
                "the system answered with this status",
            ));
        }
        if let Some(into) = &self.into {
            cx.session.variables.set(into, body.clone());
        }
        Ok(Next::Continue)
    }

    fn gave_up(&self) -> HttpFailure {
        if self.once {
            HttpFailure::OutcomeUnknown
        } else {
            HttpFailure::TimedOut
        }
    }
}

fn failed(failure: HttpFailure) -> Exception {
    Exception::new(failure.code(), failure.detail())
}

/// The one method, with its name in the file and its address.
fn method<'f>(
    file: &'f HttpFile,
    checker: &mut Checker<'_>,
) -> Option<(&'static str, Method, &'f str)> {
    let all = [
        ("get", Method::Get, &file.get),
        ("post", Method::Post, &file.post),
        ("put", Method::Put, &file.put),
        ("patch", Method::Patch, &file.patch),
        ("delete", Method::Delete, &file.delete),
    ];
    let mut written = all
        .into_iter()
        .filter_map(|(name, method, source)| Some((name, method, source.as_deref()?)));
    let one = written.next().filter(|_| written.next().is_none());
    if one.is_none() {
        checker.mistake(
            "",
            Fault::new("one of `get`, `post`, `put`, `patch`, `delete` holds the address"),
        );
    }
    one
}

fn headers(file: &HttpFile, checker: &mut Checker<'_>) -> Option<Vec<(String, Shape)>> {
    let mut seen = BTreeSet::new();
    let mut headers = Vec::new();
    for (name, source) in &file.headers {
        let below = format!("/headers/{}", escape_pointer(name));
        let lower = name.to_ascii_lowercase();
        if !is_header_name(name) || FORBIDDEN.contains(&lower.as_str()) {
            checker.mistake(
                &below,
                Fault::new(format!("the header `{name}` cannot be set")),
            );
        }
        if !seen.insert(lower) {
            checker.mistake(
                &below,
                Fault::new(format!("the header `{name}` is set twice")),
            );
        }
        headers.push(
            checker
                .text_shape(&below, source)
                .map(|shape| (name.clone(), shape)),
        );
    }
    headers.into_iter().collect()
}

/// RFC 9110 §5.6.2, `token`.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// EGR-12: what is not visible ASCII is an error, never sent and never cut.
fn header_value(
    name: &str,
    shape: &Shape,
    scope: &Scope,
    cx: &Context<'_>,
) -> Result<HeaderValue, Exception> {
    let value = cx.library().shape(shape, scope)?;
    if let Value::Token(handle) = value {
        return Ok(HeaderValue::Token(handle));
    }
    let text = value.to_string();
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(HeaderValue::Text(text.trim().to_owned()));
    }
    Err(Exception::expression(format!(
        "the header `{name}` would hold what is not visible ASCII"
    )))
}

/// Without its query, which may name people.
fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

impl Step for Http {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        cx.note("method", self.method.as_str());
        if let Some(connection) = &self.connection {
            cx.note("connection", connection.as_str());
            if cx.session.usable(connection, cx.env).is_none() {
                return Err(failed(HttpFailure::NotSignedIn));
            }
        }
        let call = self.call(cx)?;
        cx.note("url", shown(&call.url));
        cx.effects.push(Effect::CallHttp(call));
        let until = after(cx.env.now, self.timeout_s + PATIENCE_S);
        Ok(Next::Wait {
            until: Some(until),
            typing: true,
            for_: WaitsFor::Http { once: self.once },
        })
    }

    fn resume(&self, event: &Event, cx: &mut Context<'_>) -> Result<Option<Next>, Exception> {
        match event {
            Event::HttpAnswered {
                answer: HttpAnswer::Answered { status, body },
                ..
            } => self.answered(*status, body, cx).map(Some),
            Event::HttpAnswered {
                answer: HttpAnswer::Failed(failure),
                ..
            } => Err(failed(*failure)),
            Event::TimedOut { .. } => Err(failed(self.gave_up())),
            // No `_`: a new event makes the compiler ask every step that waits what it means.
            Event::Started
            | Event::Said(_)
            | Event::SignedIn { .. }
            | Event::SignInFailed { .. }
            | Event::IdentityFetched { .. } => Ok(None),
        }
    }

    fn reaches_out(&self) -> bool {
        true
    }
}
