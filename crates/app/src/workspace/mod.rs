//! A workspace folder, read and checked: organizations, their connections, their agents with compiled flows.
//!
//! Files come in as `(path, text)`, and secrets stay references: whoever publishes reads the disk and resolves
//! them. All mistakes of all files are found at once, each with file, line and column, in three passes: YAML into a
//! tree with positions ([`yaml`]), the tree against the JSON Schema of its kind ([`schema`]), and only then the typed
//! values against each other ([`check`]).
//!
//! To add a key to a file: its member in the `…File` struct of [`organization`], [`connection`] or [`agent`], from
//! which the schema follows, and beside it what becomes of it.

mod address;
pub mod agent;
mod check;
pub mod connection;
mod layout;
mod mistake;
pub mod organization;
mod schema;
mod secret;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use flow::Program;
use oauth::Rules;

pub use address::{Origin, OriginFault};
pub use connection::Connection;
pub use mistake::Mistake;
pub use schema::{Kind, UnknownKind, schema};
pub use secret::SecretRef;

/// A workspace without mistakes. Only [`read`] makes one.
#[derive(Debug)]
pub struct Workspace {
    /// By name, which is also the folder's.
    pub organizations: BTreeMap<String, Organization>,
    /// What is allowed, and unwise. Shown to the publisher; nothing is refused for it.
    pub warnings: Vec<Mistake>,
}

/// One organization's share of a workspace.
#[derive(Debug)]
pub struct Organization {
    /// What `organization.yaml` says.
    pub settings: organization::Settings,
    /// By code.
    pub connections: BTreeMap<String, Connection>,
    /// By name.
    pub agents: BTreeMap<String, Agent>,
}

/// An agent and its flows.
#[derive(Debug)]
pub struct Agent {
    /// What `agent.yaml` says.
    pub settings: agent::Settings,
    /// Its flows, checked and compiled.
    pub program: Program,
}

/// Reads a workspace from its files: paths relative to the folder, with `/`, and their text.
///
/// Files that do not end in `.yaml` or `.yml` are passed over, as are the rehearsals in `tests/` of an agent and
/// everything whose path has a part that begins with a dot.
///
/// # Errors
/// All mistakes of all files, sorted by file and line. Nothing may be published then.
pub fn read(files: &[(String, String)], rules: &Rules) -> Result<Workspace, Vec<Mistake>> {
    check::workspace(files, *rules)
}

impl Workspace {
    /// The organizations that only an operator may publish, unless they are so already: group matching is on (GRP-3).
    pub fn needing_operator(&self) -> impl Iterator<Item = &str> {
        self.organizations
            .iter()
            .filter(|(_, organization)| organization.settings.group_matching)
            .map(|(name, _)| name.as_str())
    }
}

/// The secrets that a workspace refers to, as (organization, connection, reference).
///
/// The publisher resolves each and sends the value sealed for that connection; the server never looks into its own
/// environment or files for one.
pub fn secret_refs(workspace: &Workspace) -> Vec<(&str, &str, &SecretRef)> {
    let organizations = workspace.organizations.iter();
    let connections = organizations.flat_map(|(organization, inside)| {
        let named = inside.connections.iter();
        named.map(move |(code, connection)| (organization.as_str(), code.as_str(), connection))
    });
    connections
        .filter_map(|(organization, code, connection)| {
            Some((organization, code, connection.client_secret.as_ref()?))
        })
        .collect()
}
