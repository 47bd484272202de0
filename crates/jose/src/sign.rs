//! The other half: signing client assertions, and whatever a rehearsal's provider hands out.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::alg::{Alg, Family};
use crate::base64url;

/// Why a key cannot be made, or cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The private key is malformed, or not of the algorithm's type and curve.
    #[error("the private key does not fit the algorithm")]
    KeyRejected,
    /// The secret is shorter than the hash of the algorithm (RFC 7518 §3.2).
    #[error("the secret is too short for the algorithm")]
    WeakSecret,
    /// `HS*` keys are not made here and have no PKCS#8 form.
    #[error("the algorithm has no private key")]
    Symmetric,
    /// The library failed; there is nothing that the caller can do about it.
    #[error("signing failed")]
    Failed,
}

/// A private key, or a shared secret, with the algorithm it is for and the name it goes by.
///
/// Cheap to clone. `Debug` shows the algorithm and the name alone.
#[derive(Clone)]
pub struct SigningKey {
    alg: Alg,
    kid: String,
    secret: Arc<Secret>,
}

enum Secret {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
}

impl SigningKey {
    /// Makes a new key; RSA keys get 2048 bit.
    ///
    /// This, and the blinding and nonces of signing itself, is the one use of randomness in this
    /// crate: the library takes it from the operating system and offers no other way.
    pub fn generate(alg: Alg, kid: &str) -> Result<SigningKey, Error> {
        let secret = match ecdsa(alg) {
            Some(curve) => EcdsaKeyPair::generate(curve).map(Secret::Ecdsa),
            None => match alg.family() {
                Family::Rsa => RsaKeyPair::generate(KeySize::Rsa2048).map(Secret::Rsa),
                Family::Ed25519 => Ed25519KeyPair::generate().map(Secret::Ed25519),
                _ => return Err(Error::Symmetric),
            },
        };
        let secret = secret.map_err(|_| Error::Failed)?;
        Ok(SigningKey::new(alg, kid, secret))
    }

    /// Reads an unencrypted PKCS#8 document; an EC key must be on the algorithm's curve.
    pub fn from_pkcs8(alg: Alg, kid: &str, der: &[u8]) -> Result<SigningKey, Error> {
        let secret = match ecdsa(alg) {
            Some(curve) => EcdsaKeyPair::from_pkcs8(curve, der).map(Secret::Ecdsa),
            None => match alg.family() {
                Family::Rsa => RsaKeyPair::from_pkcs8(der).map(Secret::Rsa),
                Family::Ed25519 => Ed25519KeyPair::from_pkcs8(der).map(Secret::Ed25519),
                _ => return Err(Error::Symmetric),
            },
        };
        let secret = secret.map_err(|_| Error::KeyRejected)?;
        Ok(SigningKey::new(alg, kid, secret))
    }

    /// A shared secret for one of `HS*`, as long as its hash at least.
    pub fn hmac(alg: Alg, kid: &str, secret: &[u8]) -> Result<SigningKey, Error> {
        let algorithm = match alg {
            Alg::HS256 => hmac::HMAC_SHA256,
            Alg::HS384 => hmac::HMAC_SHA384,
            Alg::HS512 => hmac::HMAC_SHA512,
            _ => return Err(Error::KeyRejected),
        };
        if secret.len() < algorithm.tag_len() {
            return Err(Error::WeakSecret);
        }
        let key = hmac::Key::new(algorithm, secret);
        Ok(SigningKey::new(alg, kid, Secret::Hmac(Box::new(key))))
    }

    /// The algorithm it signs with.
    pub fn alg(&self) -> Alg {
        self.alg
    }

    /// The name it goes by; empty if it has none.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as a provider publishes it; `null` for a shared secret, which has none.
    pub fn public_jwk(&self) -> Value {
        let Some(Value::Object(mut jwk)) = self.public_numbers() else {
            return Value::Null;
        };
        jwk.insert("use".to_owned(), "sig".into());
        jwk.insert("alg".to_owned(), self.alg.as_str().into());
        if !self.kid.is_empty() {
            jwk.insert("kid".to_owned(), self.kid.as_str().into());
        }
        Value::Object(jwk)
    }

