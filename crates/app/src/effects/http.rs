//! Calling an outside system for a step, as the person where a connection is named (SGN-7).

use flow::{Event, HeaderValue, HttpAnswer, HttpCall, HttpFailure};
use oauth::http::{Masked, Method, Purpose, Request, Response};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use store::GrantId;
use url::Url;

use super::Done;
use crate::{
    App,
    ports::{HttpError, Limits},
    tokens::{Asker, Bearer, TokenError},
    workspace::Connection,
};

/// What a call came to, and the grant that it showed to be of no use.
struct Called {
    answer: HttpAnswer,
    spent: Option<GrantId>,
}

impl App {
    pub(super) async fn call_http(
        &self,
        asker: &Asker<'_>,
        grant: Option<GrantId>,
        call: HttpCall,
    ) -> Done {
        let run = call.run;
        let called = match (Url::parse(&call.url), &call.connection) {
            (Err(_), _) => Called::failed(HttpFailure::OriginNotAllowed),
            (Ok(url), None) => self.call_openly(&call, url).await,
            (Ok(url), Some(_)) => match self.bearer(asker, grant).await {
                Ok(bearer) => self.call_as_person(&call, url, bearer).await,
                Err(error) => Called::without_token(&error),
            },
        };
        Done::Answer {
            session: asker.session,
            event: Event::HttpAnswered {
                run,
                answer: called.answer,
            },
            spent: called.spent,
        }
    }

    /// A call bound to no connection carries no token; a handle in a header has nowhere to go.
    async fn call_openly(&self, call: &HttpCall, url: Url) -> Called {
        match request(call, url, None) {
            Some(request) => Called::answered(call, self.send(call, request).await),
            None => Called::failed(HttpFailure::NotSignedIn),
        }
    }

    /// Sends the call; on 401 renews the token once and sends it once more (UIN-4). A second 401
    /// means that the grant is of no use (TMO-10).
    async fn call_as_person(&self, call: &HttpCall, url: Url, bearer: Bearer) -> Called {
        if !allows(bearer.connection(), &url) {
            return Called::failed(HttpFailure::OriginNotAllowed);
        }
        let Some(first) = request(call, url.clone(), Some(&bearer)) else {
            return Called::failed(HttpFailure::NotSignedIn);
        };
        let answer = self.send(call, first).await;
        if !matches!(&answer, Ok(answer) if answer.status == 401) {
            return Called::answered(call, answer);
        }
        let grant = bearer.grant;
        let renewed = match self.renew(bearer).await {
            Ok(renewed) => request(call, url, Some(&renewed)),
            Err(error) => return Called::refused(error.over()),
        };
        let Some(again) = renewed else {
            return Called::refused(Some(grant));
        };
        match self.send(call, again).await {
            Ok(answer) if answer.status == 401 => Called::refused(Some(grant)),
            answer => Called::answered(call, answer),
        }
    }

    async fn send(&self, call: &HttpCall, request: Request) -> Result<Response, HttpError> {
        let mut limits = Limits::of(Purpose::Api);
        limits.total = std::time::Duration::from_secs(call.timeout_s.into());
        limits.first_byte = limits.first_byte.min(limits.total);
        self.ports.http.send(request, limits).await
    }
}

impl Called {
    const fn failed(failure: HttpFailure) -> Self {
        Self {
            answer: HttpAnswer::Failed(failure),
            spent: None,
        }
    }

    /// The API does not accept the person's token.
    const fn refused(spent: Option<GrantId>) -> Self {
        Self {
            answer: HttpAnswer::Answered {
                status: 401,
                body: Value::Null,
            },
            spent,
        }
    }

    fn without_token(error: &TokenError) -> Self {
        Self {
            answer: HttpAnswer::Failed(error.as_http_failure()),
            spent: error.over(),
        }
    }

    fn answered(call: &HttpCall, answer: Result<Response, HttpError>) -> Self {
        let answer = match answer {
            Ok(answer) => HttpAnswer::Answered {
                status: answer.status,
                body: body(&answer),
            },
            // Nobody knows whether it was carried out, and it may not be repeated.
            Err(error) if call.once && error.may_have_taken_effect() => {
                HttpAnswer::Failed(HttpFailure::OutcomeUnknown)
            }
            Err(error) => HttpAnswer::Failed(failure(&error)),
        };
        Self {
            answer,
            spent: None,
        }
    }
}

/// What a step sees of an answer that did not come (EGR-9).
pub(super) const fn failure(error: &HttpError) -> HttpFailure {
    match error {
        HttpError::Refused(_) => HttpFailure::OriginNotAllowed,
        HttpError::Unreachable | HttpError::Broken => HttpFailure::Unreachable,
        HttpError::TimedOut => HttpFailure::TimedOut,
        HttpError::TooLarge => HttpFailure::TooLarge,
        HttpError::Busy => HttpFailure::Busy,
    }
}

/// Whether the connection lets its token go there (XCH-1).
fn allows(connection: &Connection, url: &Url) -> bool {
    connection
        .allowed_origins
        .iter()
        .any(|origin| origin.covers(url))
}

/// `None` if a header wants a token that the call's own connection does not give (TPL-3).
fn request(call: &HttpCall, url: Url, bearer: Option<&Bearer>) -> Option<Request> {
    let mut headers = vec![("accept".to_owned(), Masked::from("application/json"))];
    for (name, value) in &call.headers {
        headers.push((name.to_ascii_lowercase(), header(value, bearer)?));
    }
    let named = |name: &str| {
        call.headers
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(name))
    };
    if let Some(bearer) = bearer
        && !named("authorization")
    {
        let value = format!("Bearer {}", bearer.token.expose_secret());
        headers.push(("authorization".to_owned(), Masked::from(value)));
    }
    let body = call.body.as_ref().map(|body| {
        headers.push(("content-type".to_owned(), Masked::from("application/json")));
        Masked::from(body.to_string())
    });
    Some(Request {
        purpose: Purpose::Api,
        method: method(call.method),
        url,
        headers,
        body,
    })
}

fn header(value: &HeaderValue, bearer: Option<&Bearer>) -> Option<Masked> {
    match value {
        HeaderValue::Text(text) => Some(Masked::from(text.as_str())),
        HeaderValue::Token(handle) => bearer
            .filter(|bearer| bearer.grant.to_string() == handle.grant)
            .map(|bearer| Masked::from(bearer.token.expose_secret())),
    }
}

const fn method(method: flow::Method) -> Method {
    match method {
        flow::Method::Get => Method::Get,
        flow::Method::Post => Method::Post,
        flow::Method::Put => Method::Put,
        flow::Method::Patch => Method::Patch,
        flow::Method::Delete => Method::Delete,
    }
}

/// JSON where the answer says so and it is; else its text; null where there is none.
fn body(answer: &Response) -> Value {
    if answer.body.is_empty() {
        return Value::Null;
    }
    let media_type = answer.media_type();
    let says_json = media_type == "application/json" || media_type.ends_with("+json");
    says_json
        .then(|| serde_json::from_slice(&answer.body).ok())
        .flatten()
        .unwrap_or_else(|| Value::String(String::from_utf8_lossy(&answer.body).into_owned()))
}
