//! What can happen to a session.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::session::Run;

/// Something that happened; each one given to the engine makes a turn.
///
/// What comes from outside is plain JSON, so no answer can smuggle in a token handle. An event that names
/// a [`Run`] other than the one that is waited for changes nothing (PHI-15).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The conversation opened. Ignored by a session that has begun.
    Started,
    /// The person said this. Begins a session that has not begun.
    Said(String),
    /// The person proved who they are, and the grant is live: its handle is in `Env::tokens`.
    SignedIn {
        /// The prompt this answers.
        run: Run,
        /// The connection signed in to.
        connection: String,
        /// What `Auth.*` reads from now on (IDN-6), the whole of it.
        claims: Map<String, Json>,
        /// Name of the account as shown to people, for the chat's own display.
        account: Option<String>,
    },
    /// The sign-in ended without a grant.
    SignInFailed {
        /// The prompt this answers.
        run: Run,
        /// Why; its [`SignInFailure::code`] is what the flow sees.
        reason: SignInFailure,
    },
    /// The deadline of the wait passed.
    TimedOut {
        /// The run that waited.
        run: Run,
    },
    /// The outside system answered, or could not be asked.
    HttpAnswered {
        /// The run that asked.
        run: Run,
        /// What came of it.
        answer: HttpAnswer,
    },
    /// The identity request of a connection was answered.
    IdentityFetched {
        /// The run that asked.
        run: Run,
        /// Fields of `ChatUser` to set, by the connection's mapping (IDN-2), or why there are none.
        answer: Result<Vec<(String, Json)>, IdentityFailure>,
    },
}

/// Why a sign-in ended without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInFailure {
    /// The person or their administrator said no at the provider.
    Refused,
    /// The connection demands a verified address (IDN-7).
    EmailNotVerified,
    /// Another browser had claimed the link (PHI-7).
    OtherBrowser,
    /// The person said that they did not ask for this (PHI-5).
    Reported,
    /// The code was typed wrongly too often (PHI-8).
    WrongCode,
    /// We were stopped in the middle of the code exchange (BND-2).
    Interrupted,
    /// The provider does not answer, or answers that it is busy.
    ProviderDown,
    /// The provider's answer breaks the protocol.
    ProviderMisbehaved,
    /// The person granted less than the connection needs.
    PartialConsent,
    /// The connection is gone or disabled (SGN-3).
    NoConfiguration,
    /// Too many sign-ins are open already.
    Busy,
}

impl SignInFailure {
    /// Stable text for `SystemError.Code`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::EmailNotVerified => "email_not_verified",
            Self::OtherBrowser => "other_browser",
            Self::Reported => "reported",
            Self::WrongCode => "wrong_code",
            Self::Interrupted => "interrupted",
            Self::ProviderDown => "provider_down",
            Self::ProviderMisbehaved => "provider_error",
            Self::PartialConsent => "partial_consent",
            Self::NoConfiguration => "no_configuration",
            Self::Busy => "busy",
        }
    }
}

/// What came of an HTTP call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpAnswer {
    /// The system answered.
    Answered {
        /// HTTP status code.
        status: u16,
        /// The body: JSON where it said so, else text; null if there was none.
        body: Json,
    },
    /// There is no answer.
    Failed(HttpFailure),
}

/// Why there is no answer to an HTTP call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpFailure {
    /// No connection could be made, or it broke.
    Unreachable,
    /// No answer came within the step's time.
    TimedOut,
    /// The session holds no usable token for the connection (TOK-2), and none could be renewed (REF-3).
    NotSignedIn,
    /// The address is not among the connection's origins (XCH-1), or may not be reached at all.
    OriginNotAllowed,
    /// The answer is larger than permitted.
    TooLarge,
    /// The call may or may not have been carried out; it is not repeated.
    OutcomeUnknown,
    /// Too many calls are waiting already.
    Busy,
    /// The connection is gone or disabled (SGN-3).
    NoConfiguration,
}

impl HttpFailure {
    /// Stable text for `SystemError.Code`.
    ///
    /// A missing token has the code of the status that a call without one would get (REF-3), so a flow needs
    /// one route for both. A late answer differs from `timeout`, which is a sign-in's own (TMO-4).
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "no_answer",
            Self::NotSignedIn => "401",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::TooLarge => "too_large",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Busy => "busy",
            Self::NoConfiguration => "no_configuration",
        }
    }

    /// What the monitor shows beside the code.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Unreachable => "the system could not be reached",
            Self::TimedOut => "the system did not answer in time",
            Self::NotSignedIn => "not signed in",
            Self::OriginNotAllowed => "the connection does not allow this address",
            Self::TooLarge => "the answer is too large",
            Self::OutcomeUnknown => "the call may or may not have been carried out",
            Self::Busy => "too many calls are waiting",
            Self::NoConfiguration => "the connection is gone or disabled",
        }
    }
}

/// Why no identity was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityFailure {
    /// Stable text for `SystemError.Code`, such as the upstream status.
    pub code: String,
}
