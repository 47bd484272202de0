//! The keys of a provider: when to fetch them, how long to believe them, when to say no.
//!
//! A [`KeyCache`] belongs to one connection and one address (JWK-8) and is a state machine: ask it
//! [`decide`](KeyCache::decide), do what it says, tell it what came of that.
//!
//! ```text
//! decide(Any) ── Use(keys) ── verify ── the token wants fresh keys ── decide(Newer { than: keys })
//!     │                                                                  │
//!     └ Fetch(request) ── received / failed ── decide again              ├ Use(newer)  verify again
//!                                                                        ├ Fetch       likewise
//!                                                                        └ Stay        the refusal stands
//! ```
//!
//! An HMAC connection has no cache: its key is [`KeySet::from_secret`].

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jose::KeySet;
use url::Url;

use crate::answer;
use crate::error::{Error, Misbehavior};
use crate::http::{Purpose, Request, Response};
use crate::seeds;

/// How long a key set is fresh, unless its answer says otherwise (JWK-4).
pub const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// The least that `Cache-Control` can ask for.
pub const MIN_FRESH: SignedDuration = SignedDuration::from_mins(1);
/// The most that `Cache-Control` can ask for.
pub const MAX_FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How long after its last success a key set is used when newer ones cannot be had (JWK-6).
pub const STALE: SignedDuration = SignedDuration::from_hours(24);
/// So many forced fetches at once; one more each [`REFILL`] (JWK-5).
pub const FORCED_FETCHES: u32 = 3;
/// See [`FORCED_FETCHES`].
pub const REFILL: SignedDuration = SignedDuration::from_mins(1);
/// How long a `kid` that was not found is remembered (JWK-5).
pub const REMEMBERED: SignedDuration = SignedDuration::from_secs(60);
/// So many of those.
pub const MAX_REMEMBERED: usize = 1000;
/// A fetch that has not been reported on by then is taken for lost.
pub const FETCH_LIMIT: SignedDuration = SignedDuration::from_secs(20);

const FIRST_BACK_OFF: SignedDuration = SignedDuration::from_secs(1);
const MAX_BACK_OFF: SignedDuration = SignedDuration::from_mins(5);

/// The cached keys of one connection at one address.
#[derive(Debug)]
pub struct KeyCache {
    address: Url,
    held: Option<Held>,
    /// When the fetch under way began.
    fetching: Option<Timestamp>,
    failures: u32,
    /// No fetch before this.
    blocked_until: Option<Timestamp>,
    bucket: Bucket,
    /// Digest of a `kid` that a forced fetch was made for, and when.
    asked: BTreeMap<String, Timestamp>,
}

#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    fetched: Timestamp,
    fresh_until: Timestamp,
}

/// Which keys are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Want<'a> {
    /// Those to verify a token with.
    Any,
    /// Others than `than`, which could not verify a token ([`Misbehavior::wants_fresh_keys`]).
    Newer {
        /// What was tried.
        than: &'a Arc<KeySet>,
        /// The token's `kid`, see [`kid_of`].
        kid: Option<&'a str>,
    },
}

/// What to do.
#[derive(Debug)]
#[must_use = "a fetch that is decided on must be made and reported"]
pub enum Decision {
    /// Verify with these.
    Use(Arc<KeySet>),
    /// Send this; then [`KeyCache::received`] or [`KeyCache::failed`], and decide again.
    Fetch(Request),
    /// Someone else is fetching: wait for what they report, and decide again.
    Join,
    /// There are no newer keys to be had now: the refusal stands.
    Stay,
    /// There are no keys at all. Nothing is ever accepted without its signature (JWK-6).
    Unavailable {
        /// When the next fetch may be made.
        retry_after: SignedDuration,
    },
}

/// How well the cache can do its work, for alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing was fetched yet.
    Empty,
    /// The last fetch went well.
    Good,
    /// The last `failures` fetches failed; keys of `since` are used while they may be.
    Failing {
        /// How many in a row.
        failures: u32,
        /// The last success.
        since: Option<Timestamp>,
    },
}

impl KeyCache {
    /// An empty cache for the keys at `address`.
    pub fn new(address: Url) -> KeyCache {
        KeyCache {
            address,
            held: None,
            fetching: None,
            failures: 0,
            blocked_until: None,
            bucket: Bucket::full(),
            asked: BTreeMap::new(),
        }
    }

    /// Where the keys are published.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// What to do about `want`.
    pub fn decide(&mut self, now: Timestamp, want: Want<'_>) -> Decision {
        match want {
            Want::Any => self.any(now),
            Want::Newer { than, kid } => self.newer(now, than, kid),
        }
    }

    /// Takes the answer to a fetch. A key that is not in it verifies nothing from now on (JWK-7).
    ///
    /// # Errors
    /// What was wrong with the answer, for the log; it has been counted as a failed fetch.
    pub fn received(&mut self, answer: &Response, now: Timestamp) -> Result<(), Error> {
        match read(answer, now) {
            Ok(keys) => {
                let fresh_until = later(now, freshness(answer));
                self.held = Some(Held {
                    keys: Arc::new(keys),
                    fetched: now,
                    fresh_until,
                });
                self.fetching = None;
                self.failures = 0;
                self.blocked_until = None;
                Ok(())
            }
            Err(error) => {
                self.failed(now);
                Err(error)
            }
        }
    }

    /// A fetch got no answer. The old keys stay in use for a while (JWK-6).
    pub fn failed(&mut self, now: Timestamp) {
        self.fetching = None;
        self.failures = self.failures.saturating_add(1);
        self.blocked_until = Some(later(now, back_off(self.failures)));
    }

