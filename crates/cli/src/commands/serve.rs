//! `usher serve`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use app::{App, Settings, access::Principal, ports::egress, publish::PublishError};
use clap::Args;
use secrecy::ExposeSecret as _;

use super::{
    Failure,
    apply::prepared,
    block_on,
    check::told,
    report::Report,
    say,
    site::{self, Parts},
};
use crate::{
    config::{Config, StoreAddress},
    host::{environment::Environment, log},
};

/// Read when it is there and nothing else is named.
const USUAL_FILE: &str = "usher.toml";

/// What `usher serve` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The settings; absent: `usher.toml` in this folder, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Failure> {
    log::start(environment, "info")?;
    log::report_panics();
    let usual = Path::new(USUAL_FILE);
    let file = match &arguments.config {
        Some(file) => Some(file.as_path()),
        None => usual.exists().then_some(usual),
    };
    let config = Config::load(file, environment)?;
    block_on(serve(&config, environment))
}

async fn serve(config: &Config, environment: &Environment) -> Result<(), Failure> {
    // What can be refused is, before anything is opened.
    config.public_address(config.listen.port())?;
    let operator = config.operator_key(environment)?;
    let ring = config.key_ring(environment)?;
    let (listener, bound) = site::listen(config.listen).await?;
    let public_url = config.public_address(bound.port())?;
    let StoreAddress::Sqlite(database) = &config.store;
    let app = site::assemble(Parts {
        settings: settings(config, &public_url),
        rules: egress::Rules {
            allow: config.egress.allow.clone(),
            development: config.development,
        },
        roots: config.roots()?,
        database,
        store: config.limits.store(),
        ring,
    })?;
    match operator {
        Some(key) => app.admit_operator(&key).await?,
        None => show_first_key(&app).await?,
    }
    if let Some(directory) = &config.apply_at_start {
        publish(&app, directory, environment).await?;
    }
    let options = server::Options {
        limits: config.limits.request(),
        metrics: Some(site::metrics()?),
        rehearsal_url: None,
        stop: site::stop_signal()?,
    };
    announce(config, &public_url, bound);
    site::serve(app, listener, options, config.limits.connection()).await;
    tracing::info!("stopped");
    Ok(())
}

fn settings(config: &Config, public_url: &str) -> Settings {
    let mut settings = Settings::new(public_url);
    settings.development = config.development;
    settings.oauth_redirect_uri = config.oauth_redirect_uri.as_ref().map(ToString::to_string);
    if let Some(idle) = config.limits.session_idle_s {
        settings.session_idle = idle.into();
    }
    settings
}

/// To standard output and not to the log, which others may keep.
async fn show_first_key(app: &App) -> Result<(), Failure> {
    if let Some(key) = app.first_operator_key().await? {
        say(&format!(
            "The operator's key, shown this once: {}",
            key.expose_secret()
        ));
    }
    Ok(())
}

async fn publish(
    app: &Arc<App>,
    directory: &Path,
    environment: &Environment,
) -> Result<(), Failure> {
    let report = Report::new(environment);
    let tell = |mistakes| {
        report.mistakes(&told(mistakes));
        Failure::Told
    };
    let folder = prepared(directory, environment)?.map_err(tell)?;
    let operator = Principal::operator("start");
    match app
        .publish(&operator, app::conversation::MAIN_BRANCH, &folder)
        .await
    {
        Ok(published) => {
            report.warnings(&told(published.warnings));
            for outcome in &published.outcomes {
                let (organization, version) = (&outcome.organization, &outcome.version);
                tracing::info!(%organization, %version, changed = outcome.changed, "published");
            }
            Ok(())
        }
        Err(PublishError::Mistakes(mistakes)) => Err(tell(mistakes)),
        Err(error) => Err(error.into()),
    }
}

fn announce(config: &Config, public_url: &str, bound: std::net::SocketAddr) {
    tracing::info!(public_url, %bound, "listening");
    if config.development {
        tracing::warn!(
            "development mode: providers on this machine and plain http are permitted. \
             Never use it with real accounts"
        );
    }
}
