//! Believing an ID token (OpenID Connect Core 1.0 §3.1.3.7, §3.1.3.8, §12.2).
//!
//! Claims leave this module only inside an [`IdToken`], and only [`verify`] and
//! [`verify_refreshed`] make one (IDT-11):
//!
//! ```compile_fail,E0277
//! let claims = serde_json::Map::<String, serde_json::Value>::new();
//! let believed = oauth::id_token::IdToken::from(claims);
//! ```
//!
//! ```compile_fail,E0451
//! fn forge(claims: jose::Claims) -> oauth::id_token::IdToken {
//!     oauth::id_token::IdToken { claims, subject: "someone else".to_owned() }
//! }
//! ```
//!
//! Claims that point to sources elsewhere (`_claim_names`, `_claim_sources`) are left as they are:
//! nothing is fetched for them, and nothing in them is believed (IDT-12).

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use jose::{Alg, ClaimFault, Claims, KeySet, Kind, NumericDate, Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use crate::discovery::Provider;
use crate::error::Misbehavior;
use crate::{quirks, seeds};

/// How old an ID token may be at sign-in (IDT-7).
pub const MAX_AGE: SignedDuration = SignedDuration::from_mins(10);

/// What an ID token must be. Start from [`Expected::of`] and add what the attempt remembers.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// Who signs, byte for byte (IDT-2).
    pub issuer: &'a str,
    /// Who is let in where `issuer` is a template ([`quirks::TENANT`]).
    pub tenants: &'a [String],
    /// Whom it is for (IDT-3, IDT-5).
    pub client_id: &'a str,
    /// Who else it may be for (IDT-4).
    pub trusted_audiences: &'a [String],
    /// What it may be signed by (JWT-5).
    pub algs: &'a [Alg],
    /// The attempt's. Without one no sign-in succeeds (BND-6); after a refresh it is not looked at.
    pub nonce: Option<&'a str>,
    /// The access token it came with, for `at_hash` (IDT-8).
    pub access_token: Option<&'a str>,
    /// The code it was bought with, for `c_hash`.
    pub code: Option<&'a str>,
    /// The attempt's `state`, for `s_hash`.
    pub state: Option<&'a str>,
    /// How long ago it may have been issued at sign-in; [`MAX_AGE`] unless set otherwise.
    pub issued_within: SignedDuration,
    /// The `max_age` that was asked for: `auth_time` must be there, and fresh (BND-12).
    pub authenticated_within: Option<SignedDuration>,
    /// The `acr_values` that were asked for as essential: one of them must be there (BND-12).
    pub acr: &'a [String],
}

impl<'a> Expected<'a> {
    /// The defaults for one provider; `None` for a bare OAuth server, which has no ID tokens.
    pub fn of(provider: &'a Provider, client_id: &'a str) -> Option<Expected<'a>> {
        Some(Expected {
            issuer: provider.issuer.as_deref()?,
            tenants: &provider.tenants,
            client_id,
            trusted_audiences: &[],
            algs: &provider.id_token_algs,
            nonce: None,
            access_token: None,
            code: None,
            state: None,
            issued_within: MAX_AGE,
            authenticated_within: None,
            acr: &[],
        })
    }
}

/// An ID token that passed every check.
#[derive(Clone)]
pub struct IdToken {
    claims: Claims,
    subject: String,
}

impl IdToken {
    /// All of its claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Who it is about, exactly as the provider writes it (IDT-6). Unique within the issuer only.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What a refreshed ID token will be held against. Store it sealed with the grant.
    pub fn first_login(&self) -> Result<FirstLogin, Misbehavior> {
        Ok(FirstLogin::of(&self.claims)?)
    }
}

/// Shows the names of the claims alone.
impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdToken")
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// What stays the same as long as a grant lives (IDT-10).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstLogin {
    /// `iss`.
    pub iss: String,
    /// `sub`.
    pub sub: String,
    /// `aud`, as a set: whether one audience stands in a string or an array means nothing.
    pub aud: BTreeSet<String>,
    /// `azp`.
    pub azp: Option<String>,
    /// `auth_time`.
    pub auth_time: Option<Timestamp>,
    /// SHA-256 of `nonce`, base64url.
    pub nonce_sha256: Option<String>,
}

/// Shows who issued it, but not about whom.
impl fmt::Debug for FirstLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstLogin")
            .field("iss", &self.iss)
            .finish_non_exhaustive()
    }
}

