//! What the documentation says of codes and of workspace files, held against the program.

#![expect(
    clippy::disallowed_methods,
    reason = "the documentation is not embedded, so it is read where it lies"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong in a helper fails its test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use app::workspace;
use flow::{HttpFailure, SignInFailure};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below `folder` with this ending, and their text.
fn texts(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path, ending));
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found.sort();
    found
}

/// `TokenExpired` and `token_expired` have one page: file systems may not tell capitals apart.
fn page_of(code: &str) -> String {
    let mut name = String::new();
    for letter in code.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// What a sign-in can end with. No `_`: a new failure makes the compiler ask for its line.
fn sign_in_codes() -> Vec<&'static str> {
    use SignInFailure as F;
    let all = [
        F::Refused,
        F::EmailNotVerified,
        F::OtherBrowser,
        F::Reported,
        F::WrongCode,
        F::Interrupted,
        F::ProviderDown,
        F::ProviderMisbehaved,
        F::PartialConsent,
        F::NoConfiguration,
        F::Busy,
    ];
    let code = |failure: F| match failure {
        F::Refused
        | F::EmailNotVerified
        | F::OtherBrowser
        | F::Reported
        | F::WrongCode
        | F::Interrupted
        | F::ProviderDown
        | F::ProviderMisbehaved
        | F::PartialConsent
        | F::NoConfiguration
        | F::Busy => failure.code(),
    };
    all.map(code).to_vec()
}

/// What a call can end with, likewise.
fn http_codes() -> Vec<&'static str> {
    use HttpFailure as F;
    let all = [
        F::Unreachable,
        F::TimedOut,
        F::NotSignedIn,
        F::OriginNotAllowed,
        F::TooLarge,
        F::OutcomeUnknown,
        F::Busy,
        F::NoConfiguration,
    ];
    let code = |failure: F| match failure {
        F::Unreachable
        | F::TimedOut
        | F::NotSignedIn
        | F::OriginNotAllowed
        | F::TooLarge
        | F::OutcomeUnknown
        | F::Busy
        | F::NoConfiguration => failure.code(),
    };
    all.map(code).to_vec()
}

/// Codes that stand in the source as the first text without blanks behind one of `marks`.
fn written_codes(folder: &str, marks: &[&str]) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for (_, source) in texts(&root().join(folder), "rs") {
        for mark in marks {
            codes.extend(source.split(mark).skip(1).filter_map(first_word));
        }
    }
    codes
}

/// The first quoted text of a statement, if it is one word.
fn first_word(statement: &str) -> Option<String> {
    let end = statement.find([';', '}']).unwrap_or(statement.len());
    let quoted = statement.get(..end)?.split('"').nth(1)?;
    let word = quoted
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    (word && !quoted.is_empty()).then(|| quoted.to_owned())
}

fn all_codes() -> BTreeSet<String> {
    let mut codes: BTreeSet<String> = sign_in_codes()
        .into_iter()
        .chain(http_codes())
        // Of an answer about the person, and of a sign-in that nobody waits for any more.
        .chain(["identity_refused", "late"])
        .map(str::to_owned)
        .collect();
    codes.extend(written_codes(
        "crates/flow/src",
        &["Exception::new(", "-> Self {\n        Self::new("],
    ));
    codes.extend(written_codes(
        "crates/server/src",
        &["Problem::new(", "Self::new(", "BodyFault::"],
    ));
    codes
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let codes: BTreeSet<String> = all_codes().iter().map(|code| page_of(code)).collect();
    assert!(codes.contains("timeout") && codes.contains("token_expired"));
    let pages = texts(&root().join("docs/problems"), "md");
    let pages: BTreeSet<String> = pages
        .iter()
        .filter_map(|(path, _)| path.file_stem()?.to_str().map(str::to_owned))
        .filter(|name| name != "README")
        .collect();
    let unexplained: Vec<_> = codes.difference(&pages).collect();
    assert!(
        unexplained.is_empty(),
        "no page in docs/problems/ for {unexplained:?}"
    );
    let stale: Vec<_> = pages.difference(&codes).collect();
    assert!(stale.is_empty(), "no code any more for {stale:?}");
}

