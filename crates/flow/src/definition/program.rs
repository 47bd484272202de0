//! Checked flows, ready to run.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::definition::{Facts, FlowFile, Mistake, check};
use crate::expr::{Condition, Library};
use crate::steps::Step;
use crate::value::Fields;

/// All flows of an agent, checked and compiled. Only [`Program::check`] makes one.
#[derive(Debug)]
pub struct Program {
    pub(super) start: String,
    pub(super) flows: BTreeMap<String, Flow>,
    pub(super) variables: Fields,
    pub(super) library: Library,
}

/// A checked flow. It has at least one step.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) steps: IndexMap<String, Node>,
    pub(crate) on_exception: Vec<Route>,
}

/// A step and how it is connected.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) when: Option<Condition>,
    pub(crate) step: Box<dyn Step>,
    pub(crate) post_actions: Vec<Box<dyn Step>>,
    pub(crate) on_exception: Vec<Route>,
    pub(crate) next: Target,
}

/// Where to go when the condition holds.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) when: Option<Condition>,
    pub(crate) target: Target,
}

/// A step of the same flow, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Step(String),
    End,
}

impl Program {
    /// Checks `files` (flow name, file) and compiles them; `start` is the flow that sessions begin with.
    ///
    /// # Errors
    /// All mistakes of all files at once, each with the name of its flow.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever checks files has no more use for them"
    )]
    pub fn check(
        files: Vec<(String, FlowFile)>,
        start: &str,
        facts: &Facts<'_>,
    ) -> Result<Self, Vec<(String, Mistake)>> {
        check::program(&files, start, facts)
    }

    /// Name of the flow that sessions begin with.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// Variables and the values that a session begins with.
    pub(crate) fn variables(&self) -> &Fields {
        &self.variables
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    pub(crate) fn flow(&self, name: &str) -> Option<&Flow> {
        self.flows.get(name)
    }

    pub(crate) fn node(&self, flow: &str, step: &str) -> Option<&Node> {
        self.flow(flow)?.steps.get(step)
    }
}

impl Flow {
    /// Where the flow begins.
    pub(crate) fn first(&self) -> Option<&str> {
        self.steps.keys().next().map(String::as_str)
    }
}

impl Node {
    /// The step itself (0), or its n-th post-action.
    pub(crate) fn action(&self, index: u32) -> Option<&dyn Step> {
        let index = usize::try_from(index).ok()?;
        match index.checked_sub(1) {
            None => Some(self.step.as_ref()),
            Some(index) => self.post_actions.get(index).map(Box::as_ref),
        }
    }
}
