//! The token endpoint: a code or a refresh token becomes tokens (RFC 6749 §4.1.3, §5, §6).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::answer;
pub use crate::client::Caller;
use crate::error::{Error, MemberFault, Misbehavior, Unsupported};
use crate::exchange::{Exchange, Progress};
use crate::http::{Form, Purpose, Request, Response};
use crate::quirks::Quirk;

/// What an expiry is taken for when the provider does not say (BND-15).
pub const UNKNOWN_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// The longest life that is believed (BND-15).
pub const MAX_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// The longest token, in bytes (BND-15).
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What a callback brought, and what was remembered of its attempt.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// The code.
    pub code: &'a SecretString,
    /// As in the authorization request, byte for byte (BND-8).
    pub redirect_uri: &'a str,
    /// As made by [`authorize::begin`](crate::authorize::begin).
    pub verifier: &'a SecretString,
    /// What was asked for. With `openid` among them an ID token must come.
    pub scopes: &'a [String],
}

/// Redeems a code. Once: if no answer comes, the attempt is over (BND-2).
pub fn redeem(caller: &Caller<'_>, code: &Code<'_>) -> Result<Progress<Redeem>, Error> {
    let form = Form::default()
        .with("grant_type", "authorization_code")
        .with("code", code.code.expose_secret())
        .with("redirect_uri", code.redirect_uri)
        .with("code_verifier", code.verifier.expose_secret());
    let needs_id_token = code.scopes.iter().any(|scope| scope == "openid");
    let redeem = Redeem {
        scopes: code.scopes.to_vec(),
        needs_id_token,
    };
    Ok(Progress::Send(request(caller, form)?, redeem))
}

/// Renews tokens. `scopes`: what the grant has; asked for again only by its refresh token, so that
/// an answer without `scope` means the same ones (ACT-12).
pub fn refresh(
    caller: &Caller<'_>,
    refresh_token: &SecretString,
    scopes: &[String],
) -> Result<Progress<Refresh>, Error> {
    let form = Form::default()
        .with("grant_type", "refresh_token")
        .with("refresh_token", refresh_token.expose_secret());
    Ok(Progress::Send(
        request(caller, form)?,
        Refresh {
            scopes: scopes.to_vec(),
        },
    ))
}

/// Tokens for ourselves, with no person involved (RFC 6749 §4.4, ACT-4).
pub fn client_credentials(
    caller: &Caller<'_>,
    scopes: &[String],
) -> Result<Progress<Refresh>, Error> {
    let mut form = Form::default().with("grant_type", "client_credentials");
    if !scopes.is_empty() {
        form.push("scope", &scopes.join(" "));
    }
    Ok(Progress::Send(
        request(caller, form)?,
        Refresh {
            scopes: scopes.to_vec(),
        },
    ))
}

/// A code under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeem {
    scopes: Vec<String>,
    needs_id_token: bool,
}

/// A refresh token, or our own credentials, under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    scopes: Vec<String>,
}

impl Exchange for Redeem {
    type Outcome = Tokens;

    fn receive(self, answer: Response, now: Timestamp) -> Result<Progress<Redeem>, Error> {
        let tokens = read(&answer, &self.scopes, now)?;
        if self.needs_id_token && tokens.id_token.is_none() {
            return Err(Misbehavior::IdTokenMissing.into());
        }
        Ok(Progress::Done(tokens))
    }
}

impl Exchange for Refresh {
    type Outcome = Tokens;

    fn receive(self, answer: Response, now: Timestamp) -> Result<Progress<Refresh>, Error> {
        read(&answer, &self.scopes, now).map(Progress::Done)
    }
}

/// What a token endpoint gave. The ID token in it is not yet believed.
pub struct Tokens {
    /// A bearer token: printable ASCII, so that it fits a header.
    pub access_token: SecretString,
    /// When it ends by the provider's word, or [`UNKNOWN_LIFE`] from now.
    pub expires_at: Timestamp,
    /// Whether that is the provider's word.
    pub expires_known: bool,
    /// `None` after a refresh: the old one stays in use.
    pub refresh_token: Option<SecretString>,
    /// For [`id_token::verify`](crate::id_token::verify).
    pub id_token: Option<SecretString>,
    /// What was granted: the provider's word, or what was asked if it says nothing (ACT-12).
    pub scopes: Vec<String>,
}

