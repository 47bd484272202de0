use crate::definition::{Checker, Target};
use crate::exception::Exception;
use crate::steps::{Context, Next, Step};

/// Goes to another step of the same flow.
///
/// ```yaml
/// - id: back
///   goto: sign_in
/// ```
///
/// Going round without ever waiting raises `too_many_steps` after 100 steps.
#[derive(Debug)]
pub(super) struct Goto {
    target: Target,
}

impl Goto {
    pub(super) fn parse(name: &str, checker: &mut Checker<'_>) -> Option<Self> {
        Some(Self {
            target: checker.target("", name)?,
        })
    }
}

impl Step for Goto {
    fn kind(&self) -> &'static str {
        "goto"
    }

    fn enter(&self, _: &mut Context<'_>) -> Result<Next, Exception> {
        Ok(Next::Goto(self.target.clone()))
    }
}
