//! The network beyond the server: scripted hosts, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use app::ports::{Clock as _, Http, HttpError, Limits};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use oauth::http::{Purpose, Request, Response};
use rehearsal::{Delivery, Endpoint, Provider};
use serde_json::Value;
use url::Url;

use crate::clock::ManualClock;

/// A provider that the test and the network share.
pub type SharedProvider = Arc<Mutex<Provider>>;

type Script = Box<dyn FnMut(&rehearsal::Request, Timestamp) -> rehearsal::Response + Send>;

enum Host {
    Provider(SharedProvider),
    Script(Script),
}

/// A request that the server sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When.
    pub at: Timestamp,
    /// What for.
    pub purpose: Purpose,
    /// `GET`, `POST`.
    pub method: String,
    /// Where to.
    pub url: Url,
    /// With their values, secrets included.
    pub headers: Vec<(String, String)>,
    /// The body, secrets included; empty if there was none.
    pub body: String,
}

impl Sent {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(held, _)| held.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// All hosts that there are, by origin.
pub(crate) struct Outside {
    clock: Arc<ManualClock>,
    hosts: Mutex<BTreeMap<String, Host>>,
    sent: Mutex<Vec<Sent>>,
    tokens: Mutex<Vec<String>>,
    /// Endpoints whose answers do not come while this server lives.
    silent: Mutex<BTreeSet<Endpoint>>,
    /// Which server is the living one.
    life: AtomicU64,
}

/// One server's line to the network. It is dead as soon as another server lives.
pub(crate) struct Line {
    outside: Arc<Outside>,
    life: u64,
}

impl Outside {
    pub(crate) fn new(clock: Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            hosts: Mutex::default(),
            sent: Mutex::default(),
            tokens: Mutex::default(),
            silent: Mutex::default(),
            life: AtomicU64::new(0),
        })
    }

    /// A line for the next server; whatever an earlier one waits for never comes.
    pub(crate) fn line(self: &Arc<Self>) -> Line {
        lock(&self.silent).clear();
        Line {
            outside: Arc::clone(self),
            life: self.life.fetch_add(1, Ordering::SeqCst) + 1,
        }
    }

    /// A line for one more server beside the living one.
    pub(crate) fn line_beside(self: &Arc<Self>) -> Line {
        Line {
            outside: Arc::clone(self),
            life: self.life.load(Ordering::SeqCst),
        }
    }

    pub(crate) fn provider_at(&self, origin: &str, provider: SharedProvider) {
        lock(&self.hosts).insert(origin.to_owned(), Host::Provider(provider));
    }

    pub(crate) fn script_at(&self, origin: &str, script: Script) {
        lock(&self.hosts).insert(origin.to_owned(), Host::Script(script));
    }

    pub(crate) fn take_away(&self, origin: &str) {
        lock(&self.hosts).remove(origin);
    }

    pub(crate) fn silence(&self, endpoint: Endpoint) {
        lock(&self.silent).insert(endpoint);
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        lock(&self.sent).clone()
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        lock(&self.tokens).clone()
    }

    fn note_tokens(&self, answer: &rehearsal::Response) {
        let body = answer.json();
        let given = ["access_token", "refresh_token", "id_token"]
            .iter()
            .filter_map(|member| body[*member].as_str().map(str::to_owned));
        lock(&self.tokens).extend(given);
    }

    /// Sends a browser's or the server's request to its host.
    pub(crate) fn answer(&self, url: &Url, request: &rehearsal::Request) -> Option<Answered> {
        let now = self.clock.now();
        let mut hosts = lock(&self.hosts);
        Some(match hosts.get_mut(&url.origin().ascii_serialization())? {
            Host::Script(script) => Answered {
                response: script(request, now),
                endpoint: None,
            },
            Host::Provider(provider) => {
                let mut provider = lock(provider);
                Answered {
                    response: provider.answer(request, now),
                    endpoint: provider.seen().back().map(|seen| seen.endpoint),
                }
            }
        })
    }

    fn is_silent(&self, answered: &Answered) -> bool {
        let silent = lock(&self.silent);
        answered
            .endpoint
            .is_some_and(|endpoint| silent.contains(&endpoint))
    }

    /// Time goes by while an answer is awaited: nothing else happens meanwhile.
    fn wait(&self, span: Duration) {
        self.clock
            .advance(SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX));
    }

    fn deliver(
        &self,
        response: rehearsal::Response,
        limits: &Limits,
    ) -> Result<Response, HttpError> {
        match response.delivery {
            Delivery::Prompt => {}
            Delivery::Late(span) => self.bear(span.unsigned_abs(), limits.first_byte)?,
            Delivery::Dripping => {
                let seconds = u64::try_from(response.body.len()).unwrap_or(u64::MAX);
                self.bear(Duration::from_secs(seconds), limits.total)?;
            }
            Delivery::CutAfter(_) | Delivery::Dropped => return Err(HttpError::Broken),
            Delivery::Unreachable => return Err(HttpError::Unreachable),
        }
        if response.body.len() > limits.body_bytes {
            return Err(HttpError::TooLarge);
        }
        Ok(Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
        })
    }

    fn bear(&self, span: Duration, limit: Duration) -> Result<(), HttpError> {
        self.wait(span.min(limit));
        if span > limit {
            return Err(HttpError::TimedOut);
        }
        Ok(())
    }
}

