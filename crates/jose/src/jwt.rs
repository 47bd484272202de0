//! The one way from a token to its claims (RFC 7519 §7.2, RFC 8725).

use crate::alg::Alg;
use crate::claims::Claims;
use crate::json::{Document, JsonFault, Limits, Repeats};
use crate::jwk::KeySet;
use crate::jws::{Compact, Header};

/// Length of a token that is no ID token (JWT-1).
pub const MAX_BYTES: usize = 16 * 1024;

/// Length of an ID token: some providers list every group of the person in it (JWT-1).
pub const MAX_ID_TOKEN_BYTES: usize = 64 * 1024;

/// Length of a header as it is sent (JWT-1).
pub const MAX_HEADER_BYTES: usize = 4 * 1024;

/// Length of a `kid`, in a token as in a key (JWT-10).
pub const MAX_KID_BYTES: usize = 256;

/// What the `typ` of a host token may be, unless its provider's setting says otherwise (JWT-9).
pub const HOST_TYP: [&str; 3] = ["", "JWT", "at+jwt"];

/// Verifies a token's signature and returns its claims.
///
/// Everything about the header is decided first, then the signature, and only then is the payload
/// read; so a forger learns nothing about how claims are judged (JWT-12). Times, issuer and audience
/// are *not* checked here: [`Claims`] has what the caller needs for it.
pub fn verify(token: &str, policy: &Policy<'_>, keys: &KeySet) -> Result<Verified, Fault> {
    let compact = Compact::parse(token, policy.max_bytes)?;
    check_header(&compact.header, policy)?;
    let Header { alg, ref kid, .. } = compact.header;
    keys.check(
        alg,
        kid.as_deref(),
        compact.signing_input,
        compact.signature(),
    )?;
    let document = Document::read(compact.payload, PAYLOAD_LIMITS, Repeats::Refused)
        .map_err(Fault::Payload)?;
    let claims = Claims::new(document);
    policy.kind.check_claims(&claims)?;
    Ok(Verified {
        alg,
        kid: compact.header.kid,
        claims,
    })
}

/// The size of a payload is bounded by its token's.
const PAYLOAD_LIMITS: Limits = Limits {
    bytes: usize::MAX,
    ..Limits::TOKEN
};

fn check_header(header: &Header, policy: &Policy<'_>) -> Result<(), Fault> {
    if !policy.algs.contains(&header.alg) {
        return Err(Fault::AlgNotPermitted);
    }
    if !policy.kind.accepts_typ(header.typ.as_deref()) {
        return Err(Fault::Typ);
    }
    Ok(())
}

/// What the caller expects of a token; the token can only agree.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// What the token is used as.
    pub kind: Kind<'a>,
    /// The algorithms of the connection; [`Alg::DEFAULT`] unless it says otherwise (JWT-5).
    pub algs: &'a [Alg],
    /// [`MAX_BYTES`], or [`MAX_ID_TOKEN_BYTES`].
    pub max_bytes: usize,
}

/// What a token is used as; one kind is never taken for another (JWT-9, RFC 8725 §3.11 and §3.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// `typ` absent or `JWT`; never with a claim `events`.
    IdToken,
    /// `typ` `logout+jwt`, `JWT` or absent; never with a claim `nonce`.
    LogoutToken,
    /// Signed user information: `typ` absent or `JWT`.
    UserInfo,
    /// A token that the host page brings; never with a claim `events`.
    HostToken {
        /// The permitted values, the empty string standing for an absent `typ`; see [`HOST_TYP`].
        typ: &'a [&'a str],
    },
}

impl Kind<'_> {
    /// RFC 7515 §4.1.9: media types are compared in any case, and `application/` may be left out.
    fn accepts_typ(self, typ: Option<&str>) -> bool {
        let typ = typ.map(without_application);
        let accepts = |permitted: &[&str]| {
            permitted.iter().any(|name| match typ {
                None => name.is_empty(),
                // An empty `typ` is not an absent one.
                Some(typ) => !typ.is_empty() && without_application(name).eq_ignore_ascii_case(typ),
            })
        };
        match self {
            Kind::IdToken | Kind::UserInfo => accepts(&["", "JWT"]),
            Kind::LogoutToken => accepts(&["", "JWT", "logout+jwt"]),
            Kind::HostToken { typ } => accepts(typ),
        }
    }

    fn check_claims(self, claims: &Claims) -> Result<(), Fault> {
        let forbidden = match self {
            Kind::IdToken | Kind::HostToken { .. } => "events",
            Kind::LogoutToken => "nonce",
            Kind::UserInfo => return Ok(()),
        };
        if claims.has(forbidden) {
            return Err(Fault::OtherKind(forbidden));
        }
        Ok(())
    }
}

