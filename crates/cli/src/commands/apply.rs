//! `usher apply`.

use std::path::{Path, PathBuf};

use app::{publish::Folder, workspace};
use clap::Args;
use oauth::Rules;
use secrecy::SecretString;
use serde_json::json;
use url::Url;
use zeroize::Zeroizing;

use super::{Failure, block_on, check::told, report::Report, say};
use crate::host::{
    admin::{Admin, AdminError, Mistake, Published},
    environment::Environment,
    folder,
};

/// What `usher apply` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The workspace: the folder that holds `organizations`
    directory: PathBuf,
    /// The branch to publish to; `?branch=NAME` in a chat's address chooses it
    #[arg(long, value_name = "NAME", default_value = "main")]
    branch: String,
    #[command(flatten)]
    server: Server,
    /// Print one line of JSON for programs
    #[arg(long)]
    json: bool,
}

/// Which server, and the key to it.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The server's address
    #[arg(
        long,
        value_name = "URL",
        env = "USHER_SERVER",
        default_value = "http://localhost:3978"
    )]
    server: Url,
    /// A file with your key; without it, the key is taken from the variable `USHER_KEY`
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Server {
    pub(super) fn admin(&self, environment: &Environment) -> Result<Admin, Failure> {
        let key = match &self.key_file {
            Some(path) => key_in(path)?,
            None => environment
                .get("USHER_KEY")
                .map(|key| SecretString::from(key.trim()))
                .ok_or(Failure::NoKey)?,
        };
        Ok(Admin::new(self.server.clone(), key)?)
    }
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failure> {
    let report = Report::new(environment);
    let tell = |mistakes: Vec<Mistake>| {
        if arguments.json {
            say(&json!({ "error": { "code": "mistakes", "mistakes": mistakes } }).to_string());
        } else {
            report.mistakes(&mistakes);
        }
        Failure::Told
    };
    let folder = match prepared(&arguments.directory, environment)? {
        Ok(folder) => folder,
        Err(mistakes) => return Err(tell(told(mistakes))),
    };
    let admin = arguments.server.admin(environment)?;
    match block_on(async { Ok(admin.publish(&arguments.branch, &folder).await) })? {
        Ok(published) if arguments.json => {
            say(&json!(published).to_string());
            Ok(())
        }
        Ok(published) => {
            report.warnings(&published.warnings);
            say(&summary(&published, &arguments.branch));
            Ok(())
        }
        Err(AdminError::Mistakes(mistakes)) => Err(tell(mistakes)),
        Err(AdminError::Refused {
            code,
            message,
            status,
        }) if arguments.json => {
            let error = json!({ "code": code, "message": message, "status": status });
            say(&json!({ "error": error }).to_string());
            Err(Failure::Told)
        }
        Err(error) => Err(error.into()),
    }
}

/// The folder with its secrets, or all of its mistakes.
///
/// Read as a server in development would: whether this one is, it knows best itself.
pub(super) fn prepared(
    directory: &Path,
    environment: &Environment,
) -> Result<Result<Folder, Vec<workspace::Mistake>>, Failure> {
    let files = folder::read(directory)?;
    let read = workspace::read(&files, &Rules { development: true });
    Ok(read.and_then(|read| folder::resolve(directory, files, &read, environment)))
}

fn key_in(path: &Path) -> Result<SecretString, Failure> {
    match std::fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => Ok(SecretString::from(text.trim())),
        Err(source) => Err(Failure::KeyFile {
            path: path.to_owned(),
            source,
        }),
    }
}

fn summary(published: &Published, branch: &str) -> String {
    let line = |outcome: &crate::host::admin::Outcome| {
        let what = if outcome.changed {
            "is live now"
        } else {
            "was live already"
        };
        let (organization, version) = (&outcome.organization, &outcome.version);
        format!("{organization}: {version} {what} on {branch}")
    };
    let lines: Vec<String> = published.organizations.iter().map(line).collect();
    lines.join("\n")
}
