//! What a client sends, and what it gets.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use serde_json::Value;
use url::form_urlencoded;

use crate::PUBLIC_URL;

/// A request to the server, to be sent by a [`Browser`](crate::Browser).
#[derive(Clone, Debug)]
pub struct Call {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    /// A request for a path, or for an address at [`PUBLIC_URL`].
    pub fn new(method: &'static str, address: &str) -> Self {
        let target = address.strip_prefix(PUBLIC_URL).unwrap_or(address);
        assert!(target.starts_with('/'), "`{address}` is not the server's");
        Self {
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A `GET`.
    pub fn get(address: &str) -> Self {
        Self::new("GET", address)
    }

    /// A `POST` without a body.
    pub fn post(address: &str) -> Self {
        Self::new("POST", address)
    }

    /// One more header; the same name may be sent twice.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// A form as its body.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body = form.into_bytes();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// JSON as its body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string().as_bytes())
            .header("content-type", "application/json")
    }

    /// These bytes as its body.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn into_request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.target);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request
            .body(Body::from(self.body))
            .expect("the test's request is one")
    }

    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What the server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, which it must be.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} is not JSON: {}", self.status, self.text()))
    }

    /// The first header of this name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(HeaderName::try_from(name).ok()?)?;
        value.to_str().ok()
    }

    /// Where it redirects to.
    pub fn location(&self) -> Option<&str> {
        self.header(header::LOCATION.as_str())
    }

    /// The code of an error of ours.
    pub fn code(&self) -> String {
        let code = self.json()["error"]["code"].as_str().map(str::to_owned);
        code.unwrap_or_default()
    }

    /// Every `Set-Cookie`.
    pub fn set_cookies(&self) -> Vec<&str> {
        let set = self.headers.get_all(header::SET_COOKIE).iter();
        set.filter_map(|value: &HeaderValue| value.to_str().ok())
            .collect()
    }

    /// The heading of a page.
    pub fn title(&self) -> String {
        self.between("<h1>", "</h1>").unwrap_or_default()
    }

    /// The text between two marks of a page, unescaped.
    pub fn between(&self, before: &str, after: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(before)?;
        let (found, _) = rest.split_once(after)?;
        Some(unescaped(found))
    }

    /// Where the page goes on to that follows a confirmation form.
    pub fn onward(&self) -> Option<String> {
        let text = self.text();
        let (before, _) = text.split_once(" data-onward")?;
        let (_, rest) = before.rsplit_once("href=\"")?;
        let (address, _) = rest.split_once('"')?;
        Some(unescaped(address))
    }

    /// The eight letters of a page that shows a code.
    pub fn shown_code(&self) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once("class=\"code\"")?;
        let (label, _) = rest.split_once("aria-label=\"")?.1.split_once('"')?;
        Some(label.chars().filter(char::is_ascii_alphabetic).collect())
    }
}

/// HTML's own five characters, and the slash, as templates escape them.
fn unescaped(text: &str) -> String {
    [
        ("&#x2f;", "/"),
        ("&#x27;", "'"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (escaped, plain)| {
        text.replace(escaped, plain)
    })
}
