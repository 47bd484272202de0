//! Hostile input, replayed: whatever it is, it ends in a verdict and never in a panic.

use std::path::Path;

use oauth::client::ClientAuth;
use oauth::http::Response;
use oauth::token::{Code, redeem};
use oauth::{Exchange as _, Progress, callback, discovery, keys, userinfo};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::scene::{
    ISSUER, REDIRECT, STRICT, answer, caller, client, now, provider, secret, sent, texts,
};

/// The inputs of one corpus with their names; a name that begins with `ok-` is to be accepted.
#[expect(
    clippy::disallowed_methods,
    reason = "the corpus lies in files; the crate reads none"
)]
fn inputs(corpus: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(corpus);
    let mut inputs: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(path).unwrap(),
            )
        })
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 15, "{corpus}: {}", inputs.len());
    inputs
}

fn replay(corpus: &str, accepts: impl Fn(Vec<u8>) -> bool) {
    for (name, bytes) in inputs(corpus) {
        assert_eq!(
            accepts(bytes.clone()),
            name.starts_with("ok-"),
            "{corpus}/{name}"
        );
        // Every beginning of it, too: what breaks off is where parsers go wrong.
        for end in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
            let _ = accepts(bytes[..end].to_vec());
        }
    }
}

fn accepts_callback(bytes: Vec<u8>) -> bool {
    let Ok(query) = String::from_utf8(bytes) else {
        return false;
    };
    let _ = callback::state_of(&query);
    callback::parse(&query).is_ok_and(|answer| !answer.state.expose_secret().is_empty())
}

fn json(bytes: Vec<u8>) -> Response {
    answer(200, "application/json", bytes)
}

fn accepts_token(bytes: Vec<u8>) -> bool {
    let (provider, client) = (provider(), client(ClientAuth::None));
    let (code, verifier, scopes) = (secret("c"), secret("v"), texts(&["openid"]));
    let code = Code {
        code: &code,
        redirect_uri: REDIRECT,
        verifier: &verifier,
        scopes: &scopes,
    };
    let (_, exchange) = sent(redeem(&caller(&provider, &client, 1), &code).unwrap());
    exchange.receive(json(bytes), now()).is_ok()
}

fn accepts_metadata(bytes: Vec<u8>) -> bool {
    let (_, search) = sent(discovery::begin(ISSUER, &STRICT).unwrap());
    matches!(search.receive(json(bytes), now()), Ok(Progress::Done(_)))
}

fn accepts_userinfo(bytes: Vec<u8>) -> bool {
    let endpoint = Url::parse("https://id.example/userinfo").unwrap();
    let (_, exchange) = sent(userinfo::begin(&endpoint, &secret("at"), Some("alice")).unwrap());
    exchange.receive(json(bytes), now()).is_ok()
}

/// Proves: BND-9
#[test]
fn hostile_callbacks_are_replayed() {
    replay("callback", accepts_callback);
}

/// Proves: BND-15
#[test]
fn hostile_token_answers_are_replayed() {
    replay("token", accepts_token);
}

/// Proves in part: MIX-5 (the corpus)
#[test]
fn hostile_metadata_are_replayed() {
    replay("metadata", accepts_metadata);
}

#[test]
fn hostile_user_information_is_replayed() {
    replay("userinfo", accepts_userinfo);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_end_in_a_verdict(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = accepts_token(bytes.clone());
        let _ = accepts_metadata(bytes.clone());
        let _ = accepts_userinfo(bytes.clone());
        let _ = keys::kid_of(&String::from_utf8_lossy(&bytes));
        accepts_callback(bytes);
    }

    #[test]
    fn any_query_ends_in_a_verdict(query in "([a-z_]{0,12}(=[%a-fA-F0-9+]{0,12})?&?){0,8}") {
        if let Ok(answer) = callback::parse(&query) {
            let state = callback::state_of(&query);
            proptest::prop_assert_eq!(state.as_deref(), Some(answer.state.expose_secret()));
        }
    }
}
