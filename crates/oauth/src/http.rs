//! Requests and answers as plain data. Their `Debug` shows neither header values, bodies nor queries
//! (SEC-2, SEC-3).

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

/// What to send. Redirects are never followed: a 3xx is an answer like any other (UIN-3).
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What it is for: limits and counters differ by it.
    pub purpose: Purpose,
    /// GET or POST.
    pub method: Method,
    /// Where to. Not yet held against the address rules of the network (EGR).
    pub url: Url,
    /// Names in lower case.
    pub headers: Vec<(String, Masked)>,
    /// Already encoded; its `content-type` stands in the headers.
    pub body: Option<Masked>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A metadata document.
    Discovery,
    /// A key set.
    Keys,
    /// The token endpoint.
    Token,
    /// The user information endpoint.
    UserInfo,
    /// The revocation endpoint.
    Revocation,
    /// An API called as the person; made by the caller, not by this crate.
    Api,
}

/// The methods that are used towards providers and APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of RFC 9110 §9.3")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
}

impl Method {
    /// The name as it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
        }
    }
}

/// Text that may hold a secret: wiped when dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked(Zeroizing<Vec<u8>>);

impl Masked {
    /// The bytes to put on the wire.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, empty if they are none. All that this crate makes is text.
    pub fn expose_text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&str> for Masked {
    fn from(text: &str) -> Masked {
        Masked(Zeroizing::new(text.as_bytes().to_vec()))
    }
}

impl From<String> for Masked {
    fn from(text: String) -> Masked {
        Masked(Zeroizing::new(text.into_bytes()))
    }
}

impl From<Vec<u8>> for Masked {
    fn from(bytes: Vec<u8>) -> Masked {
        Masked(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What came back. The body is at most what the purpose allows; the port that read it saw to that.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// The body after any content encoding was undone.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, value)| value.as_str())
    }

    /// The media type without its parameters, in lower case; empty if the answer names none.
    pub fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        let essence = whole.split(';').next().unwrap_or_default();
        essence.trim().to_ascii_lowercase()
    }
}

impl Request {
    pub(crate) fn get(purpose: Purpose, url: Url, accept: &str) -> Request {
        let headers = vec![("accept".to_owned(), Masked::from(accept))];
        Request {
            purpose,
            method: Method::Get,
            url,
            headers,
            body: None,
        }
    }

    pub(crate) fn post(purpose: Purpose, url: Url, form: &Form) -> Request {
        let headers = vec![
            ("accept".to_owned(), Masked::from("application/json")),
            (
                "content-type".to_owned(),
                Masked::from("application/x-www-form-urlencoded"),
            ),
        ];
        Request {
            purpose,
            method: Method::Post,
            url,
            headers,
            body: Some(form.encode()),
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<Masked>) -> Request {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A form on its way to a body. Values are encoded once, here.
#[derive(Default)]
pub(crate) struct Form(Zeroizing<String>);

impl Form {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Form {
        self.push(name, value);
        self
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        self.0
            .extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
    }

    fn encode(&self) -> Masked {
        Masked::from(self.0.as_str())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("purpose", &self.purpose)
            .field("method", &self.method)
            .field("url", &without_query(&self.url))
            .field("headers", &names)
            .field("body", &self.body)
            .finish()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// An address as it may be logged: no user info, query or fragment (SEC-3).
pub fn without_query(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}
