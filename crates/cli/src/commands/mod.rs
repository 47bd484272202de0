//! The commands, one module each.
//!
//! To add one: a module with `Arguments` and `run`, a variant of [`Command`], and its section in
//! `docs/reference/commands.md`. What goes wrong is a variant of [`Failure`], which also says with
//! which code the program ends.

mod apply;
mod check;
mod demo;
mod failure;
mod key;
mod report;
mod serve;
mod site;

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
};

use app::workspace::{self, Kind};
use clap::{CommandFactory as _, Parser, Subcommand, builder::PossibleValuesParser};
use clap_complete::Shell;

pub use failure::Failure;

use crate::host::environment::{Environment, environment};

/// What a shell is told about the whole program.
const EXIT_CODES: &str = "Exit codes: 0 done; 1 refused or mistakes found; 2 the command line is \
    wrong, or names something that is not there.";

/// Signs people in where they already are: in the middle of a chat or a business process.
#[derive(Debug, Parser)]
#[command(name = "usher", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Usher {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it all on this machine, with no account anywhere
    ///
    /// Starts a server with sample agents and an identity provider of its own, whose people need
    /// no password, and prints where to go. Ctrl-C stops it.
    Demo(demo::Arguments),
    /// Run the server
    ///
    /// Settings come from `usher.toml` and from the environment, which wins. SIGTERM or Ctrl-C
    /// stops it: it takes no new requests, finishes those under way, then ends.
    Serve(serve::Arguments),
    /// Find the mistakes of a workspace, all at once
    Check(check::Arguments),
    /// Publish a workspace as the live version of a branch
    ///
    /// The workspace is checked here first. Its secrets are then taken from this environment, or
    /// from files beside it, and sent along; the server keeps them sealed. Conversations under
    /// way stay on the version they began with.
    Apply(apply::Arguments),
    /// Print the JSON Schema of a kind of workspace file
    ///
    /// Editors check YAML by it while one types.
    Schema {
        /// Which kind
        #[arg(value_parser = kinds())]
        kind: Kind,
    },
    /// Keys of administrators
    #[command(subcommand)]
    Key(key::Command),
    /// Print the completions for a shell
    ///
    /// For bash, once: usher completions bash > ~/.local/share/bash-completion/completions/usher
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Runs the command of this process's command line.
pub fn main() -> ExitCode {
    let Usher { command } = Usher::parse();
    match run(command, &environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(),
    }
}

fn run(command: Command, environment: &Environment) -> Result<(), Failure> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments, environment),
        Command::Serve(arguments) => serve::run(&arguments, environment),
        Command::Check(arguments) => check::run(&arguments, environment),
        Command::Apply(arguments) => apply::run(&arguments, environment),
        Command::Schema { kind } => {
            say(&format!("{:#}", workspace::schema(kind)));
            Ok(())
        }
        Command::Key(command) => key::run(&command, environment),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Usher::command(), "usher", &mut stdout().lock());
            Ok(())
        }
    }
}

fn kinds() -> impl clap::builder::TypedValueParser<Value = Kind> {
    use clap::builder::TypedValueParser as _;
    PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)).try_map(|kind| kind.parse::<Kind>())
}

/// Writes a line to standard output. Nobody may be reading any more, as behind `| head`.
fn say(line: &str) {
    let _ = writeln!(stdout().lock(), "{line}");
}

/// Runs what waits for something, on all processors.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Usher::command().debug_assert();
    }
}
