//! The checks that everyone runs, in order; the first failure stops them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::process::{Process, is_installed};
use crate::{requirements, tidy};

/// One check, and what does it.
pub(crate) type Step = (&'static str, fn(&Path) -> Result<(), Failure>);

const FORMAT: Step = ("format", format);
const TIDY: Step = ("tidy", tidy::run);
const REQUIREMENTS: Step = ("requirements", requirements::check);
const CLIPPY: Step = ("clippy", clippy);
const TESTS: Step = ("tests", tests);
const DOC_TESTS: Step = ("doc tests", doc_tests);
const WEB_CHECK: Step = ("web check", web_check);
const WEB_BUILD: Step = ("web build", web_build);
const JOURNEYS: Step = ("journeys", journeys);

pub(crate) const EVERYTHING: &[Step] = &[
    FORMAT,
    TIDY,
    REQUIREMENTS,
    WEB_CHECK,
    // Before anything of Rust: the server embeds what it makes.
    WEB_BUILD,
    CLIPPY,
    TESTS,
    DOC_TESTS,
    JOURNEYS,
];
pub(crate) const WITHOUT_JOURNEYS: &[Step] = &[
    FORMAT,
    TIDY,
    REQUIREMENTS,
    WEB_CHECK,
    WEB_BUILD,
    CLIPPY,
    TESTS,
    DOC_TESTS,
];
pub(crate) const LINT: &[Step] = &[FORMAT, TIDY, REQUIREMENTS, CLIPPY];
pub(crate) const WEB: &[Step] = &[WEB_CHECK, WEB_BUILD];

pub(crate) fn run(root: &Path, steps: &[Step]) -> Result<(), Failure> {
    let mut summary = Vec::new();
    let mut outcome = Ok(());
    for &(name, step) in steps {
        if outcome.is_err() {
            summary.push((name, Ended::NotRun));
            continue;
        }
        println!("==> {name}");
        let began = Instant::now();
        let ended = step(root);
        println!("<== {name}: {}\n", in_words(began.elapsed()));
        summary.push((
            name,
            if ended.is_ok() {
                Ended::Well
            } else {
                Ended::Badly
            }(began.elapsed()),
        ));
        outcome = ended.map_err(|failure| report(name, &failure));
    }
    print!("{}", table(&summary));
    outcome
}

enum Ended {
    Well(Duration),
    Badly(Duration),
    NotRun,
}

fn report(name: &'static str, failure: &Failure) -> Failure {
    eprintln!("error: {failure}");
    Failure::Step(name)
}

fn table(summary: &[(&str, Ended)]) -> String {
    let line = |(name, ended): &(&str, Ended)| match ended {
        Ended::Well(took) => format!("  ok      {name:<14}{:>9}\n", in_words(*took)),
        Ended::Badly(took) => format!("  FAILED  {name:<14}{:>9}\n", in_words(*took)),
        Ended::NotRun => format!("  not run {name}\n"),
    };
    summary.iter().map(line).collect()
}

fn in_words(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn format(root: &Path) -> Result<(), Failure> {
    cargo(root, &["fmt", "--all", "--", "--check"]).run()
}

fn clippy(root: &Path) -> Result<(), Failure> {
    cargo(
        root,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )
    .run()
}

fn tests(root: &Path) -> Result<(), Failure> {
    let nextest = ["nextest", "run", "--workspace", "--no-fail-fast"];
    let plain = ["test", "--workspace", "--all-targets", "--no-fail-fast"];
    let arguments = if is_installed("cargo-nextest") {
        &nextest
    } else {
        &plain
    };
    // A snapshot that changed is a failure here, never a new file.
    cargo(root, arguments).env("INSTA_UPDATE", "no").run()
}

fn doc_tests(root: &Path) -> Result<(), Failure> {
    cargo(root, &["test", "--workspace", "--doc"]).run()
}

fn web_check(root: &Path) -> Result<(), Failure> {
    npm_run(root, "check")
}

fn web_build(root: &Path) -> Result<(), Failure> {
    npm_run(root, "build")
}

fn npm_run(root: &Path, script: &str) -> Result<(), Failure> {
    Process::new(&root.join("web"), "npm", &["run", "--silent", script]).run()
}

fn journeys(root: &Path) -> Result<(), Failure> {
    // With the features that the tests were built with, so that nothing is built twice.
    cargo(root, &["build", "--workspace", "--all-targets"]).run()?;
    let files = journey_files(&root.join("e2e/journeys"))?;
    let mut arguments = vec!["--test", "--test-concurrency=1", "--test-reporter=spec"];
    arguments.extend(files.iter().map(String::as_str));
    Process::new(root, "node", &arguments)
        .env("USHER_BIN", program(root))
        .run()
}

/// Named one by one, since versions of Node disagree on what a folder means.
fn journey_files(folder: &Path) -> Result<Vec<String>, Failure> {
    let failed = |source| Failure::Read {
        path: folder.into(),
        source,
    };
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .map_err(failed)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".test.mjs"))
        .map(|name| format!("e2e/journeys/{name}"))
        .collect();
    files.sort();
    Ok(files)
}

fn program(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target)
        .join("debug")
        .join(format!("usher{}", std::env::consts::EXE_SUFFIX))
}

fn cargo(root: &Path, arguments: &[&str]) -> Process {
    Process::new(root, "cargo", arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_stops_the_rest() {
        fn fails(_: &Path) -> Result<(), Failure> {
            Err(Failure::UnknownCommand("x".into()))
        }
        fn never(_: &Path) -> Result<(), Failure> {
            panic!("a step ran after a failure")
        }

        let failure = run(Path::new("."), &[("one", fails), ("two", never)]).unwrap_err();

        assert_eq!(failure.to_string(), "stopped at one");
    }

    #[test]
    fn the_summary_tells_every_step() {
        let second = Duration::from_secs(1);
        let summary = [
            ("a", Ended::Well(second)),
            ("b", Ended::Badly(second)),
            ("c", Ended::NotRun),
        ];

        assert_eq!(
            table(&summary),
            "  ok      a                 1.0 s\n  FAILED  b                 1.0 s\n  not run c\n"
        );
    }

    #[test]
    fn only_journeys_are_run() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.test.mjs", "a.test.mjs", "world.mjs"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }

        let files = journey_files(folder.path()).unwrap();

        assert_eq!(
            files,
            ["e2e/journeys/a.test.mjs", "e2e/journeys/b.test.mjs"]
        );
    }
}
