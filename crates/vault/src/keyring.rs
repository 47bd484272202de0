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

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "8f1b5c0ad9e2473660bb7c1f04ae93d57712c8e69a3f40bd5e21f7a80c6d94b3";

    fn key(fill: u8) -> SecretSlice<u8> {
        (0..32).map(|n| n ^ fill).collect::<Vec<u8>>().into()
    }

    fn ring(seal_with: &str, ids: &[(&str, u8)]) -> KeyRing {
        let keys = ids
            .iter()
            .map(|&(id, fill)| (id.to_owned(), key(fill)))
            .collect();
        KeyRing::new(seal_with, keys).unwrap()
    }

    fn data_key() -> DataKey {
        DataKey::from_random("d1", [9; 32]).unwrap()
    }

    #[track_caller]
    fn refused(text: &str, expected: KeyFault) {
        assert_eq!(parse_key(text).map(|_| ()), Err(expected), "{text:?}");
    }

    #[track_caller]
    fn taken(text: &str, bytes: usize) {
        assert_eq!(
            parse_key(text).unwrap().expose_secret().len(),
            bytes,
            "{text:?}"
        );
    }

    /// Proves: SEA-4
    #[test]
    fn a_missing_or_weak_key_is_refused() {
        refused("", KeyFault::Absent);
        refused(" \r\n\t", KeyFault::Absent);
        refused(&HEX[..62], KeyFault::TooShort { bytes: 31 });
        refused("c2hvcnQ=", KeyFault::TooShort { bytes: 5 });
        refused(&"00".repeat(32), KeyFault::AllEqual);
        refused(&"fF".repeat(64), KeyFault::AllEqual);
        refused(&format!("{}=", "A".repeat(43)), KeyFault::AllEqual);
        refused(
            "correct horse battery staple, a passphrase of many words",
            KeyFault::Unreadable,
        );
        refused(&HEX[..63], KeyFault::Unreadable);
        refused(&format!("0x{HEX}"), KeyFault::Unreadable);
        refused(&format!("{HEX}\u{0}"), KeyFault::Unreadable);
        for example in EXAMPLE_KEYS {
            refused(example, KeyFault::Example);
            refused(&format!(" {example}\n"), KeyFault::Example);
        }
        refused(&EXAMPLE_KEYS[0].to_uppercase(), KeyFault::Example);
        refused(
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            KeyFault::Example,
        );
        // The ring checks bytes again, wherever they came from.
        for (bytes, fault) in [
            (vec![], KeyFault::Absent),
            (vec![1; 31], KeyFault::TooShort { bytes: 31 }),
            (vec![1; 32], KeyFault::AllEqual),
            ((0..32).collect(), KeyFault::Example),
        ] {
            let refused = KeyRing::new(
                "k1",
                vec![("k2".into(), key(7)), ("k1".into(), bytes.into())],
            );
            assert_eq!(
                refused.map(|_| ()),
                Err(RingFault::Refused {
                    id: "k1".into(),
                    fault
                })
            );
        }
    }

    #[test]
    fn a_key_may_be_written_in_hexadecimal_or_base64() {
        taken(HEX, 32);
        taken(&format!("{}\n", HEX.to_uppercase()), 32);
        taken(&format!("{HEX}{HEX}"), 64);
        taken("jxtcCtniRzZgu3wfBK6T1XcSyOaaP0C9XiH3qAxtlLM=", 32);
        taken("jxtcCtniRzZgu3wfBK6T1XcSyOaaP0C9XiH3qAxtlLM", 32);
        taken("_-8cCtniRzZgu3wfBK6T1XcSyOaaP0C9XiH3qAxtlLM", 32);
        taken("/+8cCtniRzZgu3wfBK6T1XcSyOaaP0C9XiH3qAxtlLM", 32);
    }

    #[test]
    fn a_ring_needs_the_key_it_seals_with_and_ids_that_differ() {
        let new = |seal_with: &str, ids: &[&str]| {
            KeyRing::new(
                seal_with,
                ids.iter().map(|&id| (id.to_owned(), key(3))).collect(),
            )
            .map(|_| ())
            .unwrap_err()
        };
        assert_eq!(
            new("k1", &[]),
            RingFault::NothingToSealWith { id: "k1".into() }
        );
        assert_eq!(
            new("k3", &["k1", "k2"]),
            RingFault::NothingToSealWith { id: "k3".into() }
        );
        assert_eq!(
            new("k1", &["k1", "k1"]),
            RingFault::Twice { id: "k1".into() }
        );
        assert_eq!(new("K1", &["K1"]), RingFault::Id(IdFault));
    }

    /// Proves in part: SEA-3 (key services, and resealing in the background, are the server's)
    #[test]
    fn after_a_rotation_both_keys_open_and_after_wrapping_anew_the_new_one_suffices() {
        let before = ring("k1", &[("k1", 1)])
            .wrap("acme", &data_key(), [1; 12])
            .unwrap();
        let rotating = ring("k2", &[("k1", 1), ("k2", 2)]);
        assert_eq!(rotating.is_outdated(&before), Ok(true));
        let opened = rotating.unwrap("acme", &before).unwrap();
        assert_eq!((opened.id(), opened.bytes()), ("d1", [9; 32].as_slice()));

        let after = rotating.wrap("acme", &opened, [2; 12]).unwrap();
        assert_eq!(rotating.is_outdated(&after), Ok(false));
        let alone = ring("k2", &[("k2", 2)]);
        assert_eq!(alone.unwrap("acme", &after).unwrap().bytes(), [9; 32]);
        assert_eq!(
            alone.unwrap("acme", &before).map(|_| ()),
            Err(OpenFault::UnknownKey { id: "k1".into() })
        );
    }

    #[test]
    fn a_wrapped_key_opens_for_its_organization_only_and_never_when_altered() {
        let ring = ring("k1", &[("k1", 1)]);
        let wrapped = ring.wrap("acme", &data_key(), [1; 12]).unwrap();
        assert_eq!(
            ring.unwrap("acm", &wrapped).map(|_| ()),
            Err(OpenFault::NotGenuine)
        );
        for at in 0..wrapped.len() {
            let mut altered = wrapped.clone();
            altered[at] ^= 1;
            assert!(ring.unwrap("acme", &altered).is_err(), "byte {at} altered");
            assert!(
                ring.unwrap("acme", &wrapped[..at]).is_err(),
                "cut to {at} bytes"
            );
        }
    }

    #[test]
    fn debug_and_messages_show_no_key() {
        let shown = format!("{:?} {:?}", ring("k1", &[("k1", 1)]), data_key());
        assert_eq!(
            shown,
            "KeyRing { seal_with: \"k1\", keys: [\"k1\"] } DataKey { id: \"d1\", .. }"
        );
        let message = parse_key("not-a-key-but-secret!").unwrap_err().to_string();
        assert_eq!(message, "the key is neither hexadecimal nor base64");
    }
}