fn without_application(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}

/// A token whose signature is good.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The algorithm it was signed with: `at_hash` and its like depend on it.
    pub alg: Alg,
    /// The header's `kid`: hostile text of at most [`MAX_KID_BYTES`] (JWT-10).
    pub kid: Option<String>,
    /// The payload.
    pub claims: Claims,
}

/// A part of the compact form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Before the first dot.
    Header,
    /// Between the dots.
    Payload,
    /// After the last dot.
    Signature,
}

/// The check that a token failed. For the log: outside there is one answer for all (JWT-12).
///
/// Holds nothing of the token itself, so it can be written anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Longer than [`Policy::max_bytes`].
    #[error("the token is too long")]
    TooLong,
    /// Not the compact form of a JWS: perhaps a JWE, or the JSON form.
    #[error("the token has not three parts")]
    NotThreeParts,
    /// A part is empty: a detached payload, or no signature.
    #[error("the {0:?} of the token is empty")]
    EmptyPart(Part),
    /// Longer than [`MAX_HEADER_BYTES`].
    #[error("the header is too long")]
    HeaderTooLong,
    /// Not strict base64url.
    #[error("the {0:?} of the token is not strict base64url")]
    Encoding(Part),
    /// The header is no strict JSON object.
    #[error("the header cannot be read")]
    Header(#[source] JsonFault),
    /// This header parameter is no string.
    #[error("header parameter {0} is no string")]
    HeaderType(&'static str),
    /// `alg` is absent or empty.
    #[error("no algorithm is named")]
    AlgMissing,
    /// `alg` is `none`, in whatever case.
    #[error("the token is unsigned")]
    AlgNone,
    /// `alg` is none of [`Alg::ALL`].
    #[error("the algorithm is unknown")]
    AlgUnknown,
    /// `alg` is not among [`Policy::algs`].
    #[error("the algorithm is not permitted")]
    AlgNotPermitted,
    /// `crit` is present.
    #[error("the header has critical parameters")]
    Crit,
    /// `b64` is present.
    #[error("the payload is unencoded")]
    B64,
    /// `zip` is present.
    #[error("the payload is compressed")]
    Zip,
    /// `cty` says that the payload is itself a token.
    #[error("the payload is a token")]
    Nested,
    /// `typ` is that of another kind of token.
    #[error("the token is of another type")]
    Typ,
    /// Longer than [`MAX_KID_BYTES`].
    #[error("the key id is too long")]
    KidTooLong,
    /// No usable key has the token's `kid`.
    #[error("the key is unknown")]
    UnknownKid,
    /// Different keys have the token's `kid`, so none is used.
    #[error("the key id is ambiguous")]
    AmbiguousKid,
    /// The key's type, curve or own `alg` does not fit the token's `alg`.
    #[error("the key does not fit the algorithm")]
    KeyMisfit,
    /// The token names no key, and too many could be meant.
    #[error("too many keys could be meant")]
    TooManyKeys,
    /// The token names no key, and none of the suitable ones, if any, made its signature.
    #[error("no key verifies the token")]
    NoKeyVerifies,
    /// The client secret is shorter than the hash of the algorithm.
    #[error("the secret is too short for the algorithm")]
    WeakSecret,
    /// The signature is not exactly as long as the key and algorithm have it.
    #[error("the signature has the wrong length")]
    SignatureLength,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    BadSignature,
    /// The signature is good, but the payload is no strict JSON object.
    #[error("the payload cannot be read")]
    Payload(#[source] JsonFault),
    /// The signature is good, but this claim belongs to another kind of token.
    #[error("claim {0} belongs to another kind of token")]
    OtherKind(&'static str),
}

impl Fault {
    /// Whether a newer key set might verify the same token (JWK-4): its key is unknown, or it names
    /// none and no key verified it.
    pub fn wants_fresh_keys(self) -> bool {
        matches!(self, Fault::UnknownKid | Fault::NoKeyVerifies)
    }
}