    /// How the cache does.
    pub fn health(&self) -> Health {
        let since = self.held.as_ref().map(|held| held.fetched);
        match (self.failures, since) {
            (0, None) => Health::Empty,
            (0, Some(_)) => Health::Good,
            (failures, since) => Health::Failing { failures, since },
        }
    }

    fn any(&mut self, now: Timestamp) -> Decision {
        if let Some(held) = self.held.as_ref().filter(|held| now < held.fresh_until) {
            return Decision::Use(Arc::clone(&held.keys));
        }
        if self.is_blocked(now) {
            return self.stale(now);
        }
        self.fetch_or_join(now)
    }

    fn newer(&mut self, now: Timestamp, than: &Arc<KeySet>, kid: Option<&str>) -> Decision {
        match &self.held {
            None => return self.any(now),
            Some(held) if !Arc::ptr_eq(&held.keys, than) => return self.any(now),
            Some(_) => {}
        }
        if self.is_fetching(now) {
            return Decision::Join;
        }
        if self.is_blocked(now) || self.was_asked(kid, now) || !self.bucket.take(now) {
            return Decision::Stay;
        }
        self.remember(kid, now);
        self.fetch_or_join(now)
    }

    fn fetch_or_join(&mut self, now: Timestamp) -> Decision {
        if self.is_fetching(now) {
            return Decision::Join;
        }
        self.fetching = Some(now);
        let accept = "application/jwk-set+json, application/json";
        Decision::Fetch(Request::get(Purpose::Keys, self.address.clone(), accept))
    }

    fn stale(&self, now: Timestamp) -> Decision {
        match &self.held {
            Some(held) if now < later(held.fetched, STALE) => Decision::Use(Arc::clone(&held.keys)),
            _ => {
                let until = self.blocked_until.unwrap_or(now);
                Decision::Unavailable {
                    retry_after: until.duration_since(now),
                }
            }
        }
    }

    fn is_fetching(&self, now: Timestamp) -> bool {
        self.fetching
            .is_some_and(|since| now < later(since, FETCH_LIMIT))
    }

    fn is_blocked(&self, now: Timestamp) -> bool {
        self.blocked_until.is_some_and(|until| now < until)
    }

    fn was_asked(&self, kid: Option<&str>, now: Timestamp) -> bool {
        let asked = kid.and_then(|kid| self.asked.get(&seeds::digest(kid)));
        asked.is_some_and(|asked| now < later(*asked, REMEMBERED))
    }

    fn remember(&mut self, kid: Option<&str>, now: Timestamp) {
        let Some(kid) = kid else { return };
        self.asked
            .retain(|_, asked| now < later(*asked, REMEMBERED));
        if self.asked.len() < MAX_REMEMBERED {
            self.asked.insert(seeds::digest(kid), now);
        }
    }
}

/// The `kid` that a token names, before anything about that token is known. Good for
/// [`Want::Newer`] and for nothing else (JWT-10).
pub fn kid_of(token: &str) -> Option<String> {
    let header = token.split('.').next()?;
    if header.len() > jose::MAX_HEADER_BYTES {
        return None;
    }
    let header = jose::json::parse(&jose::base64url::decode(header).ok()?).ok()?;
    let kid = header.get("kid")?.as_str()?;
    (kid.len() <= jose::MAX_KID_BYTES).then(|| kid.to_owned())
}

/// Forced fetches that are left. It starts full and is never read from anywhere.
#[derive(Debug)]
struct Bucket {
    left: u32,
    /// When the refill of the first token taken began; `None` while full.
    refilling: Option<Timestamp>,
}

impl Bucket {
    fn full() -> Bucket {
        Bucket {
            left: FORCED_FETCHES,
            refilling: None,
        }
    }

    fn take(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.refilling.get_or_insert(now);
        true
    }

    fn refill(&mut self, now: Timestamp) {
        while let Some(since) = self.refilling {
            let due = later(since, REFILL);
            if now < due {
                return;
            }
            self.left += 1;
            self.refilling = (self.left < FORCED_FETCHES).then_some(due);
        }
    }
}

fn read(answer: &Response, now: Timestamp) -> Result<KeySet, Error> {
    if answer.status != 200 {
        return Err(answer::failure(answer, now));
    }
    KeySet::parse(&answer.body).map_err(|fault| Misbehavior::Keys(fault).into())
}

/// `max-age`, within bounds; what may not be stored is fresh for the least time there is.
fn freshness(answer: &Response) -> SignedDuration {
    let Some(control) = answer.header("cache-control") else {
        return FRESH;
    };
    let control = control.to_ascii_lowercase();
    let mut directives = control.split(',').map(str::trim);
    if directives
        .clone()
        .any(|directive| matches!(directive, "no-store" | "no-cache"))
    {
        return MIN_FRESH;
    }
    let max_age = directives.find_map(|directive| directive.strip_prefix("max-age="));
    let seconds = max_age.and_then(|text| text.trim_matches('"').parse::<u32>().ok());
    let asked = seconds.map(|seconds| SignedDuration::from_secs(seconds.into()));
    asked.map_or(FRESH, |asked| asked.clamp(MIN_FRESH, MAX_FRESH))
}

fn back_off(failures: u32) -> SignedDuration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_BACK_OFF
        .saturating_mul(1 << doublings)
        .min(MAX_BACK_OFF)
}

fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}
