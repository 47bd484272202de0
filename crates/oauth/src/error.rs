//! Why an exchange failed, sorted by who can mend it. Leaves name the check that failed.
//!
//! No error carries a body, a token or a code. What a provider wrote for people to read is held as
//! a [`Remark`], which has to be asked for.

use std::fmt;

use jiff::SignedDuration;

use crate::{callback, id_token, userinfo};

/// Why an exchange failed, sorted by who can mend it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The person, or their administrator, said no, or the grant is over. Nothing is broken; the
    /// flow goes its other way.
    #[error("the provider refused")]
    Refused(#[source] Refusal),
    /// The provider lacks what the connection asks for. An administrator mends it in the console.
    #[error("the provider does not support this connection's settings")]
    Unsupported(#[source] Unsupported),
    /// The answer breaks the protocol: a bug there, or an attack. Never retried.
    #[error("the provider's answer breaks the protocol")]
    Misbehaved(#[source] Misbehavior),
    /// Busy or down. The exchange may be begun anew after `retry_after`.
    #[error("the provider answered {status}")]
    Unavailable {
        /// The status it answered, or the one its error code stands for.
        status: u16,
        /// What it asked for, at most a day.
        retry_after: Option<SignedDuration>,
    },
    /// Our own settings are wrong: credentials, addresses, parameters. An administrator mends them.
    #[error("this connection's settings do not work")]
    Rejected(#[source] Rejection),
}

impl Error {
    /// Stable text for logs, metrics and the monitor: the sort, a dot, the leaf.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Refused(refusal) => refusal.code(),
            Error::Unsupported(unsupported) => unsupported.code(),
            Error::Misbehaved(misbehavior) => misbehavior.code(),
            Error::Unavailable { .. } => "unavailable",
            Error::Rejected(rejection) => rejection.code(),
        }
    }

    /// What the provider itself said, where it did.
    pub fn provider_error(&self) -> Option<&ProviderError> {
        match self {
            Error::Refused(refusal) => refusal.provider_error(),
            Error::Unsupported(Unsupported::Scope(said) | Unsupported::GrantType(said))
            | Error::Rejected(Rejection::Client(said) | Rejection::Request(said)) => Some(said),
            Error::Unsupported(_)
            | Error::Rejected(_)
            | Error::Misbehaved(_)
            | Error::Unavailable { .. } => None,
        }
    }

    /// Whether a fresh access token may help: the provider answered 401 to the one it got (UIN-4).
    pub fn wants_new_access_token(&self) -> bool {
        matches!(self, Error::Refused(Refusal::AccessToken))
    }

    /// Whether the ID token should be checked once more with newer keys (JWK-4).
    pub fn wants_fresh_keys(&self) -> bool {
        matches!(self, Error::Misbehaved(misbehavior) if misbehavior.wants_fresh_keys())
    }
}

/// The person, their administrator or the provider said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `access_denied`: the person or a policy said no.
    #[error("{0}")]
    AccessDenied(ProviderError),
    /// `login_required`, `consent_required`, `interaction_required`, `account_selection_required`:
    /// not without showing the person something (OpenID Connect Core 1.0 §3.1.2.6).
    #[error("{0}")]
    NeedsPerson(ProviderError),
    /// `invalid_grant`: the code or the refresh token counts no more (RFC 6749 §5.2).
    #[error("{0}")]
    Grant(ProviderError),
    /// 401: the access token counts no more.
    #[error("the access token was not accepted")]
    AccessToken,
    /// 403: the access token does not reach that far. A new one would not either.
    #[error("the access token does not permit this")]
    Forbidden,
    /// Any other error code.
    #[error("{0}")]
    Other(ProviderError),
}

impl Refusal {
    /// See [`Error::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::AccessDenied(_) => "refused.access_denied",
            Refusal::NeedsPerson(_) => "refused.needs_person",
            Refusal::Grant(_) => "refused.invalid_grant",
            Refusal::AccessToken => "refused.access_token",
            Refusal::Forbidden => "refused.forbidden",
            Refusal::Other(_) => "refused.other",
        }
    }

    fn provider_error(&self) -> Option<&ProviderError> {
        match self {
            Refusal::AccessDenied(said)
            | Refusal::NeedsPerson(said)
            | Refusal::Grant(said)
            | Refusal::Other(said) => Some(said),
            Refusal::AccessToken | Refusal::Forbidden => None,
        }
    }
}

