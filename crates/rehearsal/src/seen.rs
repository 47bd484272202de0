//! What the provider was asked, for tests to count and to look into.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use jiff::Timestamp;

use crate::Endpoint;

/// How many requests are remembered; the oldest are forgotten first, counts stay.
pub(crate) const REMEMBERED: usize = 10_000;

/// One request, decoded, with its secrets. `Debug` shows none of them.
#[derive(Clone)]
pub struct Seen {
    /// When it came.
    pub at: Timestamp,
    /// What it was for.
    pub endpoint: Endpoint,
    /// In capitals.
    pub method: String,
    /// Raw, as sent.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Decoded, in order; empty if the body was no form.
    pub form: Vec<(String, String)>,
    /// As sent.
    pub headers: Vec<(String, String)>,
    /// Subject of the person whose live access token came as bearer.
    pub subject: Option<String>,
    /// The status of the answer, faults included; 0 if none was delivered.
    pub status: u16,
}

impl Seen {
    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The first value of a form field.
    pub fn form(&self, name: &str) -> Option<&str> {
        first(&self.form, name)
    }

    /// The first value of a header, its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The token of an `Authorization: Bearer` header.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} -> {}",
            self.at, self.method, self.path, self.status
        )
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.as_str())
}

/// The memory of requests, bounded, so that a demo may run for months.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) requests: VecDeque<Seen>,
    pub(crate) counts: BTreeMap<Endpoint, u64>,
}

impl Log {
    pub(crate) fn record(&mut self, seen: Seen) {
        *self.counts.entry(seen.endpoint).or_default() += 1;
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(seen);
    }
}
