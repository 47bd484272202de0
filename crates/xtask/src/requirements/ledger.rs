//! The committed list of what is proven whole, so that a proof cannot get lost unnoticed.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::tree::Tree;

const LEDGER: &str = "docs/requirements/proven.txt";
const HEADER: &str = "# Proven whole. Written by `cargo xtask requirements --bless`.\n";

pub(super) fn read(tree: &Tree) -> Vec<String> {
    let lines = tree.text(LEDGER).unwrap_or_default().lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Fails if an id of the ledger is no longer proven; says so if one could be added.
pub(super) fn compare(ledger: &[String], proven: &[&str]) -> Result<(), Failure> {
    let new = proven
        .iter()
        .filter(|id| !ledger.iter().any(|old| old == *id))
        .count();
    if new > 0 {
        println!("{new} more than {LEDGER} says: `cargo xtask requirements --bless` adds them");
    }
    let lost: Vec<_> = ledger
        .iter()
        .filter(|id| !proven.contains(&id.as_str()))
        .collect();
    for id in &lost {
        eprintln!("{LEDGER}: {id} has lost its proof");
    }
    match lost.len() {
        0 => Ok(()),
        count => Err(Failure::Findings {
            check: "requirements",
            count,
        }),
    }
}

pub(super) fn write(root: &Path, proven: &[&str]) -> Result<(), Failure> {
    let path = root.join(LEDGER);
    let lines = proven.join("\n");
    fs::write(&path, format!("{HEADER}{lines}\n")).map_err(|source| Failure::Write { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_proof_fails_and_a_new_one_does_not() {
        let ledger = ["JWT-1".to_owned(), "JWT-2".to_owned()];
        assert!(compare(&ledger, &["JWT-1", "JWT-2", "JWT-3"]).is_ok());
        assert!(compare(&ledger, &["JWT-1"]).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("docs/requirements")).unwrap();
        write(root.path(), &["JWT-1", "A11Y-1"]).unwrap();
        assert_eq!(read(&Tree::read(root.path()).unwrap()), ["JWT-1", "A11Y-1"]);
    }
}
