//! Development commands. `cargo xtask help` lists them.
//!
//! Where do I add a rule that the compiler cannot hold? One file in `tidy/`, one line in
//! `tidy/mod.rs`. A step of the checks that everyone runs is one line in `ci.rs`.

mod ci;
mod failure;
mod fuzz;
mod process;
mod requirements;
mod set_up;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use failure::Failure;

const HELP: &str = "\
cargo xtask COMMAND

  set-up                   install what is missing: system packages, npm packages
  ci [--fast]              every check and test in order; --fast leaves out the journeys
  lint                     the checks of `ci` that run no test
  web                      check and build the pages that the program serves
  tidy                     the rules of the layout that the compiler cannot hold
  fuzz TARGET [SECONDS]    feed a reader of strangers' bytes, see fuzz/README.md
  requirements             which requirement is proven by which test
  requirements --proven    ids proven whole, one a line
  requirements --open      ids not proven whole, one a line
  requirements --check     fail if an id in docs/requirements/proven.txt has lost its proof
  requirements --bless     rewrite docs/requirements/proven.txt
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words, &root()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str], root: &Path) -> Result<(), Failure> {
    match words {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["set-up"] => set_up::run(root),
        ["ci"] => ci::run(root, ci::EVERYTHING),
        ["ci", "--fast"] => ci::run(root, ci::WITHOUT_JOURNEYS),
        ["lint"] => ci::run(root, ci::LINT),
        ["web"] => ci::run(root, ci::WEB),
        ["tidy"] => tidy::run(root),
        ["fuzz", target] => fuzz::run(root, target, None),
        ["fuzz", target, seconds] => fuzz::run(root, target, Some(seconds)),
        ["requirements"] => requirements::table(root),
        ["requirements", "--proven"] => requirements::proven(root),
        ["requirements", "--open"] => requirements::open(root),
        ["requirements", "--check"] => requirements::check(root),
        ["requirements", "--bless"] => requirements::bless(root),
        _ => Err(Failure::UnknownCommand(words.join(" "))),
    }
}

/// The checkout, known at build time: the commands work from any folder in it.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
