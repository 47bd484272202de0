use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret as _, SecretSlice};
use zeroize::Zeroizing;

use crate::digest::digest;
use crate::seal::{self, DataKey, IdFault, NONCE_BYTES, OpenFault, SealFault, SealingKey};

/// Keys that stand in our documentation as examples, and are therefore refused (SEA-4).
///
/// Documentation that needs a key uses one of these.
pub const EXAMPLE_KEYS: [&str; 3] = [
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "dXNoZXItZXhhbXBsZS1rZXktZG8tbm90LXVzZS1pdC4=",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];

/// The least number of bytes of a key-encryption key.
const MIN_KEY_BYTES: usize = 32;

/// The key-encryption keys of an installation: one seals, all of them open (SEA-3).
///
/// To rotate, add a key, name it in `seal_with`, wrap every data key anew, and then take the old one out.
pub struct KeyRing {
    seal_with: String,
    keys: BTreeMap<String, SealingKey>,
}

impl KeyRing {
    /// A ring of `(id, key)`, of which the one named `seal_with` seals.
    ///
    /// # Errors
    /// The first key that SEA-4 refuses, by its id. The server must not start.
    pub fn new(
        seal_with: &str,
        keys: Vec<(String, SecretSlice<u8>)>,
    ) -> Result<KeyRing, RingFault> {
        let mut ring = BTreeMap::new();
        for (id, key) in keys {
            seal::checked_id(&id)?;
            if let Err(fault) = check_strength(key.expose_secret()) {
                return Err(RingFault::Refused { id, fault });
            }
            let sealing = SealingKey::derive(key.expose_secret(), "usher key encryption v1");
            if ring.insert(id.clone(), sealing).is_some() {
                return Err(RingFault::Twice { id });
            }
        }
        if !ring.contains_key(seal_with) {
            return Err(RingFault::NothingToSealWith {
                id: seal_with.to_owned(),
            });
        }
        Ok(KeyRing {
            seal_with: seal_with.to_owned(),
            keys: ring,
        })
    }

    /// The id of the key that seals.
    pub fn seal_with(&self) -> &str {
        &self.seal_with
    }

    /// Wraps an organization's data key. `nonce` must be random and new.
    ///
    /// # Errors
    /// As [`DataKey::seal`].
    pub fn wrap(
        &self,
        organization: &str,
        data_key: &DataKey,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, SealFault> {
        let with = self.keys.get(&self.seal_with).ok_or(SealFault)?;
        seal::wrap(with, &self.seal_with, organization, data_key, nonce)
    }

    /// Opens what [`wrap`](KeyRing::wrap) made for the same organization, with any key of the ring.
    ///
    /// # Errors
    /// The wrapped key is corrupt, or another organization's, or its key was taken out of the ring.
    pub fn unwrap(&self, organization: &str, wrapped: &[u8]) -> Result<DataKey, OpenFault> {
        seal::unwrap(|id| self.keys.get(id), organization, wrapped)
    }

    /// Whether a wrapped key is to be wrapped anew because another key than [`seal_with`](KeyRing::seal_with) wrapped it.
    pub fn is_outdated(&self, wrapped: &[u8]) -> Result<bool, OpenFault> {
        Ok(seal::wrapped_with(wrapped)? != self.seal_with)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.keys.keys().map(String::as_str).collect();
        f.debug_struct("KeyRing")
            .field("seal_with", &self.seal_with)
            .field("keys", &ids)
            .finish()
    }
}

/// Reads a key as an operator writes it: hexadecimal, or base64 of either alphabet, padded or not.
/// Blanks and line ends around it are ignored, since files end with one.
///
/// A text of nothing but hexadecimal digits is hexadecimal.
///
/// # Errors
/// What SEA-4 refuses. The key itself is in no message.
pub fn parse_key(text: &str) -> Result<SecretSlice<u8>, KeyFault> {
    let bytes = decode(text.trim())?;
    check_strength(&bytes)?;
    // A copy of exactly its length: shrinking the vector would leave one behind that nobody wipes (SEA-7).
    Ok(SecretSlice::from(bytes.to_vec()))
}

/// Why a key is refused (SEA-4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// There is nothing, or only blanks.
    #[error("the key is empty")]
    Absent,
    /// Neither hexadecimal nor base64.
    #[error("the key is neither hexadecimal nor base64")]
    Unreadable,
    /// Fewer than 32 bytes.
    #[error("the key has {bytes} bytes; it needs at least {MIN_KEY_BYTES}")]
    TooShort {
        /// How many it has.
        bytes: usize,
    },
    /// Every byte is the same.
    #[error("all bytes of the key are equal")]
    AllEqual,
    /// It stands in our documentation, so everyone knows it.
    #[error("the key is an example from the documentation")]
    Example,
}

/// Why there can be no key ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingFault {
    /// One of the keys is refused.
    #[error("key `{id}` is refused")]
    Refused {
        /// Its id.
        id: String,
        /// Why.
        #[source]
        fault: KeyFault,
    },
    /// An id is malformed.
    #[error(transparent)]
    Id(#[from] IdFault),
    /// Two keys have one id.
    #[error("there are two keys `{id}`")]
    Twice {
        /// The id.
        id: String,
    },
    /// The key that should seal is not there.
    #[error("there is no key `{id}` to seal with")]
    NothingToSealWith {
        /// Its id.
        id: String,
    },
}

fn check_strength(key: &[u8]) -> Result<(), KeyFault> {
    let (Some(first), Some(_)) = (key.first(), key.get(MIN_KEY_BYTES - 1)) else {
        return Err(match key.len() {
            0 => KeyFault::Absent,
            bytes => KeyFault::TooShort { bytes },
        });
    };
    if key.iter().all(|byte| byte == first) {
        return Err(KeyFault::AllEqual);
    }
    // Compared as digests: where a key differs from an example must not show in the time this takes.
    let is_example =
        |example: &str| decode(example).is_ok_and(|bytes| digest(&bytes) == digest(key));
    if EXAMPLE_KEYS.into_iter().any(is_example) {
        return Err(KeyFault::Example);
    }
    Ok(())
}

fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    if text.is_empty() {
        return Err(KeyFault::Absent);
    }
    let decoded = if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        hex(text)
    } else {
        base64(text)
    };
    decoded.ok_or(KeyFault::Unreadable)
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |&[high, low]: &[u8; 2]| Some(nibble(high)? << 4 | nibble(low)?);
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for pair in pairs {
        bytes.push(byte(pair)?);
    }
    rest.is_empty().then_some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) {
        URL_SAFE
    } else {
        STANDARD
    };
    GeneralPurpose::new(&alphabet, config)
        .decode(text)
        .ok()
        .map(Zeroizing::new)
}
