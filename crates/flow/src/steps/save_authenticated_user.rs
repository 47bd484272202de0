use crate::definition::Checker;
use crate::exception::Exception;
use crate::session::Level;
use crate::steps::{Context, Next, Step, end};

/// Marks the person as authenticated: they proved who they are.
///
/// ```yaml
/// - id: proven
///   save_authenticated_user: true
/// ```
///
/// Also a post-action: `post_actions: [save_authenticated_user]`. From then on `Session.Level` is `authenticated`, and both
/// `ChatUser.IsAuthenticated` and `ChatUser.IsIdentified` are true. A sign-in alone raises no level (SGN-11, SGN-12).
#[derive(Debug)]
pub(super) struct SaveAuthenticatedUser;

impl SaveAuthenticatedUser {
    pub(super) fn parse(written: bool, checker: &mut Checker<'_>) -> Option<Self> {
        end::must_be_true(written, checker).map(|()| Self)
    }
}

impl Step for SaveAuthenticatedUser {
    fn kind(&self) -> &'static str {
        "save_authenticated_user"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        cx.session.level = cx.session.level.max(Level::Authenticated);
        cx.note("level", cx.session.level.as_str());
        Ok(Next::Continue)
    }
}
