use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a development command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    UnknownCommand(String),
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    Walk(walkdir::Error),
    Toml {
        path: String,
        source: toml::de::Error,
    },
    /// A file of ours says something that its reader does not understand.
    Malformed {
        path: String,
        what: String,
    },
    NotStarted {
        program: String,
        source: std::io::Error,
    },
    Exited {
        line: String,
        status: ExitStatus,
    },
    /// The program is missing and cannot be installed from here.
    Missing {
        what: String,
        remedy: String,
    },
    /// The findings themselves have been printed.
    Findings {
        check: &'static str,
        count: usize,
    },
    /// The step's own failure has been printed.
    Step(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand(words) => {
                write!(
                    f,
                    "no such command: `{words}`; `cargo xtask help` lists them"
                )
            }
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Write { path, source } => write!(f, "cannot write {}: {source}", path.display()),
            Self::Walk(source) => write!(f, "cannot list the checkout: {source}"),
            Self::Toml { path, source } => write!(f, "{path}: {source}"),
            Self::Malformed { path, what } => write!(f, "{path}: {what}"),
            Self::NotStarted { program, source } => write!(f, "cannot start {program}: {source}"),
            Self::Exited { line, status } => write!(f, "`{line}` ended with {status}"),
            Self::Missing { what, remedy } => write!(f, "{what} is missing: {remedy}"),
            Self::Findings { check, count: 1 } => write!(f, "{check}: 1 finding"),
            Self::Findings { check, count } => write!(f, "{check}: {count} findings"),
            Self::Step(name) => write!(f, "stopped at {name}"),
        }
    }
}

impl std::error::Error for Failure {}
