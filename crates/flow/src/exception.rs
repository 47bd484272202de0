//! What goes wrong in a flow, as the flow sees it.

use std::borrow::Cow;

/// An exception on its way to a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    /// `SystemError.Code`: stable text.
    pub(crate) code: Cow<'static, str>,
    /// `SystemError.Detail`: for the monitor; holds no text of the session.
    pub(crate) detail: String,
}

impl Exception {
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            detail: detail.into(),
        }
    }

    /// An expression or a template cannot be evaluated.
    pub(crate) fn expression(detail: impl Into<String>) -> Self {
        Self::new("expression", detail)
    }

    /// The time of a sign-in is over (TMO-4): no other failure has this code.
    pub(crate) fn timeout() -> Self {
        Self::new("timeout", "the sign-in was not finished in time")
    }

    /// The person said `cancel` (CRD-3).
    pub(crate) fn cancelled() -> Self {
        Self::new("cancelled", "the person cancelled")
    }
}
