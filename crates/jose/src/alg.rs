//! The closed list of signature algorithms, and what each needs of a key.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::base64url;

/// A signature algorithm (RFC 7518 §3.1, RFC 8037, RFC 9864).
///
/// `none` is no variant: no setting can turn it on (JWT-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    PS256,
    /// RSASSA-PSS with SHA-384 and a salt of 48 bytes.
    PS384,
    /// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// Ed25519, under its old name `EdDSA` or its new one `Ed25519`. Ed448 is not supported.
    #[serde(alias = "Ed25519")]
    EdDSA,
    /// HMAC with SHA-256; the key is the client secret and nothing else (JWT-6).
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

/// The algorithm's name is not one of ours; `none` in any case is among those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature algorithm")]
pub struct UnknownAlg;

impl Alg {
    /// Every algorithm, in the order of the table in RFC 7518 §3.1.
    pub const ALL: [Alg; 13] = [
        Alg::RS256,
        Alg::RS384,
        Alg::RS512,
        Alg::PS256,
        Alg::PS384,
        Alg::PS512,
        Alg::ES256,
        Alg::ES384,
        Alg::ES512,
        Alg::EdDSA,
        Alg::HS256,
        Alg::HS384,
        Alg::HS512,
    ];

    /// What a connection permits unless it says otherwise (JWT-5).
    pub const DEFAULT: [Alg; 4] = [Alg::RS256, Alg::PS256, Alg::ES256, Alg::EdDSA];

    /// The name as it stands in a header or a key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Alg::RS256 => "RS256",
            Alg::RS384 => "RS384",
            Alg::RS512 => "RS512",
            Alg::PS256 => "PS256",
            Alg::PS384 => "PS384",
            Alg::PS512 => "PS512",
            Alg::ES256 => "ES256",
            Alg::ES384 => "ES384",
            Alg::ES512 => "ES512",
            Alg::EdDSA => "EdDSA",
            Alg::HS256 => "HS256",
            Alg::HS384 => "HS384",
            Alg::HS512 => "HS512",
        }
    }

    /// Whether the key is a shared secret.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Alg::HS256 | Alg::HS384 | Alg::HS512)
    }

    /// What a key must be to serve this algorithm.
    pub(crate) const fn family(self) -> Family {
        match self {
            Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 | Alg::PS384 | Alg::PS512 => {
                Family::Rsa
            }
            Alg::ES256 => Family::P256,
            Alg::ES384 => Family::P384,
            Alg::ES512 => Family::P521,
            Alg::EdDSA => Family::Ed25519,
            Alg::HS256 | Alg::HS384 | Alg::HS512 => Family::Secret,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Alg::RS256 | Alg::PS256 | Alg::ES256 | Alg::HS256 => &digest::SHA256,
            Alg::RS384 | Alg::PS384 | Alg::ES384 | Alg::HS384 => &digest::SHA384,
            Alg::RS512 | Alg::PS512 | Alg::ES512 | Alg::HS512 | Alg::EdDSA => &digest::SHA512,
        }
    }
}

/// Key type and curve in one: each algorithm fits exactly one family (JWT-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    Secret,
}

/// The left half of the hash of `value`, as `at_hash`, `c_hash` and `s_hash` carry it.
///
/// The hash is that of the token's own `alg`, and SHA-512 for `EdDSA` (IDT-8; `OpenID` Connect
/// Core 1.0 §3.1.3.6). Compare it in constant time.
pub fn half_hash(alg: Alg, value: &str) -> String {
    let hash = digest::digest(alg.digest(), value.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    base64url::encode(left)
}

impl FromStr for Alg {
    type Err = UnknownAlg;

    /// Names are compared byte for byte: `rs256` is no algorithm.
    fn from_str(name: &str) -> Result<Alg, UnknownAlg> {
        if name == "Ed25519" {
            return Ok(Alg::EdDSA);
        }
        Alg::ALL
            .into_iter()
            .find(|alg| alg.as_str() == name)
            .ok_or(UnknownAlg)
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_algorithm() {
        for alg in Alg::ALL {
            assert_eq!(alg.as_str().parse(), Ok(alg));
            let json = serde_json::to_string(&alg).unwrap();
            assert_eq!(json, format!("\"{alg}\""));
            assert_eq!(serde_json::from_str::<Alg>(&json).unwrap(), alg);
        }
        assert_eq!("Ed25519".parse(), Ok(Alg::EdDSA));
        for name in [
            "none", "NONE", "", "rs256", "RS256 ", "ES256K", "HS1", "Ed448",
        ] {
            assert_eq!(name.parse::<Alg>(), Err(UnknownAlg), "{name}");
        }
    }

    /// Expected values: `printf %s VALUE | openssl dgst -shaN -binary`, left half, base64url.
    #[test]
    fn half_a_hash_is_that_of_the_algorithm() {
        let value = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        // The example of OpenID Connect Core 1.0, appendix A.3.
        assert_eq!(half_hash(Alg::RS256, value), "77QmUPtjPfzWtF2AnpK9RQ");
        for (alg, length) in [(Alg::ES384, 32), (Alg::RS512, 43), (Alg::EdDSA, 43)] {
            assert_eq!(half_hash(alg, value).len(), length, "{alg}");
        }
        assert_eq!(half_hash(Alg::EdDSA, value), half_hash(Alg::HS512, value));
    }
}
