use crate::definition::Checker;
use crate::exception::Exception;
use crate::steps::{Context, Next, Step};

/// Runs another flow of the agent, then goes on.
///
/// ```yaml
/// - id: who
///   call: identify
/// ```
///
/// The flows of an agent share their variables. An exception that the called flow does not handle is raised here, as if this
/// step had raised it. Flows may call each other 16 deep; beyond, `too_deep` is raised.
#[derive(Debug)]
pub(super) struct Call {
    flow: String,
}

impl Call {
    pub(super) fn parse(name: &str, checker: &mut Checker<'_>) -> Option<Self> {
        Some(Self {
            flow: checker.flow("", name)?,
        })
    }
}

impl Step for Call {
    fn kind(&self) -> &'static str {
        "call"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        cx.note("flow", self.flow.as_str());
        Ok(Next::Call(self.flow.clone()))
    }
}
