//! Every text that a person may read and no designer wrote.

/// Text of the default card (CRD-1).
pub(crate) const PROMPT: &str = "Please sign in to continue.";
/// Its button that opens the link.
pub(crate) const SIGN_IN: &str = "Sign in";
/// Its button that cancels.
pub(crate) const CANCEL: &str = "Cancel";
/// Said when an exception reached no handler and the session ends.
pub(crate) const UNHANDLED: &str =
    "Sorry, something went wrong, so this conversation ends here. Write to start anew.";
