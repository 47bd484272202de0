use crate::definition::Checker;
use crate::exception::Exception;
use crate::session::Level;
use crate::steps::{Context, Next, Step, end};

/// Marks the person as identified: we know who they say they are.
///
/// ```yaml
/// - id: known
///   save_identified_user: true
/// ```
///
/// Also a post-action: `post_actions: [save_identified_user]`. From then on `Session.Level` is `identified` and
/// `ChatUser.IsIdentified` is true. Never takes back a higher level. A sign-in alone raises no level (SGN-11, SGN-12).
#[derive(Debug)]
pub(super) struct SaveIdentifiedUser;

impl SaveIdentifiedUser {
    pub(super) fn parse(written: bool, checker: &mut Checker<'_>) -> Option<Self> {
        end::must_be_true(written, checker).map(|()| Self)
    }
}

impl Step for SaveIdentifiedUser {
    fn kind(&self) -> &'static str {
        "save_identified_user"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        cx.session.level = cx.session.level.max(Level::Identified);
        cx.note("level", cx.session.level.as_str());
        Ok(Next::Continue)
    }
}
