//! A compact JWT, as anyone may send one (JWT-1, JWT-2, JWT-3, JWT-13).
#![no_main]

use std::sync::LazyLock;

use jose::{Alg, KeySet, Kind, MAX_BYTES, Policy};

static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::from_secret(&[7; 64]));
static POLICY: Policy<'_> = Policy {
    kind: Kind::IdToken,
    algs: &[Alg::HS256, Alg::RS256, Alg::ES256, Alg::EdDSA],
    max_bytes: MAX_BYTES,
};

libfuzzer_sys::fuzz_target!(|token: &str| {
    let _ = jose::verify(token, &POLICY, &KEYS);
});
