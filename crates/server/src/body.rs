//! Reading requests within bounds (LIM-1, LIM-2).

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody as _},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{Site, problem};

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// It is larger than permitted.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// The client left in the middle.
    Broken,
}

impl BodyFault {
    /// The status that says so.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

impl Site {
    /// The whole body of a form or an activity.
    pub(crate) async fn read(&self, body: Body) -> Result<Bytes, BodyFault> {
        self.read_up_to(body, self.options.limits.body_bytes).await
    }

    /// The whole body, if it has at most `bytes` and comes in time. One that announces more is
    /// not waited for.
    pub(crate) async fn read_up_to(&self, body: Body, bytes: usize) -> Result<Bytes, BodyFault> {
        if body.size_hint().lower() > u64::try_from(bytes).unwrap_or(u64::MAX) {
            return Err(BodyFault::TooLarge);
        }
        let whole = Limited::new(body, bytes).collect();
        match tokio::time::timeout(self.options.limits.body, whole).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge),
            Ok(Err(_)) => Err(BodyFault::Broken),
            Err(_) => Err(BodyFault::TooSlow),
        }
    }
}

/// Refuses addresses that are longer than permitted.
pub(crate) async fn bound_url(
    State(site): State<Arc<Site>>,
    request: Request,
    next: Next,
) -> Response {
    let uri = request.uri();
    let length = uri.path().len() + uri.query().map_or(0, str::len);
    if length > site.options.limits.url_bytes {
        return problem::plain(StatusCode::URI_TOO_LONG, "The address is too long.")
            .into_response();
    }
    next.run(request).await
}
