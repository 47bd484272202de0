//! What the outside world looks like from here: time, randomness, HTTP.
//!
//! `cli` supplies the real ones, `testkit` the scripted ones. Nothing above a port may reach
//! around it; in particular every outgoing request of Usher goes through [`Http`].

pub mod egress;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use oauth::http::{Purpose, Request, Response};

/// The world as one process sees it.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Outgoing HTTP.
    pub http: Arc<dyn Http>,
}

/// The time, and waiting for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
    /// Returns once `now()` is at or past `instant`; at once if it already is.
    async fn sleep_until(&self, instant: Timestamp);
}

/// Where unpredictable bytes come from.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with randomness fit for keys.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// `N` fresh random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The one client for outgoing HTTP (EGR-1).
///
/// An implementation resolves the name itself, asks [`egress::Rules::reaches`] about every
/// address and connects to an admitted one; it follows no redirect (EGR-5), ignores proxy
/// variables of the environment (EGR-6), and keeps to the [`Limits`] it is handed (EGR-8).
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends `request` and returns the whole answer, whatever its status.
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, HttpError>;
}

/// Why no answer came. The text is for the log; a conversation sees a category only (EGR-9).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address may not be reached from here (EGR-3, EGR-7). Nothing was sent.
    #[error("egress refused: {0}")]
    Refused(egress::Refusal),
    /// No connection could be made: name unknown, refused, TLS failure. Nothing was sent.
    #[error("could not connect")]
    Unreachable,
    /// A limit of [`Limits`] ran out. The request may have taken effect.
    #[error("timed out")]
    TimedOut,
    /// The connection broke before the whole answer was there. The request may have taken effect.
    #[error("the connection broke")]
    Broken,
    /// The answer, after decompression, is larger than [`Limits::body_bytes`].
    #[error("the answer is too large")]
    TooLarge,
    /// Too many requests to this host are under way (EGR-11). Nothing was sent.
    #[error("too many requests under way")]
    Busy,
}

impl HttpError {
    /// Whether the request may have reached the other side, so that repeating it is not free.
    pub const fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::TimedOut | Self::Broken | Self::TooLarge => true,
            Self::Refused(_) | Self::Unreachable | Self::Busy => false,
        }
    }
}

/// Bounds of one exchange (`docs/reference/limits.md`; EGR-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the first packet to an established connection, TLS included.
    pub connect: Duration,
    /// From the request being sent to the first byte of the answer.
    pub first_byte: Duration,
    /// The whole exchange; a trickle does not extend it.
    pub total: Duration,
    /// The answer's body after decompression.
    pub body_bytes: usize,
}

impl Limits {
    /// The bounds for a request of this purpose.
    pub const fn of(purpose: Purpose) -> Self {
        let (total_s, body_bytes) = match purpose {
            Purpose::Discovery
            | Purpose::Keys
            | Purpose::Token
            | Purpose::UserInfo
            | Purpose::Revocation => (10, 256 * 1024),
            Purpose::Api => (30, 1024 * 1024),
        };
        Self {
            connect: Duration::from_secs(3),
            first_byte: Duration::from_secs(if total_s > 10 { total_s } else { 5 }),
            total: Duration::from_secs(total_s),
            body_bytes,
        }
    }
}
