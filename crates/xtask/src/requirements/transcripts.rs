//! Citations in the transcripts of flows: a line of its own, `Proves: …`.

use super::citation::{Found, Mistake, claims};
use super::reach::reached;
use crate::tree::{File, Tree};

const TRANSCRIPTS: &str = "crates/flow/tests/transcripts/";
const RUNNERS: &str = "crates/flow/tests/";

const NOT_RUN: &str = "no test of `flow` runs the transcripts";

pub(super) fn find(tree: &Tree) -> Found {
    let run = is_run(tree);
    let files = tree.under(TRANSCRIPTS).filter(|file| file.ends_in(&["md"]));
    files.fold(Found::default(), |found, file| {
        found.join(find_in(file, run))
    })
}

fn is_run(tree: &Tree) -> bool {
    let reached = reached(tree);
    let runs = |file: &File| reached.contains(&file.path) && file.text.contains("transcripts");
    tree.under(RUNNERS).any(runs)
}

fn find_in(file: &File, run: bool) -> Found {
    let mut found = Found::default();
    let name = file
        .path
        .strip_prefix(TRANSCRIPTS)
        .unwrap_or_default()
        .trim_end_matches(".md");
    for (number, line) in file.lines() {
        match claims(number, line.trim_end()) {
            Some(Ok(claims)) => {
                found.settle(file, claims, if run { Ok(name) } else { Err(NOT_RUN) });
            }
            Some(Err(what)) => found.mistakes.push(Mistake::at(file, number, what)),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSCRIPT: (&str, &str) = (
        "crates/flow/tests/transcripts/ask.md",
        "# Ask\n\nProves: SGN-9\n\n> hi\n",
    );

    #[test]
    fn a_transcript_proves_what_it_cites() {
        let runner = ("crates/flow/tests/steps.rs", "glob(\"transcripts\")");
        let found = find(&Tree::of(&[TRANSCRIPT, runner]));
        assert_eq!(found.mistakes, []);
        assert_eq!(
            (&*found.citations[0].id, &*found.citations[0].test),
            ("SGN-9", "ask")
        );
    }

    #[test]
    fn a_transcript_that_nothing_runs_proves_nothing() {
        assert_eq!(find(&Tree::of(&[TRANSCRIPT])).mistakes[0].what, NOT_RUN);
    }
}
