//! Citations above journeys and above tests of the pages' scripts.

use super::citation::{Claim, Found, Mistake, claims};
use crate::tree::{File, Tree};

/// Every test in here runs with the journeys.
const JOURNEYS: &str = "e2e/journeys/";

/// A test in here runs if the check of `web` names it.
const WEB: &str = "web/";
const WEB_CHECK: &str = "web/package.json";

/// Files that may try to cite.
const SCRIPTS: &[&str] = &["mjs", "js", "ts", "tsx"];

const NOT_DIRECTLY_ABOVE: &str = "this citation is not directly above a `test(`";
const NOT_RUN: &str = "this citation is above a test that does not run";
const ELSEWHERE: &str = "this citation is in a file that neither the journeys nor `web` run";

pub(super) fn find(tree: &Tree) -> Found {
    let scripts = tree.files().filter(|file| file.ends_in(SCRIPTS));
    scripts.fold(Found::default(), |found, file| {
        found.join(find_in(file, is_run(tree, file)))
    })
}

/// Whether an ordinary command runs the tests in `file`.
fn is_run(tree: &Tree, file: &File) -> bool {
    let is_journey = |name: &str| name.ends_with(".test.mjs") && !name.contains('/');
    let is_named = |name: &str| {
        tree.text(WEB_CHECK)
            .is_some_and(|check| check.contains(name))
    };
    file.path.strip_prefix(JOURNEYS).is_some_and(is_journey)
        || file.path.strip_prefix(WEB).is_some_and(is_named)
}

fn find_in(file: &File, run: bool) -> Found {
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
            found.settle(file, std::mem::take(&mut above), test(run, line));
        }
    }
    found.settle(file, above, Err(NOT_DIRECTLY_ABOVE));
    found
}

/// The name of the test that begins in `line`.
fn test(run: bool, line: &str) -> Result<&str, &'static str> {
    match () {
        () if !run => Err(ELSEWHERE),
        () if line.starts_with("test.") => Err(NOT_RUN),
        () if !line.starts_with("test(") => Err(NOT_DIRECTLY_ABOVE),
        () if line.contains("skip:") || line.contains("todo:") => Err(NOT_RUN),
        () => Ok(title(line)),
    }
}

/// What stands between the first quotes; the title may begin in the next line.
fn title(line: &str) -> &str {
    line.split(['\'', '"', '`']).nth(1).unwrap_or("a test")
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
    fn a_test_of_the_pages_counts_when_their_check_names_it() {
        let test = (
            "web/tests/a.test.mjs",
            "// Proves: WID-4\ntest('x', () => {});",
        );
        let named = (
            "web/package.json",
            "\"check\": \"node --test tests/a.test.mjs\"",
        );
        assert_eq!(find(&Tree::of(&[test, named])).citations.len(), 1);
        assert_eq!(find(&Tree::of(&[test])).mistakes[0].what, ELSEWHERE);
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
