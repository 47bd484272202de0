//! Installs what the other commands need. Safe to repeat: what is there is left alone.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::process::{Process, is_installed};

/// A program that the checks start.
struct Program {
    /// What it may be called, any of them.
    names: &'static [&'static str],
    /// The environment variable that may name it instead.
    variable: Option<&'static str>,
    /// The Debian package that brings it.
    package: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        names: &["node"],
        variable: None,
        package: "nodejs",
    },
    Program {
        names: &["npm"],
        variable: None,
        package: "npm",
    },
    Program {
        names: &["chromium", "chromium-browser"],
        variable: Some("CHROMIUM"),
        package: "chromium",
    },
];

/// Folders with npm packages.
const NPM_FOLDERS: &[&str] = &["web", "e2e"];

/// Beside the packages, a copy of the lock file that they were installed from.
const STAMP: &str = "node_modules/.installed-from.json";

pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    install_programs(root)?;
    for folder in NPM_FOLDERS {
        install_npm_packages(&root.join(folder))?;
    }
    Ok(())
}

fn install_programs(root: &Path) -> Result<(), Failure> {
    let missing = PROGRAMS.iter().filter(|program| !program.is_there());
    let missing: Vec<&str> = missing.map(|program| program.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("set-up: installing {}", missing.join(", "));
    let root_prefix = root_prefix(root, &missing)?;
    apt(root, &root_prefix, &["update", "--quiet"])?;
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    apt(root, &root_prefix, &[&install[..], &missing].concat())
}

impl Program {
    fn is_there(&self) -> bool {
        let named = self
            .variable
            .is_some_and(|name| std::env::var_os(name).is_some());
        named || self.names.iter().any(|name| is_installed(name))
    }
}

/// What to put before `apt-get` so that it may install: nothing for root, else `sudo`.
fn root_prefix(root: &Path, packages: &[&str]) -> Result<Vec<&'static str>, Failure> {
    let missing = |remedy: String| Failure::Missing {
        what: packages.join(", "),
        remedy,
    };
    if !is_installed("apt-get") {
        return Err(missing(
            "install it with this system's package manager".into(),
        ));
    }
    if is_root() {
        return Ok(vec![]);
    }
    if is_installed("sudo") && Process::new(root, "sudo", &["-n", "true"]).run().is_ok() {
        return Ok(vec!["sudo", "-n"]);
    }
    Err(missing(format!(
        "as root, run `apt-get install {}`",
        packages.join(" ")
    )))
}

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // The owner of a process's own folder is the user it runs as.
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

fn apt(root: &Path, prefix: &[&str], arguments: &[&str]) -> Result<(), Failure> {
    let words = [prefix, &["apt-get"], arguments].concat();
    Process::new(root, words[0], &words[1..])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}

fn install_npm_packages(folder: &Path) -> Result<(), Failure> {
    let lock = folder.join("package-lock.json");
    let Ok(wanted) = fs::read(&lock) else {
        return Ok(());
    };
    let stamp = folder.join(STAMP);
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("set-up: npm packages of {}", folder.display());
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    Process::new(folder, "npm", &arguments).run()?;
    fs::write(&stamp, wanted).map_err(|source| Failure::Write {
        path: stamp,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_an_unchanged_lock_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = folder.path().join(STAMP);
        fs::create_dir_all(stamp.parent().unwrap()).unwrap();
        fs::write(folder.path().join("package-lock.json"), "{}").unwrap();
        fs::write(&stamp, "{}").unwrap();

        // `npm ci` would fail here: there is no package.json.
        install_npm_packages(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_without_packages_is_passed_over() {
        install_npm_packages(tempfile::tempdir().unwrap().path()).unwrap();
    }
}