    /// The private key as an unencrypted PKCS#8 document, wiped when it is dropped.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let der = match &*self.secret {
            Secret::Rsa(key) => key.as_der().map(|der| der.as_ref().to_vec()),
            Secret::Ecdsa(key) => key.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
            Secret::Ed25519(key) => key.to_pkcs8().map(|der| der.as_ref().to_vec()),
            Secret::Hmac(_) => return Err(Error::Symmetric),
        };
        der.map(Zeroizing::new).map_err(|_| Error::Failed)
    }

    /// Signs `claims` under a header of `alg`, and of `typ` and `kid` if there are any.
    pub fn sign(&self, typ: Option<&str>, claims: &Value) -> Result<String, Error> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), self.alg.as_str().into());
        if let Some(typ) = typ {
            header.insert("typ".to_owned(), typ.into());
        }
        if !self.kid.is_empty() {
            header.insert("kid".to_owned(), self.kid.as_str().into());
        }
        self.sign_with_header(&Value::Object(header), claims)
    }

    /// Signs under whatever header, also one that lies: for rehearsed faults and tests.
    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> Result<String, Error> {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs two texts as they are, also such as are no JSON: for rehearsed faults and tests.
    pub fn sign_text(&self, header: &str, payload: &str) -> Result<String, Error> {
        let mut token = base64url::encode(header);
        token.push('.');
        token.push_str(&base64url::encode(payload));
        let signature = self.sign_bytes(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url::encode(signature));
        Ok(token)
    }

    /// The bare signature, in the form RFC 7518 §3 gives it.
    #[expect(
        clippy::disallowed_methods,
        reason = "signing blinds and salts; the library ignores this source and uses its own"
    )]
    pub fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match &*self.secret {
            Secret::Rsa(key) => {
                let padding = rsa_padding(self.alg).ok_or(Error::KeyRejected)?;
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message, &mut signature)
                    .map_err(|_| Error::Failed)?;
                Ok(signature)
            }
            Secret::Ecdsa(key) => {
                let signature = key.sign(&random, message).map_err(|_| Error::Failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Secret::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
            Secret::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }

    fn new(alg: Alg, kid: &str, secret: Secret) -> SigningKey {
        SigningKey {
            alg,
            kid: kid.to_owned(),
            secret: Arc::new(secret),
        }
    }

    fn public_numbers(&self) -> Option<Value> {
        match &*self.secret {
            Secret::Rsa(key) => {
                let (n, e) = rsa_numbers(key.public_key().as_ref())?;
                Some(json!({"kty": "RSA", "n": base64url::encode(n), "e": base64url::encode(e)}))
            }
            Secret::Ecdsa(key) => {
                // SEC 1 §2.3.3: a byte that says "not compressed", then both coordinates.
                let (_, point) = key.public_key().as_ref().split_first()?;
                let (x, y) = point.split_at(point.len() / 2);
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                Some(json!({"kty": "EC", "crv": curve_name(self.alg)?, "x": x, "y": y}))
            }
            Secret::Ed25519(key) => {
                let x = base64url::encode(key.public_key());
                Some(json!({"kty": "OKP", "crv": "Ed25519", "x": x}))
            }
            Secret::Hmac(_) => None,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn ecdsa(alg: Alg) -> Option<&'static EcdsaSigningAlgorithm> {
    match alg.family() {
        Family::P256 => Some(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Family::P384 => Some(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Family::P521 => Some(&ECDSA_P521_SHA512_FIXED_SIGNING),
        Family::Rsa | Family::Ed25519 | Family::Secret => None,
    }
}

fn curve_name(alg: Alg) -> Option<&'static str> {
    match alg.family() {
        Family::P256 => Some("P-256"),
        Family::P384 => Some("P-384"),
        Family::P521 => Some("P-521"),
        Family::Rsa | Family::Ed25519 | Family::Secret => None,
    }
}

fn rsa_padding(alg: Alg) -> Option<&'static dyn RsaEncoding> {
    match alg {
        Alg::RS256 => Some(&RSA_PKCS1_SHA256),
        Alg::RS384 => Some(&RSA_PKCS1_SHA384),
        Alg::RS512 => Some(&RSA_PKCS1_SHA512),
        Alg::PS256 => Some(&RSA_PSS_SHA256),
        Alg::PS384 => Some(&RSA_PSS_SHA384),
        Alg::PS512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 §A.1.1), without leading zeros.
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = der_value(der, 0x30)?;
    let (n, rest) = der_value(sequence, 0x02)?;
    let (e, _) = der_value(rest, 0x02)?;
    let unsigned = |number: &'_ [u8]| number.iter().take_while(|&&byte| byte == 0).count();
    Some((n.get(unsigned(n)..)?, e.get(unsigned(e)..)?))
}

/// The contents of the first value, which must bear `tag`, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    if length < 0x80 {
        return rest.split_at_checked(length.into());
    }
    let (digits, rest) = rest.split_at_checked((length & 0x7f).into())?;
    let length = digits
        .iter()
        .fold(0_usize, |length, &digit| length << 8 | usize::from(digit));
    rest.split_at_checked(length)
}
