//! The provider's signing keys and their rotation.

use jose::Alg;
use jose::sign::SigningKey;
use serde_json::{Value, json};

/// Why a provider cannot be made, or cannot sign.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The issuer is not an `http` or `https` address without query and fragment.
    #[error("the issuer is not a plain http or https address")]
    Issuer,
    /// A person without a `sub`, or two with the same key.
    #[error("the person {0:?} has no subject, or a key that is taken")]
    Person(String),
    /// A key cannot be made, or the client's secret is too short for `HS*`.
    #[error("no key for {alg}", alg = .0.as_str())]
    Key(Alg, #[source] jose::sign::Error),
    /// No key was made for the algorithm: use `sign_with` to change it.
    #[error("there is no key for {alg}", alg = .0.as_str())]
    NoKey(Alg),
    /// An ID token is to be signed with a client secret, and the client has none.
    #[error("a client without a secret cannot get ID tokens signed with {alg}", alg = .0.as_str())]
    NoSecret(Alg),
}

/// Signing keys: the newest of each algorithm signs, all published ones verify.
#[derive(Default)]
pub(crate) struct Keys {
    made: u32,
    published: Vec<(Alg, SigningKey)>,
    /// Foreign or odd JWKs that a test wants in the set (JWK-1).
    extra: Vec<Value>,
}

impl Keys {
    /// Makes a key for `alg` unless one is there. HMAC keys are the clients' secrets.
    pub(crate) fn ensure(&mut self, alg: Alg) -> Result<(), Error> {
        if is_hmac(alg) || self.newest(alg).is_some() {
            return Ok(());
        }
        self.rotate(alg)
    }

    /// Makes a new key for `alg`; the older ones stay published.
    pub(crate) fn rotate(&mut self, alg: Alg) -> Result<(), Error> {
        if is_hmac(alg) {
            return Ok(());
        }
        self.made += 1;
        let key = generate(alg, &format!("key-{}", self.made))?;
        self.published.push((alg, key));
        Ok(())
    }

    /// Publishes only the newest key of each algorithm from now on.
    pub(crate) fn retire(&mut self) {
        let newest: Vec<bool> = (0..self.published.len())
            .map(|at| {
                self.published
                    .iter()
                    .skip(at + 1)
                    .all(|(alg, _)| *alg != self.published[at].0)
            })
            .collect();
        let mut newest = newest.into_iter();
        self.published.retain(|_| newest.next().unwrap_or_default());
    }

    pub(crate) fn publish(&mut self, jwk: Value) {
        self.extra.push(jwk);
    }

    pub(crate) fn newest(&self, alg: Alg) -> Option<&SigningKey> {
        self.published
            .iter()
            .rev()
            .find(|(of, _)| *of == alg)
            .map(|(_, key)| key)
    }

    /// The JWK set.
    pub(crate) fn document(&self) -> Value {
        let own = self.published.iter().map(|(_, key)| key.public_jwk());
        json!({ "keys": own.chain(self.extra.iter().cloned()).collect::<Vec<_>>() })
    }
}

pub(crate) fn generate(alg: Alg, kid: &str) -> Result<SigningKey, Error> {
    SigningKey::generate(alg, kid).map_err(|source| Error::Key(alg, source))
}

pub(crate) fn is_hmac(alg: Alg) -> bool {
    matches!(alg, Alg::HS256 | Alg::HS384 | Alg::HS512)
}