/// Checks the ID token of a sign-in.
///
/// The step numbers of §3.1.3.7 stand in the body. The signature is checked before any claim is
/// read, so a forger learns nothing (JWT-12).
///
/// # Errors
/// [`Misbehavior::wants_fresh_keys`]: fetch the keys anew and ask once more (JWK-4). Otherwise the
/// attempt has failed.
pub fn verify(
    token: &str,
    expected: &Expected<'_>,
    keys: &KeySet,
    now: Timestamp,
) -> Result<IdToken, Misbehavior> {
    let (id_token, alg) = check(token, expected, keys, now)?;
    let claims = &id_token.claims;
    // 10: not from long ago.
    claims
        .check_issued(expected.issued_within, now)
        .map_err(Fault::Claim)?;
    // 11: bound to this very attempt.
    check_nonce(claims, expected.nonce)?;
    // 12, 13: what was asked for beyond that.
    check_asked(claims, expected, now)?;
    // §3.3.2.11, and s_hash of FAPI 1.0 part 2 §5.1.
    check_hash(claims, "c_hash", expected.code, alg)?;
    check_hash(claims, "s_hash", expected.state, alg)?;
    Ok(id_token)
}

/// Checks the ID token that came with a refresh (§12.2).
///
/// # Errors
/// As for [`verify`]; and whatever the error, nothing of that answer may be used, its access token
/// included (IDT-10).
pub fn verify_refreshed(
    token: &str,
    expected: &Expected<'_>,
    first: &FirstLogin,
    keys: &KeySet,
    now: Timestamp,
) -> Result<IdToken, Misbehavior> {
    let (id_token, _) = check(token, expected, keys, now)?;
    if let Some(changed) = first.change(&FirstLogin::of(&id_token.claims)?) {
        return Err(Fault::IdentityChanged(changed).into());
    }
    Ok(id_token)
}

/// Which check an ID token failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Fault {
    #[error(transparent)]
    Token(jose::Fault),
    #[error(transparent)]
    Claim(ClaimFault),
    #[error("from another issuer")]
    Issuer,
    #[error("not for this client")]
    Audience,
    #[error("also for someone who is not trusted")]
    ExtraAudience,
    #[error("for several, and does not say who asked")]
    AzpMissing,
    #[error("asked for by another client")]
    AzpMismatch,
    #[error("names nobody that could be remembered")]
    Subject,
    #[error("not of this attempt")]
    Nonce,
    #[error("not for the access token it came with")]
    AtHash,
    #[error("not for the code it was bought with")]
    CHash,
    #[error("not for the state of this attempt")]
    SHash,
    #[error("the person signed in too long ago")]
    AuthenticatedTooLongAgo,
    #[error("the person did not sign in as was asked")]
    Acr,
    #[error("`{0}` is not what it was at sign-in")]
    IdentityChanged(&'static str),
}

impl Fault {
    /// See [`Error::code`](crate::Error::code).
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Token(_) => "misbehaved.id_token.token",
            Fault::Claim(_) => "misbehaved.id_token.claim",
            Fault::Issuer => "misbehaved.id_token.issuer",
            Fault::Audience => "misbehaved.id_token.audience",
            Fault::ExtraAudience => "misbehaved.id_token.extra_audience",
            Fault::AzpMissing => "misbehaved.id_token.azp_missing",
            Fault::AzpMismatch => "misbehaved.id_token.azp_mismatch",
            Fault::Subject => "misbehaved.id_token.subject",
            Fault::Nonce => "misbehaved.id_token.nonce",
            Fault::AtHash => "misbehaved.id_token.at_hash",
            Fault::CHash => "misbehaved.id_token.c_hash",
            Fault::SHash => "misbehaved.id_token.s_hash",
            Fault::AuthenticatedTooLongAgo => "misbehaved.id_token.auth_time",
            Fault::Acr => "misbehaved.id_token.acr",
            Fault::IdentityChanged(_) => "misbehaved.id_token.identity_changed",
        }
    }
}

impl From<Fault> for Misbehavior {
    fn from(fault: Fault) -> Misbehavior {
        Misbehavior::IdToken(fault)
    }
}

impl From<ClaimFault> for Fault {
    fn from(fault: ClaimFault) -> Fault {
        Fault::Claim(fault)
    }
}

impl FirstLogin {
    fn of(claims: &Claims) -> Result<FirstLogin, Fault> {
        Ok(FirstLogin {
            iss: claims.required_text("iss")?.to_owned(),
            sub: claims.required_text("sub")?.to_owned(),
            aud: claims.audience()?.into_iter().map(str::to_owned).collect(),
            azp: claims.text("azp")?.map(str::to_owned),
            auth_time: auth_time(claims)?.map(NumericDate::timestamp),
            nonce_sha256: claims.text("nonce")?.map(seeds::digest),
        })
    }

    /// The first claim in which a later token differs. What only one of them has may be left out,
    /// but for `azp`, which is compared even then (IDT-9, IDT-10).
    fn change(&self, later: &FirstLogin) -> Option<&'static str> {
        let changed_time =
            matches!((self.auth_time, later.auth_time), (Some(a), Some(b)) if a != b);
        let checks = [
            ("iss", self.iss != later.iss),
            ("sub", self.sub != later.sub),
            ("aud", self.aud != later.aud),
            ("azp", self.azp != later.azp),
            ("auth_time", changed_time),
            (
                "nonce",
                later.nonce_sha256.is_some() && later.nonce_sha256 != self.nonce_sha256,
            ),
        ];
        checks
            .into_iter()
            .find(|(_, changed)| *changed)
            .map(|(name, _)| name)
    }
}

