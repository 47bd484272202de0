//! What the process tells its operator while it runs.

use std::io::{IsTerminal as _, stderr};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::{ParseError, filter_fn},
    fmt,
    layer::SubscriberExt as _,
};

use super::environment::Environment;

/// The variable that says how much is logged: `warn`, `info`, `app=debug,info`.
pub const VARIABLE: &str = "USHER_LOG";

/// Crates whose log lines hold no secret. Others may quote addresses and headers (SEC-3), so
/// that from them only warnings are taken, whatever the variable says.
const OURS: [&str; 9] = [
    "app",
    "cli",
    "flow",
    "jose",
    "oauth",
    "rehearsal",
    "server",
    "store",
    "vault",
];

/// Logs to standard error from now on: as text on a terminal, else as one JSON object a line
/// (SEC-6).
///
/// # Errors
/// The variable holds no filter.
pub fn start(environment: &Environment, otherwise: &str) -> Result<(), ParseError> {
    let wanted = environment.get(VARIABLE).map_or(otherwise, String::as_str);
    let filter = EnvFilter::try_new(wanted)?;
    let lines = if stderr().is_terminal() {
        fmt::layer().with_writer(stderr).boxed()
    } else {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(stderr)
            .boxed()
    };
    let subscriber = Registry::default()
        .with(filter)
        .with(filter_fn(may_be_logged))
        .with(lines);
    // Set before: by a test that listens itself.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// Logs panics by their place. Their message is left out, since it may quote a value (SEA-7); the
/// thread or task ends, the process goes on.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(
            place,
            thread = thread.name(),
            "a bug: this code panicked; the message may quote secrets and is left out"
        );
    }));
}

fn may_be_logged(line: &Metadata<'_>) -> bool {
    let krate = line.target().split("::").next().unwrap_or_default();
    *line.level() <= Level::WARN || OURS.contains(&krate)
}
