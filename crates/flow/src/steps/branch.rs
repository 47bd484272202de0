use crate::definition::{Checker, Route, RouteFile};
use crate::exception::Exception;
use crate::steps::{Context, Next, Step};

/// Goes to the step of the first case whose condition is true.
///
/// ```yaml
/// - id: decide
///   branch:
///     - { when: "answer == 'Yes'", goto: sign_in }
///     - { goto: end }
/// ```
///
/// A case without `when` is always true. If none is, the flow goes on as after any other step.
#[derive(Debug)]
pub(super) struct Branch {
    cases: Vec<Route>,
}

impl Branch {
    pub(super) fn parse(cases: &[RouteFile], checker: &mut Checker<'_>) -> Option<Self> {
        let parsed = checker.cases("", cases);
        (parsed.len() == cases.len()).then_some(Self { cases: parsed })
    }
}

impl Step for Branch {
    fn kind(&self) -> &'static str {
        "branch"
    }

    fn enter(&self, cx: &mut Context<'_>) -> Result<Next, Exception> {
        let scope = cx.scope();
        for case in &self.cases {
            let holds = match &case.when {
                Some(when) => cx.library().holds(when, &scope)?,
                None => true,
            };
            if holds {
                return Ok(Next::Goto(case.target.clone()));
            }
        }
        Ok(Next::Continue)
    }
}