impl Tokens {
    /// Those of `required` that were not granted: a partial consent (BND-12).
    pub fn lacks<'a>(&self, required: &'a [String], quirk: &Quirk) -> Vec<&'a str> {
        let missing = required
            .iter()
            .filter(|scope| !quirk.grants(&self.scopes, scope));
        missing.map(String::as_str).collect()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_at", &self.expires_at)
            .field("expires_known", &self.expires_known)
            .field("has_refresh_token", &self.refresh_token.is_some())
            .field("has_id_token", &self.id_token.is_some())
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

fn request(caller: &Caller<'_>, form: Form) -> Result<Request, Error> {
    caller.post(Purpose::Token, &caller.provider.token_endpoint, form)
}

/// RFC 6749 §5.1, by the rules of BND-15.
fn read(answer: &Response, asked: &[String], now: Timestamp) -> Result<Tokens, Error> {
    if answer.status != 200 {
        return Err(answer::failure(answer, now));
    }
    let body = answer::object(&answer.body)?;
    // Some providers report errors under status 200.
    if let (None, Some(said)) = (body.get("access_token"), answer::provider_error(answer)) {
        return Err(said.into_error());
    }
    let access_token = token(&body, "access_token", MAX_TOKEN_BYTES)?;
    let access_token =
        access_token.ok_or(Misbehavior::member("access_token", MemberFault::Missing))?;
    check_type(&body)?;
    let life = life(body.get("expires_in"))?;
    Ok(Tokens {
        access_token,
        expires_at: now
            .saturating_add(life.unwrap_or(UNKNOWN_LIFE))
            .unwrap_or(Timestamp::MAX),
        expires_known: life.is_some(),
        refresh_token: token(&body, "refresh_token", MAX_TOKEN_BYTES)?,
        id_token: token(&body, "id_token", jose::MAX_ID_TOKEN_BYTES)?,
        scopes: scopes(&body)?.unwrap_or_else(|| asked.to_vec()),
    })
}

/// Printable ASCII: anything else would break or split a header later (BND-15).
fn token(
    body: &Map<String, Value>,
    name: &'static str,
    max_bytes: usize,
) -> Result<Option<SecretString>, Misbehavior> {
    // An empty token is how some spell "none".
    let Some(text) = answer::text(body, name)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.len() > max_bytes {
        return Err(Misbehavior::member(name, MemberFault::TooLong));
    }
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(Misbehavior::member(name, MemberFault::Character));
    }
    Ok(Some(text.into()))
}

/// ACT-17: `bearer` in any case, and nothing else.
fn check_type(body: &Map<String, Value>) -> Result<(), Error> {
    match answer::text(body, "token_type")? {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
        Some(_) => Err(Error::Unsupported(Unsupported::TokenType)),
        None => Err(Misbehavior::member("token_type", MemberFault::Missing).into()),
    }
}

/// A number, or a decimal in a string; the fraction is cut, and the rest held within bounds.
fn life(value: Option<&Value>) -> Result<Option<SignedDuration>, Misbehavior> {
    let wrong = Misbehavior::member("expires_in", MemberFault::WrongType);
    let seconds = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) if is_decimal(text) => text.parse().ok(),
        Some(_) => None,
    };
    let seconds = seconds
        .filter(|seconds: &f64| seconds.is_finite())
        .ok_or(wrong)?;
    let seconds = seconds.clamp(0.0, MAX_LIFE.as_secs_f64()).trunc();
    Ok(Some(SignedDuration::from_secs_f64(seconds)))
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 32 && all_digits(whole) && all_digits(fraction)
}

/// A string with blanks between, or a list; empty means nothing was said.
fn scopes(body: &Map<String, Value>) -> Result<Option<Vec<String>>, Misbehavior> {
    let scopes = match body.get("scope") {
        Some(Value::Array(_)) => answer::texts(body, "scope")?,
        _ => answer::text(body, "scope")?
            .map(|text| text.split_ascii_whitespace().map(str::to_owned).collect()),
    };
    Ok(scopes.filter(|scopes| !scopes.is_empty()))
}
