//! Rules of the layout that the compiler cannot hold.
//!
//! To add one: a file here with `check(&Tree) -> Vec<Finding>` and its tests, and its line in
//! [`RULES`]. A rule reads text and names the place; what is permitted stands in a table, each
//! exception with its reason.

mod arrows;
mod bans;
mod dependencies;
mod honest_tests;
mod index;
mod manifest;
mod paths;
mod provider_names;
mod sockets;
mod transcripts;
mod unfinished;

use std::fmt;
use std::path::Path;

use crate::failure::Failure;
use crate::tree::{File, Tree};

type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

const RULES: &[Rule] = &[
    ("arrows", arrows::check),
    ("dependencies", dependencies::check),
    ("bans", bans::check),
    ("transcripts", transcripts::check),
    ("provider names", provider_names::check),
    ("sockets", sockets::check),
    ("paths", paths::check),
    ("unfinished", unfinished::check),
    ("honest tests", honest_tests::check),
    ("index", index::check),
];

/// Crates without IO, clock, randomness and async.
const PURE: &[&str] = &["jose", "oauth", "flow", "identity", "vault"];

/// The rules have to name what they forbid, and their tests to show it.
const OURSELVES: &str = "crates/xtask/src/";

pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let tree = Tree::read(root)?;
    let mut count = 0;
    for (name, rule) in RULES {
        for finding in rule(&tree) {
            eprintln!("{finding} [{name}]");
            count += 1;
        }
    }
    if count == 0 {
        Ok(())
    } else {
        Err(Failure::Findings {
            check: "tidy",
            count,
        })
    }
}

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq)]
struct Finding {
    path: String,
    /// Zero for a finding about the whole file.
    line: usize,
    message: String,
}

impl Finding {
    fn at(file: &File, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            line,
            message: message.into(),
        }
    }

    fn about(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line: 0,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Whether `word` stands in `line` with no letter, digit or underscore before or behind it.
fn has_word(line: &str, word: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        !line[..start].ends_with(inner) && !line[start + word.len()..].starts_with(inner)
    })
}

/// What a rule says about a tree of these files, as it is printed.
#[cfg(test)]
fn findings(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Tree::of(files))
        .iter()
        .map(Finding::to_string)
        .collect()
}
