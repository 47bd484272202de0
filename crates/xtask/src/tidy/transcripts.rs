//! Every step kind has a transcript that shows it at work.

use super::Finding;
use crate::tree::{File, Tree};

const STEPS: &str = "crates/flow/src/steps/";
const TRANSCRIPTS: &str = "crates/flow/tests/transcripts/";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let steps = tree
        .under(STEPS)
        .filter_map(|file| Some((file, kind(file)?)));
    let lacking = steps.filter(|(_, kind)| !has_transcript(tree, kind));
    lacking
        .map(|(file, kind)| Finding::about(&file.path, message(kind)))
        .collect()
}

/// `sign_in` for `steps/sign_in.rs`; parts of a step in a folder of its own are not kinds.
fn kind(file: &File) -> Option<&str> {
    let kind = file.path.strip_prefix(STEPS)?.strip_suffix(".rs")?;
    (kind != "mod" && !kind.contains('/')).then_some(kind)
}

/// `sign_in.md`, or several: `sign_in_expires.md`, `sign_in/expires.md`.
fn has_transcript(tree: &Tree, kind: &str) -> bool {
    let begins = |name: &str| {
        let rest = name.strip_prefix(kind);
        rest.is_some_and(|rest| rest.starts_with(['.', '_', '-', '/']))
    };
    let name = |file: &File| file.path.strip_prefix(TRANSCRIPTS).map(str::to_owned);
    tree.under(TRANSCRIPTS)
        .filter_map(name)
        .any(|name| begins(&name))
}

fn message(kind: &str) -> String {
    format!("the step has no transcript {TRANSCRIPTS}{kind}.md")
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn a_step_without_a_transcript_is_found() {
        let found = findings(
            check,
            &[
                ("crates/flow/src/steps/mod.rs", ""),
                ("crates/flow/src/steps/ask.rs", ""),
                ("crates/flow/src/steps/set.rs", ""),
                ("crates/flow/tests/transcripts/ask.md", "> hi"),
            ],
        );
        let step = "crates/flow/src/steps/set.rs";
        assert_eq!(
            found,
            [format!(
                "{step}: the step has no transcript crates/flow/tests/transcripts/set.md"
            )]
        );
    }
}
