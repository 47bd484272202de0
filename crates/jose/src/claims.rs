//! The claims of a verified token, read by type: a wrong type is a fault, never ignored.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::json::{Document, Item, Shape};

/// How far two clocks may be apart, either way.
///
/// RFC 7519 §4.1.4 allows "usually no more than a few minutes"; we give one (JWT-11).
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// More audiences than this are refused (IDT-3).
pub const MAX_AUDIENCES: usize = 16;

/// The payload of a token whose signature was good. Only [`crate::verify`] makes one.
///
/// `Debug` shows the names of the claims alone: their values are someone's personal data.
#[derive(Clone)]
pub struct Claims {
    document: Document,
}

/// Why a claim cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// A required claim is absent.
    #[error("claim {0} is missing")]
    Missing(String),
    /// The claim is there, but not of its type. It is not treated as absent (CVE-2026-25537).
    #[error("claim {0} has the wrong type")]
    WrongType(String),
    /// A date is negative or beyond 2^53 seconds.
    #[error("claim {0} is no date")]
    NotADate(String),
    /// `aud` is an empty array, or has more than [`MAX_AUDIENCES`] elements.
    #[error("too many audiences, or none")]
    AudienceCount,
    /// `exp` lies [`LEEWAY`] or more in the past.
    #[error("expired")]
    Expired,
    /// `nbf` lies more than [`LEEWAY`] ahead.
    #[error("not valid yet")]
    NotYetValid,
    /// `iat` lies more than [`LEEWAY`] ahead.
    #[error("issued in the future")]
    IssuedAhead,
    /// `iat` lies further back than the caller permits.
    #[error("issued too long ago")]
    TooOld,
}

/// A `NumericDate` (RFC 7519 §2): seconds since 1970, fractions permitted.
///
/// Dates after the year 9999 count as its last second; comparing saturates and never overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumericDate(Timestamp);

impl NumericDate {
    /// The instant meant, without any leeway.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Whether `now` is at or after this date and [`LEEWAY`]: the question for `exp`.
    pub fn has_passed(self, now: Timestamp) -> bool {
        now >= later(self.0, LEEWAY)
    }

    /// Whether this date lies more than [`LEEWAY`] after `now`: the question for `iat` and `nbf`.
    pub fn is_ahead(self, now: Timestamp) -> bool {
        self.0 > later(now, LEEWAY)
    }

    /// Whether this date lies more than `age` before `now`.
    pub fn is_older_than(self, age: SignedDuration, now: Timestamp) -> bool {
        later(self.0, age) < now
    }
}

impl Claims {
    pub(crate) fn new(document: Document) -> Claims {
        Claims { document }
    }

    /// Whether the claim is there, be it `null`.
    pub fn has(&self, name: &str) -> bool {
        self.item(name).is_some()
    }

    /// The claim as a value of its own.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.item(name).map(Item::value)
    }

    /// All claims, in the order of the token.
    pub fn to_map(&self) -> Map<String, Value> {
        self.document.to_map()
    }

    /// A claim that is a string. `null` is a wrong type, not an absent claim.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ClaimFault> {
        self.typed(name, Item::text)
    }

    /// A claim that is a string and must be there.
    pub fn required_text(&self, name: &str) -> Result<&str, ClaimFault> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// A claim that is `true` or `false`; the strings of those names are a wrong type.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ClaimFault> {
        self.typed(name, |item| match item.shape() {
            Shape::Bool(flag) => Some(flag),
            _ => None,
        })
    }

    /// A claim that is an array of nothing but strings.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, ClaimFault> {
        self.typed(name, texts)
    }

    /// `aud`: one string, or an array of 1 to [`MAX_AUDIENCES`] strings.
    pub fn audience(&self) -> Result<Vec<&str>, ClaimFault> {
        let audience = self.typed("aud", |item| match item.text() {
            Some(one) => Some(vec![one]),
            None => texts(item),
        })?;
        let audience = audience.ok_or_else(|| missing("aud"))?;
        if audience.is_empty() || audience.len() > MAX_AUDIENCES {
            return Err(ClaimFault::AudienceCount);
        }
        Ok(audience)
    }

    /// A claim that is a date: a JSON number from 0 to 2^53, fractions permitted (JWT-11).
    pub fn instant(&self, name: &str) -> Result<Option<NumericDate>, ClaimFault> {
        let number = self.typed(name, |item| match item.shape() {
            Shape::Number(text) => Some(text),
            _ => None,
        })?;
        number
            .map(|text| numeric_date(text).ok_or_else(|| ClaimFault::NotADate(name.to_owned())))
            .transpose()
    }

    /// A date that must be there.
    pub fn required_instant(&self, name: &str) -> Result<NumericDate, ClaimFault> {
        self.instant(name)?.ok_or_else(|| missing(name))
    }

    /// `exp`, which is required, has not passed; `nbf` and `iat`, where present, are not ahead.
    ///
    /// Where `iat` is required or must be recent, [`Claims::check_issued`] comes on top.
    pub fn check_times(&self, now: Timestamp) -> Result<(), ClaimFault> {
        if self.required_instant("exp")?.has_passed(now) {
            return Err(ClaimFault::Expired);
        }
        if self.instant("nbf")?.is_some_and(|nbf| nbf.is_ahead(now)) {
            return Err(ClaimFault::NotYetValid);
        }
        if self.instant("iat")?.is_some_and(|iat| iat.is_ahead(now)) {
            return Err(ClaimFault::IssuedAhead);
        }
        Ok(())
    }

    /// `iat` is there, not ahead, and no older than `max_age` (to which no leeway is added).
    pub fn check_issued(&self, max_age: SignedDuration, now: Timestamp) -> Result<(), ClaimFault> {
        let iat = self.required_instant("iat")?;
        if iat.is_ahead(now) {
            return Err(ClaimFault::IssuedAhead);
        }
        if iat.is_older_than(max_age, now) {
            return Err(ClaimFault::TooOld);
        }
        Ok(())
    }

    fn item(&self, name: &str) -> Option<Item<'_>> {
        self.document.root().member(name)
    }

    fn typed<'c, T>(
        &'c self,
        name: &str,
        read: impl FnOnce(Item<'c>) -> Option<T>,
    ) -> Result<Option<T>, ClaimFault> {
        self.item(name)
            .map(|item| read(item).ok_or_else(|| ClaimFault::WrongType(name.to_owned())))
            .transpose()
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.document.root().members().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

fn texts(list: Item<'_>) -> Option<Vec<&str>> {
    match list.shape() {
        Shape::List => list.elements().map(Item::text).collect(),
        _ => None,
    }
}

fn missing(name: &str) -> ClaimFault {
    ClaimFault::Missing(name.to_owned())
}

/// The largest integer up to which doubles are exact, and so the last date two readers agree on.
const MAX_SECONDS: u64 = 1 << 53;

fn numeric_date(text: &str) -> Option<NumericDate> {
    // Not through a double: it would round 2^53 + 1 down into the range.
    if let Ok(seconds) = text.parse::<u64>() {
        return (seconds <= MAX_SECONDS).then(|| saturated(Duration::from_secs(seconds)));
    }
    let seconds = text.parse::<f64>().ok()?;
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    (since <= Duration::from_secs(MAX_SECONDS)).then(|| saturated(since))
}

fn saturated(since_epoch: Duration) -> NumericDate {
    let since = SignedDuration::try_from(since_epoch).unwrap_or(SignedDuration::MAX);
    NumericDate(later(Timestamp::UNIX_EPOCH, since))
}

fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}