/// What the fragments of the pages may refer to.
const STEPS: [&str; 4] = ["sign_in", "too_slow", "sorry", "lookup_again"];
const HEAD: &str = "flow: main\nvariables: { trips: [], answer: null, tries: 0 }\nsteps:\n";

/// A workspace in which nothing is wrong but what `block` brings in.
fn around(block: &str) -> Vec<(String, String)> {
    let below = |path: &str| format!("organizations/acme/{path}");
    let travel = |flow: &str| below(&format!("agents/travel/flows/{flow}.yaml"));
    let stub = |flow: &str| format!("flow: {flow}\nsteps: [{{ id: done, end: true }}]\n");
    let mut files = vec![
        (
            below("organization.yaml"),
            "organization: acme\ntitle: Acme\n".to_owned(),
        ),
        (
            below("connections/corp.yaml"),
            "connection: corp\ntitle: Corp\ndiscovery: https://login.acme.example\n\
             client_id: usher\nclient_auth: none\n"
                .to_owned(),
        ),
        (
            below("agents/travel/agent.yaml"),
            "agent: travel\ntitle: Travel\nstart: main\n".to_owned(),
        ),
        (travel("main"), stub("main")),
        (travel("identify"), stub("identify")),
    ];
    let first = block.lines().next().unwrap();
    let (kind, name) = first.split_once(':').unwrap();
    let name = name.trim();
    let (path, text) = match kind {
        "organization" => (below("organization.yaml"), block.to_owned()),
        "connection" => (below(&format!("connections/{name}.yaml")), block.to_owned()),
        "flow" => (travel(name), block.to_owned()),
        "- id" => (travel("main"), with_steps(block)),
        "agent" => {
            files.push((
                below(&format!("agents/{name}/flows/main.yaml")),
                stub("main"),
            ));
            (
                below(&format!("agents/{name}/agent.yaml")),
                block.to_owned(),
            )
        }
        _ => panic!("neither a file nor steps, so not to be marked as yaml: {first}"),
    };
    files.retain(|(other, _)| *other != path);
    files.push((path, text));
    files.sort();
    files.dedup_by(|a, b| a.0 == b.0);
    files
}

fn with_steps(block: &str) -> String {
    let mut flow = HEAD.to_owned();
    for line in block.lines() {
        flow.extend(["  ", line, "\n"]);
    }
    for step in STEPS {
        if !block.contains(&format!("id: {step}\n")) {
            flow.extend(["  - { id: ", step, ", end: true }\n"]);
        }
    }
    flow
}

fn yaml_blocks(page: &str) -> impl Iterator<Item = &str> {
    page.split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(block, _)| block))
}

#[test]
fn every_example_of_a_workspace_file_is_sound() {
    let mut pages = texts(&root().join("docs"), "md");
    let readme = root().join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    pages.push((readme, text));
    for (page, text) in &pages {
        for block in yaml_blocks(text) {
            let read = workspace::read(&around(block), &oauth::Rules { development: false });
            let mistakes: Vec<String> = match read {
                Ok(_) => Vec::new(),
                Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
            };
            assert_eq!(mistakes, [""; 0], "{}\n{block}", page.display());
        }
    }
}

/// Adds the keys that a schema knows, at any depth.
fn keys_of(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            for member in members.values() {
                keys_of(member, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys_of(item, keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_key_of_a_workspace_file_is_described() {
    let mut keys = BTreeSet::new();
    for kind in workspace::Kind::ALL {
        keys_of(&workspace::schema(kind), &mut keys);
    }
    assert!(keys.contains("block_user_input") && keys.contains("trusted_audiences"));
    let page = fs::read_to_string(root().join("docs/reference/workspace.md")).unwrap();
    let words: BTreeSet<&str> = page
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    let missing: Vec<_> = keys
        .iter()
        .filter(|key| !words.contains(key.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/reference/workspace.md lacks {missing:?}"
    );
}
