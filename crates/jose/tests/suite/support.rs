//! One key of each family, and the one function all tables go through.

use std::sync::OnceLock;

use jose::sign::SigningKey;
use jose::{Alg, Fault, KeySet, Kind, MAX_BYTES, Policy, Verified};
use serde_json::{Value, json};

/// The `kid` of every key made here.
pub(crate) const KID: &str = "k";

/// Long enough for every `HS*`.
pub(crate) const SECRET: &[u8; 64] =
    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Verifies as an ID token, with every algorithm permitted.
pub(crate) fn check(token: &str, keys: &KeySet) -> Result<Verified, Fault> {
    check_as(Kind::IdToken, token, keys)
}

pub(crate) fn check_as(kind: Kind<'_>, token: &str, keys: &KeySet) -> Result<Verified, Fault> {
    let policy = Policy {
        kind,
        algs: &Alg::ALL,
        max_bytes: MAX_BYTES,
    };
    jose::verify(token, &policy, keys)
}

/// The outcome alone, to compare with.
pub(crate) fn fault(outcome: Result<Verified, Fault>) -> Option<Fault> {
    outcome.err()
}

/// The key for `alg`; all RSA algorithms share one.
pub(crate) fn key(alg: Alg) -> SigningKey {
    static RSA: OnceLock<SigningKey> = OnceLock::new();
    static OTHERS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    if alg.is_symmetric() {
        return SigningKey::hmac(alg, KID, SECRET).unwrap();
    }
    let others = OTHERS.get_or_init(|| {
        [Alg::ES256, Alg::ES384, Alg::ES512, Alg::EdDSA]
            .map(|alg| SigningKey::generate(alg, KID).unwrap())
            .into()
    });
    if let Some(key) = others.iter().find(|key| key.alg() == alg) {
        return key.clone();
    }
    let rsa = RSA.get_or_init(|| SigningKey::generate(Alg::RS256, KID).unwrap());
    SigningKey::from_pkcs8(alg, KID, &rsa.to_pkcs8().unwrap()).unwrap()
}

/// The public key for `alg`, free to serve every algorithm of its type.
pub(crate) fn jwk(alg: Alg) -> Value {
    with(&key(alg).public_jwk(), "alg", None)
}

/// A copy of an object in which one member is another, or gone.
pub(crate) fn with(object: &Value, name: &str, value: Option<Value>) -> Value {
    let mut object = object.as_object().unwrap().clone();
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.shift_remove(name),
    };
    Value::Object(object)
}

pub(crate) fn published(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The keys that verify what [`key`] signs.
pub(crate) fn keys_for(alg: Alg) -> KeySet {
    if alg.is_symmetric() {
        KeySet::from_secret(SECRET)
    } else {
        published(&[jwk(alg)])
    }
}

pub(crate) fn token(alg: Alg) -> String {
    key(alg).sign(None, &json!({"sub": "mia"})).unwrap()
}

/// A token of `ES256` with this header beside `alg` and `kid`.
pub(crate) fn token_with_header(members: &Value) -> String {
    let mut header = json!({"alg": "ES256", "kid": KID});
    for (name, value) in members.as_object().unwrap() {
        header[name] = value.clone();
    }
    key(Alg::ES256)
        .sign_with_header(&header, &json!({"sub": "mia"}))
        .unwrap()
}
