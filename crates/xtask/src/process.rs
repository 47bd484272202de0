use std::path::Path;
use std::process::Command;

use crate::failure::Failure;

/// A program to run in the checkout, with its output going straight to the terminal.
pub(crate) struct Process {
    line: String,
    command: Command,
}

impl Process {
    pub(crate) fn new(folder: &Path, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder).args(arguments);
        Self {
            line: format!("{program} {}", arguments.join(" ")),
            command,
        }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Prints the command and waits for it; a status other than zero is a failure.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        eprintln!("$ {}", self.line);
        let program = self.command.get_program().to_string_lossy().into_owned();
        let status = self
            .command
            .status()
            .map_err(|source| Failure::NotStarted { program, source })?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Exited {
                line: self.line,
                status,
            })
        }
    }
}

/// Whether `program` stands in a folder of `PATH`.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
