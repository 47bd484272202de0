//! Runs one fuzz target on the stable compiler, without `cargo-fuzz` and without a sanitizer: our code
//! is safe Rust, so what we look for are panics, failed assertions and time.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process::Process;

/// The targets, and the folder of inputs that each starts from, if it needs any: what the crates'
/// ordinary tests replay.
const TARGETS: &[(&str, Option<&str>)] = &[
    ("compact_jwt", Some("crates/jose/tests/corpus/jwt")),
    ("jwks", Some("crates/jose/tests/corpus/jwks")),
    ("discovery", Some("crates/oauth/tests/corpus/metadata")),
    ("token_answer", Some("crates/oauth/tests/corpus/token")),
    ("callback_query", Some("crates/oauth/tests/corpus/callback")),
    ("template", Some("crates/flow/tests/corpus/template")),
    ("sealed_blob", None),
    ("cookie_header", None),
    ("workspace_yaml", Some("crates/app/tests/corpus/workspace")),
];

/// The target whose dependencies take long to build, so the others do without them.
const HEAVY: &str = "workspace_yaml";

/// Coverage for libFuzzer, by flags that the stable compiler takes.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1";

/// Longest input: the largest limit of any reader, and some more to get over it.
const LONGEST: &str = "-max_len=70000";

/// Fuzzes `target`, for so many seconds if any are given.
pub(crate) fn run(root: &Path, target: &str, seconds: Option<&str>) -> Result<(), Failure> {
    let seeds = seeds_of(target)?;
    let fuzz = root.join("fuzz");
    let found = format!("target/corpus/{target}");
    make_folder(&fuzz.join(&found))?;
    make_folder(&fuzz.join("artifacts"))?;

    let artifacts = format!("-artifact_prefix=artifacts/{target}-");
    let limit = format!("-max_total_time={}", seconds.unwrap_or("0"));
    let start = seeds.filter(|folder| root.join(folder).is_dir());
    let start = start.map(|folder| format!("../{folder}"));
    // Naming the target keeps the flags away from build scripts.
    let host = host()?;
    let mut arguments = vec!["run", "--release", "--target", &host, "--bin", target, "--"];
    if target == HEAVY {
        arguments.splice(1..1, ["--features", HEAVY]);
    }
    arguments.extend([&artifacts, LONGEST, "-timeout=5", &limit, &found]);
    arguments.extend(start.as_deref());
    Process::new(&fuzz, "cargo", &arguments)
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", fuzz.join("target"))
        .run()
}

fn seeds_of(target: &str) -> Result<Option<&'static str>, Failure> {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    found.map(|(_, seeds)| *seeds).ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        Failure::Missing {
            what: format!("the fuzz target `{target}`"),
            remedy: format!("there are {}", names.join(", ")),
        }
    })
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::Write {
        path: path.into(),
        source,
    };
    fs::create_dir_all(path).map_err(failed)
}

/// The system that the compiler runs on, as `rustc -vV` tells.
fn host() -> Result<String, Failure> {
    let failed = |source| Failure::NotStarted {
        program: "rustc".into(),
        source,
    };
    let output = Command::new("rustc").arg("-vV").output().map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::Malformed {
        path: "rustc -vV".into(),
        what: "names no host".into(),
    })
}
