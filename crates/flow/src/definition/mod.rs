//! Flow files, and the program that checked ones become.

use std::collections::BTreeSet;

mod check;
mod file;
mod program;

pub(crate) use check::{Checker, transpose};
pub use file::{
    AskFile, ButtonFile, CardFile, FlowFile, GetUserIdentityFile, HttpFile, PostActionFile,
    RouteFile, Routes, SignInFile, Starts, StepFile,
};
pub use program::Program;
pub(crate) use program::{Flow, Node, Route, Target};

/// Something a designer has to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// JSON pointer into the flow file (RFC 6901).
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

/// What the check knows of the agent besides the files it is given.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Codes of the organization's connections that can be used (SGN-3).
    pub connections: &'a BTreeSet<String>,
    /// Names of all flows of the agent, those included whose files could not be read, so that
    /// one unreadable file is not reported once more by each flow that calls it.
    pub flows: &'a BTreeSet<String>,
}

/// JSON Schema of a flow file.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(FlowFile)
}
