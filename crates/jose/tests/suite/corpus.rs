//! Every hostile input we have kept, through the parsers: no panic, no hang, no acceptance.

use std::path::{Path, PathBuf};

use jose::{Alg, KeySet, Kind, MAX_ID_TOKEN_BYTES, Policy, Unusable, verify};

use crate::support::{SECRET, keys_for};

#[test]
fn no_kept_token_is_accepted() {
    let sets = [
        keys_for(Alg::RS256),
        keys_for(Alg::ES256),
        keys_for(Alg::EdDSA),
        KeySet::from_secret(SECRET),
    ];
    for (path, bytes) in files("jwt") {
        let text = String::from_utf8_lossy(&bytes);
        for keys in &sets {
            for kind in [Kind::IdToken, Kind::LogoutToken, Kind::UserInfo] {
                let policy = Policy {
                    kind,
                    algs: &Alg::ALL,
                    max_bytes: MAX_ID_TOKEN_BYTES,
                };
                let outcome = verify(&text, &policy, keys);
                assert!(outcome.is_err(), "{} is accepted", path.display());
            }
        }
    }
}

#[test]
fn no_kept_key_set_yields_more_than_it_says() {
    for (path, bytes) in files("jwks") {
        let Ok(keys) = KeySet::parse(&bytes) else {
            continue;
        };
        assert!(
            keys.len() + keys.unused().len() <= 100,
            "{}",
            path.display()
        );
        // The name of the file says how many of its keys are fit for use.
        let name = path.file_stem().unwrap().to_string_lossy();
        let expected: usize = name.rsplit('-').next().unwrap().parse().unwrap_or(0);
        assert_eq!(
            keys.len(),
            expected,
            "{}: {:?}",
            path.display(),
            reasons(&keys)
        );
    }
}

fn reasons(keys: &KeySet) -> Vec<Unusable> {
    keys.unused().iter().map(|unused| unused.why).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the corpus is a directory, for the fuzzer to add to"
)]
fn files(kind: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(kind);
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus of {kind} is gone");
    files
}
