//! A test runs, always, and does not wait for the wall clock.

use super::{Finding, OURSELVES};
use crate::tree::{File, Tree};

/// What keeps a test from running.
const IDLE_RUST: &[&str] = &[
    "#[ignore",
    ", ignore)]",
    ", ignore =",
    "autotests = false",
    "test = false",
];
const IDLE_JOURNEY: &[&str] = &[
    "test.skip(",
    "test.todo(",
    "test.only(",
    "skip: true",
    "todo: true",
];

/// What waits for the wall clock. Time is passed in, or the test waits for the event itself.
const WAITS_RUST: &[&str] = &["sleep(", "time::sleep_until("];
const WAITS_JOURNEY: &[&str] = &["waitForTimeout(", "timers/promises", "sleep("];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .files()
        .filter(|file| !file.path.starts_with(OURSELVES))
    {
        match Role::of(file) {
            Role::Rust => {
                findings.extend(marks(file, 1, IDLE_RUST, "runs by no ordinary command"));
                let from = first_test_line(file);
                findings.extend(marks(file, from, WAITS_RUST, "waits for the wall clock"));
            }
            Role::Manifest => findings.extend(marks(file, 1, IDLE_RUST, "hides tests")),
            Role::Journey => {
                findings.extend(marks(file, 1, IDLE_JOURNEY, "runs by no ordinary command"));
                findings.extend(marks(file, 1, WAITS_JOURNEY, "waits for the wall clock"));
            }
            Role::Other => {}
        }
    }
    findings
}

enum Role {
    Rust,
    Manifest,
    Journey,
    Other,
}

impl Role {
    fn of(file: &File) -> Self {
        let krate = file.crate_name();
        match () {
            () if krate.is_some() && file.is_rust() => Self::Rust,
            () if krate.is_some() && file.path.ends_with("/Cargo.toml") => Self::Manifest,
            () if file.path.starts_with("e2e/journeys/") => Self::Journey,
            () => Self::Other,
        }
    }
}

/// Where the tests of a file begin: the first line in `tests/` and the testkit.
fn first_test_line(file: &File) -> usize {
    let all_test = file.path.contains("/tests/") || file.path.starts_with("crates/testkit/");
    let begins = |line: &str| all_test || line.trim_start().starts_with("#[cfg(test)]");
    file.lines()
        .find(|(_, line)| begins(line))
        .map_or(usize::MAX, |(number, _)| number)
}

fn marks(file: &File, from: usize, marks: &[&str], why: &str) -> Vec<Finding> {
    let found = |(number, line): (usize, &str)| {
        let mark = marks.iter().find(|mark| stands_in(line, mark))?;
        Some(Finding::at(file, number, format!("`{mark}` {why}")))
    };
    file.lines()
        .filter(|(number, _)| *number >= from)
        .filter_map(found)
        .collect()
}

/// As a name of its own: `sleep(` is not in `asleep(`. Comments may say what they like.
fn stands_in(line: &str, mark: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    let code = !line.trim_start().starts_with("//");
    let own = |start: usize| !mark.starts_with(inner) || !line[..start].ends_with(inner);
    code && line.match_indices(mark).any(|(start, _)| own(start))
}

#[cfg(test)]
mod tests {
    use super::super::findings;
    use super::*;

    #[test]
    fn tests_that_idle_or_wait_are_found() {
        for (path, text, wrong) in [
            (
                "crates/app/tests/a.rs",
                "#[test]\n#[ignore = \"slow\"]\nfn a() {}",
                true,
            ),
            (
                "crates/app/tests/a.rs",
                "tokio::time::sleep(second).await;",
                true,
            ),
            ("crates/app/tests/a.rs", "clock.advance(second);", false),
            (
                "crates/app/src/a.rs",
                "sleep(second);\n#[cfg(test)]\nmod tests {}",
                false,
            ),
            (
                "crates/app/src/a.rs",
                "#[cfg(test)]\nmod tests { fn a() { sleep(x) } }",
                true,
            ),
            ("crates/app/src/a.rs", "fn asleep() {}", false),
            ("crates/app/Cargo.toml", "[lib]\ntest = false", true),
            ("e2e/journeys/a.test.mjs", "test.skip('x', () => {})", true),
            (
                "e2e/journeys/a.test.mjs",
                "await page.waitForTimeout(100)",
                true,
            ),
            ("e2e/journeys/a.test.mjs", "await page.waitForURL(x)", false),
        ] {
            let found = findings(check, &[(path, text)]);
            assert_eq!(!found.is_empty(), wrong, "{path}: {text}: {found:?}");
        }
    }
}