/// What holds at sign-in and after a refresh alike: IDT-1 to IDT-8, less the age of `iat`.
fn check(
    token: &str,
    expected: &Expected<'_>,
    keys: &KeySet,
    now: Timestamp,
) -> Result<(IdToken, Alg), Fault> {
    // 6 to 8: signed by the issuer's key, with an algorithm that the connection permits.
    let policy = Policy {
        kind: Kind::IdToken,
        algs: expected.algs,
        max_bytes: jose::MAX_ID_TOKEN_BYTES,
    };
    let verified = jose::verify(token, &policy, keys).map_err(Fault::Token)?;
    let claims = verified.claims;
    // 2
    check_issuer(&claims, expected)?;
    // 3 to 5
    check_audience(&claims, expected)?;
    let subject = subject(&claims)?.to_owned();
    // 9, 10
    claims.check_times(now)?;
    claims.required_instant("iat")?;
    // §3.1.3.8
    check_hash(&claims, "at_hash", expected.access_token, verified.alg)?;
    Ok((IdToken { claims, subject }, verified.alg))
}

fn check_issuer(claims: &Claims, expected: &Expected<'_>) -> Result<(), Fault> {
    let iss = claims.required_text("iss")?;
    let is_it = if quirks::is_template(expected.issuer) {
        let of_tenant = |tenant: &String| expected.issuer.replace(quirks::TENANT, tenant);
        expected
            .tenants
            .iter()
            .any(|tenant| of_tenant(tenant) == iss)
    } else {
        expected.issuer == iss
    };
    if is_it { Ok(()) } else { Err(Fault::Issuer) }
}

fn check_audience(claims: &Claims, expected: &Expected<'_>) -> Result<(), Fault> {
    let audience = claims.audience()?;
    if !audience.contains(&expected.client_id) {
        return Err(Fault::Audience);
    }
    let trusted = |one: &str| {
        one == expected.client_id || expected.trusted_audiences.iter().any(|held| held == one)
    };
    if !audience.iter().all(|one| trusted(one)) {
        return Err(Fault::ExtraAudience);
    }
    match claims.text("azp")? {
        Some(azp) if azp != expected.client_id => Err(Fault::AzpMismatch),
        None if audience.len() > 1 => Err(Fault::AzpMissing),
        _ => Ok(()),
    }
}

/// §2: at most 255 ASCII characters, case and blanks kept.
fn subject(claims: &Claims) -> Result<&str, Fault> {
    let subject = claims.required_text("sub")?;
    let printable = subject.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if printable && (1..=255).contains(&subject.len()) {
        Ok(subject)
    } else {
        Err(Fault::Subject)
    }
}

fn check_nonce(claims: &Claims, expected: Option<&str>) -> Result<(), Fault> {
    match (claims.text("nonce")?, expected) {
        (Some(got), Some(expected)) if same(got, expected) => Ok(()),
        _ => Err(Fault::Nonce),
    }
}

/// Left half of the hash of what the token came with, by the token's own algorithm (IDT-8). Where it
/// is present and we have nothing to hold it against, the token is not for us.
fn check_hash(
    claims: &Claims,
    name: &'static str,
    value: Option<&str>,
    alg: Alg,
) -> Result<(), Fault> {
    let Some(hash) = claims.text(name)? else {
        return Ok(());
    };
    if value.is_some_and(|value| same(hash, &jose::half_hash(alg, value))) {
        return Ok(());
    }
    Err(match name {
        "at_hash" => Fault::AtHash,
        "c_hash" => Fault::CHash,
        _ => Fault::SHash,
    })
}

fn check_asked(claims: &Claims, expected: &Expected<'_>, now: Timestamp) -> Result<(), Fault> {
    if let Some(within) = expected.authenticated_within {
        let since = auth_time(claims)?.ok_or(Fault::AuthenticatedTooLongAgo)?;
        if since.is_ahead(now) || since.is_older_than(within.saturating_add(jose::LEEWAY), now) {
            return Err(Fault::AuthenticatedTooLongAgo);
        }
    }
    if expected.acr.is_empty() {
        return Ok(());
    }
    let acr = claims.text("acr")?;
    if acr.is_some_and(|acr| expected.acr.iter().any(|asked| asked == acr)) {
        Ok(())
    } else {
        Err(Fault::Acr)
    }
}

/// Seen at real providers: a fraction, and 0. A null is how some spell "unknown".
fn auth_time(claims: &Claims) -> Result<Option<NumericDate>, ClaimFault> {
    match claims.get("auth_time") {
        None | Some(Value::Null) => Ok(None),
        Some(_) => claims.instant("auth_time"),
    }
}

/// In constant time for equal lengths; lengths are no secret.
fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}
