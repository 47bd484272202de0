//! What a client is told when something is wrong, and what the log says: two texts, made here.
//!
//! A problem that a person can meet has a page in `docs/problems/`.

use std::any::Any;

use app::{StoreError, TurnError, conversation::PostError, versions::VersionError};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::body::BodyFault;

/// An error of an API, in the form that the Bot Framework and ours share:
/// `{"error": {"code", "message"}}`.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Option<Box<(&'static str, Value)>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: None,
        }
    }

    /// One more member of the error object.
    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.details = Some(Box::new((name, value)));
        self
    }

    pub(crate) fn bad_argument(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadArgument", message)
    }

    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MissingProperty", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "No token or secret that counts here came with the request.",
        )
    }

    pub(crate) fn unknown_conversation() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "BadArgument",
            "There is no such conversation.",
        )
    }

    /// Our fault, or the store's: the reason goes to the log.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        let reason: Vec<String> = chain.map(ToString::to_string).collect();
        tracing::error!(error = reason.join(": "), "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceError",
            "Something went wrong here. Trying again may help.",
        )
    }

    fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Busy",
            "Too much is under way here at this moment. Try again in a few seconds.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(details) = self.details {
            let (name, value) = *details;
            error[name] = value;
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static("5");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::Conflict | StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the store did not take a request");
                Self::busy()
            }
            StoreError::AnsweredBefore | StoreError::Corrupt { .. } => Self::internal(&error),
        }
    }
}

impl From<TurnError> for Problem {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Unknown => Self::unknown_conversation(),
            TurnError::Version(error) => error.into(),
            TurnError::Store(error) => error.into(),
            TurnError::Key(_) | TurnError::Session(_) => Self::internal(&error),
        }
    }
}

impl From<VersionError> for Problem {
    fn from(error: VersionError) -> Self {
        match error {
            VersionError::Unknown => Self::new(
                StatusCode::NOT_FOUND,
                "BadArgument",
                "Nothing of that name is published here.",
            ),
            VersionError::Store(error) => error.into(),
            VersionError::Unreadable(_) => Self::internal(&error),
        }
    }
}

impl From<PostError> for Problem {
    fn from(error: PostError) -> Self {
        match error {
            PostError::SignInPending => Self::new(
                StatusCode::CONFLICT,
                "sign_in_pending",
                "A sign-in is pending. Finish it, or say `cancel`.",
            ),
            PostError::Turn(error) => error.into(),
        }
    }
}

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        let (code, message) = match fault {
            BodyFault::TooLarge => ("MessageSizeTooBig", "The body is too large."),
            BodyFault::TooSlow => ("RequestTimeout", "The body did not come in time."),
            BodyFault::Broken => ("BadArgument", "The body was cut off."),
        };
        Self::new(fault.status(), code, message)
    }
}

/// A short text without a page around it.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> impl IntoResponse {
    (status, text)
}

/// No such route.
pub(crate) async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "NotFound",
        "There is nothing at this address.",
    )
}

/// A handler panicked: the client learns nothing of it, and the server goes on (LIM-7).
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic hook has logged it.
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "ServiceError",
        "Something went wrong here.",
    )
    .into_response()
}
