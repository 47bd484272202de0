use crate::definition::{Checker, Target};
use crate::exception::Exception;
use crate::expr::Fault;
use crate::steps::{Context, Next, Step};

/// Ends the flow.
///
/// ```yaml
/// - id: done
///   end: true
/// ```
///
/// A flow that was called returns to the step that called it; the flow that was begun first ends the session. Other steps say
/// the same by `next: end`.
#[derive(Debug)]
pub(super) struct End;

impl End {
    pub(super) fn parse(written: bool, checker: &mut Checker<'_>) -> Option<Self> {
        must_be_true(written, checker).map(|()| Self)
    }
}

/// For kinds that have nothing to say but that they are there.
pub(super) fn must_be_true(written: bool, checker: &mut Checker<'_>) -> Option<()> {
    if !written {
        checker.mistake(
            "",
            Fault::new("only `true` means something here").hint("leave the step out instead"),
        );
    }
    written.then_some(())
}

impl Step for End {
    fn kind(&self) -> &'static str {
        "end"
    }

    fn enter(&self, _: &mut Context<'_>) -> Result<Next, Exception> {
        Ok(Next::Goto(Target::End))
    }
}
