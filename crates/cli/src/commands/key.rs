//! `usher key`.

use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Failure, apply::Server, block_on, say};
use crate::host::environment::Environment;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key for the administrators of an organization
    ///
    /// It is shown this once. With it, they publish their own organization and no other.
    New {
        /// The organization
        organization: String,
        /// What the key is called where keys are listed
        #[arg(long, value_name = "TEXT")]
        label: String,
        #[command(flatten)]
        server: Server,
        /// Print one line of JSON for programs
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command, environment: &Environment) -> Result<(), Failure> {
    let Command::New {
        organization,
        label,
        server,
        json,
    } = command;
    let admin = server.admin(environment)?;
    let key = block_on(async { Ok(admin.new_key(organization, label).await?) })?;
    if *json {
        say(&json!({ "key": key.expose_secret() }).to_string());
    } else {
        say(key.expose_secret());
    }
    Ok(())
}
