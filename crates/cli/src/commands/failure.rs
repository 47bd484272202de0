//! Why a command did not do what it was asked, and how the program then ends.

use std::{error::Error, io, net::SocketAddr, path::PathBuf, process::ExitCode};

use crate::{
    config::ConfigError,
    host::{admin::AdminError, folder::FolderError},
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There were mistakes, and they have been shown.
    #[error("there are mistakes")]
    Told,
    /// The workspace folder could not be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The settings are no good.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `USHER_LOG` holds no filter.
    #[error("USHER_LOG is not understood")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    /// No key was given to a command that administers.
    #[error("no key: name its file with --key-file, or set USHER_KEY")]
    NoKey,
    /// The key's file could not be read.
    #[error("the key file {} could not be read", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server did not do it.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The demo is for this machine only: its provider asks for no password.
    #[error("the demo listens on this machine only, and {0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The address is taken, or not ours.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no threads.
    #[error("could not start")]
    Runtime(#[source] io::Error),
    /// Signals cannot be caught.
    #[error("could not wait for signals")]
    Signals(#[source] io::Error),
    /// The metrics are recorded already.
    #[error("could not record metrics")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The TLS library could not be set up.
    #[error("could not set up outgoing connections")]
    Tls(#[source] reqwest::Error),
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// A workspace could not be published.
    #[error("could not publish the workspace")]
    Publish(#[from] app::publish::PublishError),
    /// What was just published is not there.
    #[error("could not read what was published")]
    Version(#[from] app::versions::VersionError),
    /// A key of the store could not be opened.
    #[error("could not open the keys of the store; is this the key it was made with?")]
    Key(#[from] app::KeyError),
    /// The demo's own files are no good.
    #[error("{} is not usable", path.display())]
    DemoFile {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The demo's key is damaged.
    #[error("the demo's key is not usable")]
    DemoKey(#[from] vault::KeyFault),
    /// The demo's ring could not be made.
    #[error("the demo's key is not usable")]
    DemoRing(#[from] vault::RingFault),
    /// The rehearsal provider could not be made.
    #[error("could not make the rehearsal provider")]
    Rehearsal(#[from] rehearsal::Error),
}

impl Failure {
    /// Says why on standard error, and gives the code to end with.
    pub(super) fn end(&self) -> ExitCode {
        if !matches!(self, Self::Told) {
            eprintln!("usher: {}", self.with_causes());
        }
        ExitCode::from(self.code())
    }

    fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            // Some errors repeat their cause in their own words.
            let words = error.to_string();
            if !text.ends_with(&words) {
                text = format!("{text}: {words}");
            }
            cause = error.source();
        }
        text
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Folder(_)
            | Self::Config(ConfigError::Unreadable { .. })
            | Self::Log(_)
            | Self::NoKey
            | Self::KeyFile { .. }
            | Self::NotLoopback(_) => 2,
            _ => 1,
        }
    }
}
