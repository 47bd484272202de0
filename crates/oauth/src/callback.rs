//! What the browser brings back: the authorization response (RFC 6749 §4.1.2, RFC 9207).

use std::fmt;

use secrecy::SecretString;

use crate::{Error, Misbehavior, ProviderError};

/// The longest query that is looked at, in bytes (BND-9).
pub const MAX_QUERY_BYTES: usize = 8 * 1024;
/// The longest code, in bytes after decoding (BND-9).
pub const MAX_CODE_BYTES: usize = 2 * 1024;

/// An authorization response in which every parameter stands once. Nothing in it is believed yet:
/// find the attempt by `state`, then [`check_issuer`].
pub struct Answer {
    /// As it came. Look the attempt up by its digest.
    pub state: SecretString,
    /// Who says to have answered, decoded once and otherwise untouched.
    pub iss: Option<String>,
    /// What was answered.
    pub outcome: Outcome,
}

/// The two answers there are.
pub enum Outcome {
    /// Redeem it once, at the attempt's own token endpoint.
    Code(SecretString),
    /// It fails the attempt, after the same checks that a code has to pass (BND-17).
    Error(ProviderError),
}

/// Reads the query of a callback (BND-9).
///
/// Percent-decodes once. Parameters this protocol does not know are ignored.
pub fn parse(query: &str) -> Result<Answer, Fault> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(Fault::QueryTooLong);
    }
    let mut held = Parameters::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        held.take(&decode(name)?, decode(value)?)?;
    }
    held.into_answer()
}

/// The `state` of a callback, however broken the rest is, so that a broken answer can fail the
/// attempt it belongs to. Never a reason to go on with that answer.
pub fn state_of(query: &str) -> Option<String> {
    let values = query.split('&').filter_map(|pair| pair.split_once('='));
    values
        .filter(|(name, _)| decode(name).is_ok_and(|name| name == "state"))
        .find_map(|(_, value)| decode(value).ok().filter(|value| is_visible(value)))
}

/// Holds the answer against the issuer that the attempt was made for (MIX-1, MIX-2).
///
/// `sends_iss`: the provider's metadata announce the parameter. Without an `expected` issuer (a bare
/// OAuth server) there is nothing to compare with, and the connection's own callback address is
/// what keeps providers apart (MIX-3).
pub fn check_issuer(
    answer: &Answer,
    expected: Option<&str>,
    sends_iss: bool,
) -> Result<(), Misbehavior> {
    match (&answer.iss, expected) {
        (Some(got), Some(expected)) if got != expected => Err(Misbehavior::mismatch(expected, got)),
        (None, _) if sends_iss => Err(Misbehavior::IssuerMissing),
        _ => Ok(()),
    }
}

impl Answer {
    /// The code, or what the provider's error means.
    pub fn into_code(self) -> Result<SecretString, Error> {
        match self.outcome {
            Outcome::Code(code) => Ok(code),
            Outcome::Error(said) => Err(said.into_error()),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("iss", &self.iss)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Code(_) => f.write_str("Code(***)"),
            Outcome::Error(said) => f.debug_tuple("Error").field(said).finish(),
        }
    }
}

/// Which check a callback failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Fault {
    #[error("the query is too long")]
    QueryTooLong,
    #[error("a percent escape is broken, or hides what is not UTF-8")]
    Encoding,
    #[error("`{0}` stands twice")]
    Repeated(&'static str),
    #[error("`{0}` may not stand in an answer to a code request")]
    Forbidden(&'static str),
    #[error("`{0}` is missing or empty")]
    Missing(&'static str),
    #[error("`{0}` holds a character that may not stand there")]
    Character(&'static str),
    #[error("the code is too long")]
    CodeTooLong,
    #[error("a code and an error at once")]
    CodeAndError,
}

impl Fault {
    /// See [`Error::code`].
    pub fn code(self) -> &'static str {
        match self {
            Fault::QueryTooLong => "misbehaved.callback.query_too_long",
            Fault::Encoding => "misbehaved.callback.encoding",
            Fault::Repeated(_) => "misbehaved.callback.repeated",
            Fault::Forbidden(_) => "misbehaved.callback.forbidden",
            Fault::Missing(_) => "misbehaved.callback.missing",
            Fault::Character(_) => "misbehaved.callback.character",
            Fault::CodeTooLong => "misbehaved.callback.code_too_long",
            Fault::CodeAndError => "misbehaved.callback.code_and_error",
        }
    }
}

/// The parameters that mean something, in the order of [`Parameters::values`].
const KNOWN: [&str; 7] = [
    "code",
    "state",
    "iss",
    "session_state",
    "error",
    "error_description",
    "error_uri",
];
/// Answers to questions that we never ask: implicit and hybrid flow.
const FORBIDDEN: [&str; 3] = ["access_token", "id_token", "token_type"];

#[derive(Default)]
struct Parameters {
    values: [Option<String>; KNOWN.len()],
}

impl Parameters {
    fn take(&mut self, name: &str, value: String) -> Result<(), Fault> {
        if let Some(forbidden) = FORBIDDEN.iter().find(|forbidden| **forbidden == name) {
            return Err(Fault::Forbidden(forbidden));
        }
        let Some(place) = KNOWN.iter().position(|known| *known == name) else {
            return Ok(());
        };
        match self.values[place].replace(value) {
            None => Ok(()),
            Some(_) => Err(Fault::Repeated(KNOWN[place])),
        }
    }

    fn into_answer(self) -> Result<Answer, Fault> {
        let [
            code,
            state,
            iss,
            _session_state,
            error,
            description,
            _error_uri,
        ] = self.values;
        let state = visible("state", state)?.ok_or(Fault::Missing("state"))?;
        let outcome = match (code, error) {
            (Some(_), Some(_)) => return Err(Fault::CodeAndError),
            (None, None) => return Err(Fault::Missing("code")),
            (Some(code), None) => Outcome::Code(checked_code(code)?),
            (None, Some(error)) => {
                Outcome::Error(ProviderError::new(&error, description.as_deref()))
            }
        };
        Ok(Answer {
            state: state.into(),
            iss,
            outcome,
        })
    }
}

fn checked_code(code: String) -> Result<SecretString, Fault> {
    if code.len() > MAX_CODE_BYTES {
        return Err(Fault::CodeTooLong);
    }
    let code = visible("code", Some(code))?.ok_or(Fault::Missing("code"))?;
    Ok(code.into())
}

/// Absent and empty are the same; anything but printable ASCII is refused (RFC 6749 appendix A).
fn visible(name: &'static str, value: Option<String>) -> Result<Option<String>, Fault> {
    match value.filter(|value| !value.is_empty()) {
        Some(value) if !is_visible(&value) => Err(Fault::Character(name)),
        value => Ok(value),
    }
}

fn is_visible(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Undoes `application/x-www-form-urlencoded` once, without guessing at what is broken.
fn decode(text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next())? << 4 | hex(rest.next())?,
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| Fault::Encoding)
}

fn hex(digit: Option<u8>) -> Result<u8, Fault> {
    match digit {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(Fault::Encoding),
    }
}
