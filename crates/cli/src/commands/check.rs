//! `usher check`.

use std::path::PathBuf;

use app::workspace::{self, Workspace};
use clap::Args;
use oauth::Rules;
use serde_json::json;

use super::{
    Failure,
    report::{Report, count},
    say,
};
use crate::host::{admin::Mistake, environment::Environment, folder};

/// What `usher check` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The workspace: the folder that holds `organizations`
    directory: PathBuf,
    /// Permit providers on this machine and plain http, as a server in development does
    #[arg(long)]
    development: bool,
    /// Print one line of JSON for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failure> {
    let rules = Rules {
        development: arguments.development,
    };
    let files = folder::read(&arguments.directory)?;
    let read = workspace::read(&files, &rules);
    if arguments.json {
        return tell_program(read);
    }
    let report = Report::new(environment);
    match read {
        Ok(workspace) => {
            report.warnings(&told(workspace.warnings.clone()));
            say(&format!("No mistakes: {}.", summary(&workspace)));
            Ok(())
        }
        Err(mistakes) => {
            report.mistakes(&told(mistakes));
            Err(Failure::Told)
        }
    }
}

/// Mistakes as the report takes them.
pub(super) fn told(mistakes: Vec<workspace::Mistake>) -> Vec<Mistake> {
    mistakes.into_iter().map(Mistake::from).collect()
}

fn tell_program(read: Result<Workspace, Vec<workspace::Mistake>>) -> Result<(), Failure> {
    let (workspace, mistakes) = match read {
        Ok(workspace) => (Some(workspace), Vec::new()),
        Err(mistakes) => (None, mistakes),
    };
    let refused = workspace.is_none();
    let (organizations, warnings) = workspace
        .map(|workspace| {
            let names: Vec<String> = workspace.organizations.into_keys().collect();
            (names, workspace.warnings)
        })
        .unwrap_or_default();
    let line = json!({
        "organizations": organizations,
        "mistakes": told(mistakes),
        "warnings": told(warnings),
    });
    say(&line.to_string());
    if refused { Err(Failure::Told) } else { Ok(()) }
}

fn summary(workspace: &Workspace) -> String {
    let organizations = workspace.organizations.values();
    let connections = organizations
        .clone()
        .map(|inside| inside.connections.len())
        .sum();
    let agents = organizations.map(|inside| inside.agents.len()).sum();
    [
        count(workspace.organizations.len(), "organization"),
        count(connections, "connection"),
        count(agents, "agent"),
    ]
    .join(", ")
}
