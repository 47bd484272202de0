//! The program `usher`. All of it is in the library half.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::commands::main()
}
