//! Serving something that speaks no HTTP itself: a function from request to response.
//!
//! The rehearsal provider is mounted so, on a listener of its own (architecture 11.15).

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::State, response::Response as HttpResponse};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Limited};

/// The largest body that is read.
const BODY_BYTES: usize = 64 * 1024;

/// A request as plain data.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query, as it was sent; empty if there was none.
    pub query: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A response as plain data.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait before it is sent.
    pub delay: Duration,
}

/// The function that answers.
pub type Answer = Arc<dyn Fn(Request) -> Response + Send + Sync>;

/// A router that hands every request to `answer`.
pub fn router(answer: Answer) -> Router {
    Router::new().fallback(serve).with_state(answer)
}

async fn serve(State(answer): State<Answer>, request: axum::extract::Request) -> HttpResponse {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let answered = answer(Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: body.to_bytes().to_vec(),
    });
    if !answered.delay.is_zero() {
        tokio::time::sleep(answered.delay).await;
    }
    response(answered)
}

fn response(answered: Response) -> HttpResponse {
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::new(Body::from(answered.body));
    *response.status_mut() = status;
    for (name, value) in answered.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn empty(status: StatusCode) -> HttpResponse {
    let mut response = HttpResponse::new(Body::empty());
    *response.status_mut() = status;
    response
}