pub(crate) struct Answered {
    pub(crate) response: rehearsal::Response,
    endpoint: Option<Endpoint>,
}

#[async_trait]
impl Http for Line {
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, HttpError> {
        let outside = &self.outside;
        if outside.life.load(Ordering::SeqCst) != self.life {
            return std::future::pending().await;
        }
        let carried = carried(&request);
        lock(&outside.sent).push(sent(&request, &carried, outside.clock.now()));
        let answered = outside.answer(&request.url, &carried);
        let answered = answered.ok_or(HttpError::Unreachable)?;
        if request.purpose == Purpose::Token {
            outside.note_tokens(&answered.response);
        }
        if outside.is_silent(&answered) {
            return std::future::pending().await;
        }
        outside.deliver(answered.response, &limits)
    }
}

fn carried(request: &Request) -> rehearsal::Request {
    let headers = request.headers.iter();
    rehearsal::Request {
        method: request.method.as_str().to_owned(),
        path: request.url.path().to_owned(),
        query: request.url.query().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.clone(), value.expose_text().to_owned()))
            .collect(),
        body: request
            .body
            .as_ref()
            .map_or_else(Vec::new, |body| body.expose().to_vec()),
    }
}

fn sent(request: &Request, carried: &rehearsal::Request, at: Timestamp) -> Sent {
    Sent {
        at,
        purpose: request.purpose,
        method: carried.method.clone(),
        url: request.url.clone(),
        headers: carried.headers.clone(),
        body: String::from_utf8_lossy(&carried.body).into_owned(),
    }
}

/// A scripted host's answer: JSON.
pub fn json(status: u16, body: &Value) -> rehearsal::Response {
    rehearsal::Response {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
        delivery: Delivery::Prompt,
    }
}

/// A scripted host's answer: a status and nothing else.
pub fn status(status: u16) -> rehearsal::Response {
    rehearsal::Response {
        status,
        headers: Vec::new(),
        body: Vec::new(),
        delivery: Delivery::Prompt,
    }
}

/// A test that failed while it held the lock has said so already.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BEGIN;

    fn deliver(delivery: Delivery, bytes: usize) -> (Result<usize, HttpError>, i64) {
        let outside = Outside::new(Arc::new(ManualClock::new(BEGIN)));
        let answer = rehearsal::Response {
            body: vec![b' '; bytes],
            delivery,
            ..status(200)
        };
        let delivered = outside.deliver(answer, &Limits::of(Purpose::Token));
        let took = outside.clock.now().duration_since(BEGIN).as_secs();
        (delivered.map(|answer| answer.body.len()), took)
    }

    #[test]
    fn answers_travel_as_long_as_they_take_and_no_longer_than_the_limits() {
        let late = |seconds| Delivery::Late(SignedDuration::from_secs(seconds));
        for (delivery, bytes, expected) in [
            (Delivery::Prompt, 10, (Ok(10), 0)),
            (Delivery::Prompt, 300_000, (Err(HttpError::TooLarge), 0)),
            (late(5), 10, (Ok(10), 5)),
            (late(60), 10, (Err(HttpError::TimedOut), 5)),
            (Delivery::Dripping, 8, (Ok(8), 8)),
            (Delivery::Dripping, 80, (Err(HttpError::TimedOut), 10)),
            (Delivery::CutAfter(3), 10, (Err(HttpError::Broken), 0)),
            (Delivery::Dropped, 10, (Err(HttpError::Broken), 0)),
            (Delivery::Unreachable, 10, (Err(HttpError::Unreachable), 0)),
        ] {
            assert_eq!(
                deliver(delivery, bytes),
                expected,
                "{delivery:?}, {bytes} bytes"
            );
        }
    }
}
