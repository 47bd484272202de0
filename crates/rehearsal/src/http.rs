//! Requests and responses as plain data.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::Value;
use url::form_urlencoded;

/// One HTTP request as the provider sees it.
///
/// Its `Debug` shows method and path only: queries, headers and bodies carry secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// In capitals: `GET`, `POST`.
    pub method: String,
    /// Raw path, as sent, beginning with `/`.
    pub path: String,
    /// Raw query without its `?`; empty if there is none.
    pub query: String,
    /// Names in any case, repetitions kept.
    pub headers: Vec<(String, String)>,
    /// The body after transfer decoding.
    pub body: Vec<u8>,
}

impl Request {
    /// A `GET` of an address, absolute or beginning with `/`. A fragment is cut off.
    pub fn get(address: &str) -> Self {
        let (path, query) = split(address);
        Self {
            method: "GET".into(),
            path,
            query,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A `POST` of a form to an address, absolute or beginning with `/`.
    pub fn post(address: &str, form: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        Self {
            method: "POST".into(),
            body: body.into_bytes(),
            ..Self::get(address)
        }
        .with("content-type", "application/x-www-form-urlencoded")
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// The same with `Authorization: Basic`, both parts form-encoded first (RFC 6749 §2.3.1).
    #[must_use]
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(id), encode(secret));
        self.with("authorization", &format!("Basic {}", STANDARD.encode(pair)))
    }

    /// The one value of a header; `None` if it is absent or sent more than once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// The token of an `Authorization: Bearer` header (RFC 6750 §2.1), the only place for one.
    pub(crate) fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }

    pub(crate) fn query_pairs(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The decoded form; empty unless the content type says that the body is one.
    pub(crate) fn form_pairs(&self) -> Vec<(String, String)> {
        let kind = self.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Vec::new();
        }
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.path)
    }
}

fn split(address: &str) -> (String, String) {
    let address = address.split('#').next().unwrap_or_default();
    let local = match address.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            rest.find(['/', '?']).map_or("/", |at| &rest[at..])
        }
        _ => address,
    };
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    let path = if path.is_empty() { "/" } else { path };
    (path.to_owned(), query.to_owned())
}

/// One answer, and how it travels.
///
/// Its `Debug` shows status, size and delivery only: headers and bodies carry secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case. Values are not checked: a fault may put anything there.
    pub headers: Vec<(String, String)>,
    /// The whole body, however it is delivered.
    pub body: Vec<u8>,
    /// What the transport does with the three above.
    pub delivery: Delivery,
}

/// How the transport hands an answer over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// At once and whole.
    Prompt,
    /// Whole, but only after this time. Cut it short when the client hangs up.
    Late(SignedDuration),
    /// Headers at once, then one body byte each second.
    Dripping,
    /// Headers and this many bytes of the body, then the connection is cut.
    CutAfter(usize),
    /// Nothing: the connection is cut although the request was read, and maybe carried out.
    Dropped,
    /// Nothing: the connection is not even accepted. The request was not carried out.
    Unreachable,
}

impl Response {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text, wrong UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// May be kept by caches, without a word on how long.
    pub(crate) fn cacheable(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "cache-control");
        self
    }

    /// Must not be kept by caches, as everything but public documents.
    pub(crate) fn empty(status: u16) -> Self {
        let headers = vec![("cache-control".to_owned(), "no-store".to_owned())];
        Self {
            status,
            headers,
            body: Vec::new(),
            delivery: Delivery::Prompt,
        }
    }

    pub(crate) fn of_json(status: u16, body: &Value) -> Self {
        Self {
            body: body.to_string().into_bytes(),
            ..Self::empty(status)
        }
        .typed("application/json")
    }

    pub(crate) fn of_html(status: u16, body: String) -> Self {
        Self {
            body: body.into_bytes(),
            ..Self::empty(status)
        }
        .typed("text/html; charset=utf-8")
    }

    /// 303, so that no browser repeats a `POST` at the next address.
    pub(crate) fn redirect(location: String) -> Self {
        Self::empty(303).with("location", location)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn typed(mut self, content_type: &str) -> Self {
        self.headers.retain(|(name, _)| name != "content-type");
        self.with("content-type", content_type)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Response({}, {} bytes, {:?})",
            self.status,
            self.body.len(),
            self.delivery
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_path_and_query() {
        for (address, path, query) in [
            ("https://login.example/authorize?a=b#c", "/authorize", "a=b"),
            ("https://login.example", "/", ""),
            ("https://login.example?a", "/", "a"),
            ("/authorize", "/authorize", ""),
            (
                "/authorize?next=https://x.example",
                "/authorize",
                "next=https://x.example",
            ),
        ] {
            let request = Request::get(address);
            assert_eq!(
                (request.path.as_str(), request.query.as_str()),
                (path, query),
                "{address}"
            );
        }
    }

    #[test]
    fn a_header_sent_twice_has_no_value() {
        let once = Request::get("/").bearer("a");
        assert_eq!(once.header("Authorization"), Some("Bearer a"));
        assert_eq!(once.bearer("b").header("authorization"), None);
    }

    #[test]
    fn debug_shows_no_secret() {
        let request =
            Request::post("/token?s=canary", &[("client_secret", "canary")]).bearer("canary");
        let response =
            Response::of_json(200, &serde_json::json!("canary")).with("location", "canary");
        assert!(!format!("{request:?}{response:?}").contains("canary"));
    }
}
