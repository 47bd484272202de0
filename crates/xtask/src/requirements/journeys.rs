//! Citations above browser journeys, and in files that no command runs.

use super::citation::{Claim, Found, Mistake, claims};
use crate::tree::{File, Tree};

const JOURNEYS: &str = "e2e/journeys/";

/// Script files outside the journeys that may try to cite.
const SCRIPTS: &[&str] = &["mjs", "js", "ts", "tsx"];

const NOT_DIRECTLY_ABOVE: &str = "this citation is not directly above a `test(`";
const NOT_RUN: &str = "this citation is above a journey that does not run";
const ELSEWHERE: &str = "only e2e/journeys/*.test.mjs are run as journeys";

pub(super) fn find(tree: &Tree) -> Found {
    let scripts = tree.files().filter(|file| file.ends_in(SCRIPTS));
    scripts.fold(Found::default(), |found, file| found.join(find_in(file)))
}

fn find_in(file: &File) -> Found {
    let mut found = Found::default();
    let mut above: Vec<Claim> = Vec::new();
    for (number, line) in file.lines() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix("//") {
            match claims(number, comment.trim_start()) {
                Some(Ok(claims)) => above.extend(claims),
                Some(Err(what)) => found.mistakes.push(Mistake::at(file, number, what)),
                None => {}
            }
        } else {
            found.settle(file, std::mem::take(&mut above), journey(file, line));
        }
    }
    found.settle(file, above, Err(NOT_DIRECTLY_ABOVE));
    found
}

/// The name of the journey that begins in `line`.
fn journey<'a>(file: &File, line: &'a str) -> Result<&'a str, &'static str> {
    match () {
        () if !is_run(file) => Err(ELSEWHERE),
        () if line.starts_with("test.") => Err(NOT_RUN),
        () if !line.starts_with("test(") => Err(NOT_DIRECTLY_ABOVE),
        () if line.contains("skip:") || line.contains("todo:") => Err(NOT_RUN),
        () => Ok(title(line)),
    }
}

fn is_run(file: &File) -> bool {
    let name = file.path.strip_prefix(JOURNEYS);
    name.is_some_and(|name| name.ends_with(".test.mjs") && !name.contains('/'))
}

/// What stands between the first quotes; the title may begin in the next line.
fn title(line: &str) -> &str {
    line.split(['\'', '"', '`']).nth(1).unwrap_or("a journey")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_at(path: &str, text: &str) -> Found {
        find(&Tree::of(&[(path, text)]))
    }

    #[test]
    fn a_journey_proves_what_it_cites() {
        let text = "// Proves: SGN-16\ntest('the chat goes on', async () => {});";
        let found = find_at("e2e/journeys/chat.test.mjs", text);
        assert_eq!(found.mistakes, []);
        assert_eq!(found.citations[0].test, "the chat goes on");
    }

    #[test]
    fn what_does_not_run_proves_nothing() {
        for (path, text, why) in [
            (
                "e2e/journeys/a.test.mjs",
                "// Proves: SGN-16\ntest.skip('x')",
                NOT_RUN,
            ),
            (
                "e2e/journeys/a.test.mjs",
                "// Proves: SGN-16\ntest('x', { skip: true })",
                NOT_RUN,
            ),
            (
                "e2e/journeys/a.test.mjs",
                "// Proves: SGN-16\n\ntest('x')",
                NOT_DIRECTLY_ABOVE,
            ),
            (
                "e2e/journeys/world.mjs",
                "// Proves: SGN-16\ntest('x')",
                ELSEWHERE,
            ),
            (
                "web/chat/a.test.ts",
                "// Proves: SGN-16\ntest('x')",
                ELSEWHERE,
            ),
        ] {
            let found = find_at(path, text);
            assert_eq!(found.citations, [], "{text}");
            assert_eq!(found.mistakes[0].what, why, "{text}");
        }
    }
}
