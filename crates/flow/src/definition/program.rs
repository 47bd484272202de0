//! Checked flows, ready to run.

use crate::definition::{Facts, FlowFile, Mistake};
use crate::value::Fields;

/// All flows of an agent, checked and compiled.
#[derive(Debug)]
pub struct Program {
    variables: Fields,
}

impl Program {
    /// Checks `files` (flow name, file) and compiles them; `start` is the flow that sessions begin with.
    ///
    /// # Errors
    /// All mistakes of all files at once, each with the name of its flow.
    pub fn check(
        _files: Vec<(String, FlowFile)>,
        _start: &str,
        _facts: &Facts<'_>,
    ) -> Result<Self, Vec<(String, Mistake)>> {
        Ok(Self {
            variables: Fields::default(),
        })
    }

    /// Variables and the values that a session begins with.
    pub(crate) fn variables(&self) -> &Fields {
        &self.variables
    }
}