/// The provider lacks what the connection asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// None of the places where metadata may stand has any.
    #[error("no metadata at {}", tried.join(", "))]
    NoMetadata {
        /// The addresses, in the order they were tried.
        tried: Vec<String>,
    },
    /// The metadata lists PKCE methods, and `S256` is not among them (BND-5).
    #[error("the provider's PKCE methods lack S256")]
    Pkce,
    /// The provider insists on pushed authorization requests, which are not implemented.
    #[error("the provider demands pushed authorization requests")]
    PushedRequests,
    /// `invalid_scope`.
    #[error("{0}")]
    Scope(ProviderError),
    /// `unsupported_grant_type`, `unsupported_response_type`.
    #[error("{0}")]
    GrantType(ProviderError),
    /// The token is of another type than `Bearer` (ACT-17).
    #[error("the provider issues tokens of an unsupported type")]
    TokenType,
    /// `unsupported_token_type`: that kind of token cannot be revoked (RFC 7009 §2.2.1).
    #[error("the provider does not revoke this kind of token")]
    Revocation,
}

impl Unsupported {
    /// See [`Error::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Unsupported::NoMetadata { .. } => "unsupported.no_metadata",
            Unsupported::Pkce => "unsupported.pkce",
            Unsupported::PushedRequests => "unsupported.pushed_requests",
            Unsupported::Scope(_) => "unsupported.scope",
            Unsupported::GrantType(_) => "unsupported.grant_type",
            Unsupported::TokenType => "unsupported.token_type",
            Unsupported::Revocation => "unsupported.revocation",
        }
    }
}

/// Our own settings are wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// `invalid_client`, `unauthorized_client`: the credentials, or what they are good for.
    #[error("{0}")]
    Client(ProviderError),
    /// `invalid_request` and its like: the provider does not understand what we send.
    #[error("{0}")]
    Request(ProviderError),
    /// 401 or 403 without a word of explanation.
    #[error("the provider answered {status} to our credentials")]
    Unexplained {
        /// 401 or 403.
        status: u16,
    },
    /// An address that an administrator typed.
    #[error("{member}: {fault}")]
    Address {
        /// Which one, by its name in metadata.
        member: &'static str,
        /// What is wrong with it.
        fault: MemberFault,
    },
    /// An extra parameter would replace one of ours (BND-11).
    #[error("the parameter `{name}` is not yours to set")]
    ReservedParameter {
        /// Its name as it was written.
        name: String,
    },
    /// A parameter a flow may not feed, or one given twice (BND-11).
    #[error("the parameter `{name}` cannot be set here")]
    Parameter {
        /// Its name as it was written.
        name: String,
    },
    /// A parameter value of more than 512 bytes (BND-11).
    #[error("the value of `{name}` is too long")]
    ParameterTooLong {
        /// Its name.
        name: String,
    },
    /// The key of the connection cannot sign an assertion.
    #[error("the client's key cannot sign")]
    ClientKey,
}

impl Rejection {
    /// See [`Error::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::Client(_) => "rejected.client",
            Rejection::Request(_) => "rejected.request",
            Rejection::Unexplained { .. } => "rejected.unexplained",
            Rejection::Address { .. } => "rejected.address",
            Rejection::ReservedParameter { .. } => "rejected.reserved_parameter",
            Rejection::Parameter { .. } => "rejected.parameter",
            Rejection::ParameterTooLong { .. } => "rejected.parameter_too_long",
            Rejection::ClientKey => "rejected.client_key",
        }
    }
}

/// The answer breaks the protocol.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Misbehavior {
    /// What the browser brought back is not an authorization response.
    #[error("the callback is malformed")]
    Callback(#[source] callback::Fault),
    /// The provider announces that it names itself in its answers, and did not (MIX-2).
    #[error("the answer does not say who it is from")]
    IssuerMissing,
    /// The answer is from another provider than the one that was asked (MIX-1, MIX-4).
    #[error("the answer is from {got:?}, not from {expected:?}")]
    IssuerMismatch {
        /// Whom we asked.
        expected: String,
        /// Who answered, at most 256 characters of it.
        got: String,
    },
    /// Not a JSON object by the strict rules (JWT-3).
    #[error("the answer is not strict JSON")]
    Json(#[source] jose::json::JsonFault),
    /// A member of the answer.
    #[error("{name}: {fault}")]
    Member {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        fault: MemberFault,
    },
    /// A status that means nothing here.
    #[error("unexpected status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// An endpoint that redirects. Nothing we send may be sent elsewhere.
    #[error("the endpoint redirects")]
    Redirected,
    /// `openid` was asked for and no ID token came (BND-15).
    #[error("no ID token came")]
    IdTokenMissing,
    /// An ID token that cannot be believed.
    #[error("the ID token cannot be believed")]
    IdToken(#[source] id_token::Fault),
    /// User information that cannot be believed.
    #[error("the user information cannot be believed")]
    UserInfo(#[source] userinfo::Fault),
    /// A key set that is none.
    #[error("the key set cannot be read")]
    Keys(#[source] jose::KeySetFault),
}

impl Misbehavior {
    /// See [`Error::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Misbehavior::Callback(fault) => fault.code(),
            Misbehavior::IssuerMissing => "misbehaved.issuer_missing",
            Misbehavior::IssuerMismatch { .. } => "misbehaved.issuer_mismatch",
            Misbehavior::Json(_) => "misbehaved.json",
            Misbehavior::Member { .. } => "misbehaved.member",
            Misbehavior::Status { .. } => "misbehaved.status",
            Misbehavior::Redirected => "misbehaved.redirected",
            Misbehavior::IdTokenMissing => "misbehaved.id_token_missing",
            Misbehavior::IdToken(fault) => fault.code(),
            Misbehavior::UserInfo(fault) => fault.code(),
            Misbehavior::Keys(_) => "misbehaved.keys",
        }
    }

    /// Whether newer keys may change the verdict (JWK-4).
    pub fn wants_fresh_keys(&self) -> bool {
        match self {
            Misbehavior::IdToken(id_token::Fault::Token(fault))
            | Misbehavior::UserInfo(userinfo::Fault::Token(fault)) => fault.wants_fresh_keys(),
            _ => false,
        }
    }

    pub(crate) fn mismatch(expected: &str, got: &str) -> Misbehavior {
        let got = got.chars().take(256).collect();
        Misbehavior::IssuerMismatch {
            expected: expected.to_owned(),
            got,
        }
    }

    pub(crate) fn member(name: &'static str, fault: MemberFault) -> Misbehavior {
        Misbehavior::Member { name, fault }
    }
}

/// What is wrong with one member of an answer, or with one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum MemberFault {
    #[error("missing")]
    Missing,
    #[error("not of the right type")]
    WrongType,
    #[error("empty")]
    Empty,
    #[error("too long")]
    TooLong,
    #[error("holds a character that may not stand there")]
    Character,
    #[error("not an absolute address")]
    NotAnAddress,
    #[error("not https")]
    NotHttps,
    #[error("holds a user name or password")]
    UserInfo,
    #[error("holds a fragment")]
    Fragment,
    #[error("holds a query")]
    Query,
    #[error("sets a parameter that is ours to set")]
    ReservedParameter,
}

/// An error answer (RFC 6749 §4.1.2.1, §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// The error code: at most 64 of the characters that RFC 6749 permits, else `unreadable`.
    pub error: String,
    /// What the provider wrote for people to read.
    pub description: Option<Remark>,
}

impl ProviderError {
    pub(crate) fn new(error: &str, description: Option<&str>) -> ProviderError {
        let readable = (1..=64).contains(&error.len()) && error.chars().all(code_character);
        let error = if readable { error } else { "unreadable" };
        ProviderError {
            error: error.to_owned(),
            description: description.and_then(Remark::new),
        }
    }

    /// What an error answer means to the exchange that got it.
    pub(crate) fn into_error(self) -> Error {
        match self.error.as_str() {
            "access_denied" => Error::Refused(Refusal::AccessDenied(self)),
            "invalid_grant" => Error::Refused(Refusal::Grant(self)),
            "login_required"
            | "consent_required"
            | "interaction_required"
            | "account_selection_required" => Error::Refused(Refusal::NeedsPerson(self)),
            "invalid_client" | "unauthorized_client" => Error::Rejected(Rejection::Client(self)),
            "invalid_request" => Error::Rejected(Rejection::Request(self)),
            "invalid_scope" => Error::Unsupported(Unsupported::Scope(self)),
            "unsupported_grant_type" | "unsupported_response_type" => {
                Error::Unsupported(Unsupported::GrantType(self))
            }
            // RFC 6749 §4.1.2.1: the codes that stand for these statuses in a redirect.
            "server_error" => Error::Unavailable {
                status: 500,
                retry_after: None,
            },
            "temporarily_unavailable" => Error::Unavailable {
                status: 503,
                retry_after: None,
            },
            _ => Error::Refused(Refusal::Other(self)),
        }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the provider answered `{}`", self.error)
    }
}

/// RFC 6749 §4.1.2.1: printable ASCII without `"` and `\`; no backtick, since we quote with it.
fn code_character(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '`')
}

/// Text by a provider for people to read. It may hold anything, so `Debug` shows none of it; show
/// it to administrators only (PAG-6).
#[derive(Clone, PartialEq, Eq)]
pub struct Remark(String);

impl Remark {
    fn new(text: &str) -> Option<Remark> {
        let kept: String = text.chars().filter(|c| !c.is_control()).take(500).collect();
        (!kept.is_empty()).then_some(Remark(kept))
    }

    /// The text: at most 500 characters, none of them a control character.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remark({} characters)", self.0.chars().count())
    }
}

impl From<Misbehavior> for Error {
    fn from(misbehavior: Misbehavior) -> Error {
        Error::Misbehaved(misbehavior)
    }
}

impl From<callback::Fault> for Error {
    fn from(fault: callback::Fault) -> Error {
        Error::Misbehaved(Misbehavior::Callback(fault))
    }
}
