use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::code::Code;

/// Bytes of a nonce. They must be random, and new for every value that is sealed.
///
/// AES-GCM-SIV (RFC 8452) is chosen so that a nonce used twice by accident tells only whether two values are equal.
pub const NONCE_BYTES: usize = 12;

const TAG_BYTES: usize = 16;
const MAX_ID_BYTES: usize = 64;

/// First byte of a sealed value. A later format takes another one.
const VALUE: u8 = 1;
/// First byte of a wrapped data key, so that one is never taken for the other.
const WRAPPED_KEY: u8 = 0x81;

/// Where a sealed value lives. It opens nowhere else (SEA-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The organization that the value belongs to.
    pub organization: &'a str,
    /// The table of its row.
    pub table: &'a str,
    /// The column in that table.
    pub column: &'a str,
    /// The row's id.
    pub row: &'a str,
    /// The person, conversation or connection that the value belongs to.
    pub owner: &'a str,
}

/// The key that seals one organization's values.
///
/// It is kept wrapped by the [`KeyRing`](crate::KeyRing) and has an id, which every value it seals carries.
pub struct DataKey {
    id: String,
    bytes: Zeroizing<[u8; 32]>,
    sealing: SealingKey,
}

impl DataKey {
    /// A new data key. `bytes` must be fresh random bytes.
    ///
    /// # Errors
    /// If `id` is not 1 to 64 lower-case letters, digits, `-` and `_`.
    pub fn from_random(id: &str, bytes: [u8; 32]) -> Result<DataKey, IdFault> {
        let bytes = Zeroizing::new(bytes);
        Ok(DataKey {
            id: checked_id(id)?.to_owned(),
            sealing: SealingKey::derive(bytes.as_slice(), "usher value v1"),
            bytes,
        })
    }

    /// The id that values sealed with this key carry.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals `plain` for one place.
    ///
    /// # Errors
    /// Only if the cipher refuses, which it does beyond 2^36 bytes. Nothing may be stored then.
    pub fn seal(
        &self,
        place: &Place<'_>,
        plain: &[u8],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, SealFault> {
        let header = header(VALUE, &[&self.id]);
        self.sealing.seal(&header, &self.bound(place), plain, nonce)
    }

    /// Opens what [`seal`](DataKey::seal) made at the same place with the same key.
    ///
    /// # Errors
    /// The row is corrupt, or was moved, or another key is needed. What was stored is never given back
    /// as if it were plain text (SEA-5).
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenFault> {
        let (key, rest) = value_header(sealed)?;
        if key != self.id {
            return Err(OpenFault::UnknownKey { id: key.to_owned() });
        }
        self.sealing.open(rest, &self.bound(place))
    }

    /// The id of the data key that opens `sealed`: choose by it among an organization's keys.
    pub fn key_id_of(sealed: &[u8]) -> Result<&str, OpenFault> {
        value_header(sealed).map(|(key, _)| key)
    }

    /// What is stored of a typed code (PHI-8, SEA-8): HMAC-SHA-256 under a key of its own, bound to the place.
    ///
    /// Compare with [`same`](crate::same).
    pub fn code_digest(&self, place: &Place<'_>, code: &Code) -> [u8; 32] {
        let key = Zeroizing::new(mac(self.bytes.as_slice(), b"usher typed code v1"));
        let mut message = Zeroizing::new(self.bound(place));
        push_field(&mut message, code.letters());
        mac(key.as_slice(), &message)
    }

    /// A key for something else than sealing, such as signing a channel's own tokens: one for each place,
    /// and none of them says anything of this key.
    pub fn derive(&self, place: &Place<'_>) -> Zeroizing<[u8; 32]> {
        let key = Zeroizing::new(mac(self.bytes.as_slice(), b"usher derived key v1"));
        Zeroizing::new(mac(key.as_slice(), &self.bound(place)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// The associated data of SEA-2.
    fn bound(&self, place: &Place<'_>) -> Vec<u8> {
        let Place {
            organization,
            table,
            column,
            row,
            owner,
        } = *place;
        associated_data(&[
            "usher value v1",
            organization,
            table,
            column,
            row,
            owner,
            &self.id,
        ])
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a value could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cipher refused to seal")]
pub struct SealFault;

/// A key id must be 1 to 64 lower-case letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key id must be 1 to 64 lower-case letters, digits, `-` and `_`")]
pub struct IdFault;

/// Why a sealed value did not open. All of them are for an operator; none may end in plain text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    /// Too short to be a sealed value.
    #[error("the sealed value is cut short")]
    CutShort,
    /// Sealed by a newer version, or not sealed at all.
    #[error("not a sealed value, or one of an unknown version ({version})")]
    UnknownVersion {
        /// Its first byte.
        version: u8,
    },
    /// The place of the key id holds something else.
    #[error("the key id of the sealed value is malformed")]
    MalformedKeyId,
    /// Sealed with a key that is not at hand.
    #[error("sealed with key `{id}`, which is not at hand")]
    UnknownKey {
        /// The id it carries.
        id: String,
    },
    /// Altered, or moved from another place, or sealed with another key of the same id.
    #[error("the sealed value is not genuine at this place")]
    NotGenuine,
}

/// A key in the form that the cipher wants, for one purpose.
pub(crate) struct SealingKey(Option<LessSafeKey>);

impl SealingKey {
    /// A key for `purpose` only. `material` must hold at least 32 random bytes.
    pub(crate) fn derive(material: &[u8], purpose: &str) -> SealingKey {
        let key = Zeroizing::new(mac(material, purpose.as_bytes()));
        SealingKey(
            UnboundKey::new(&AES_256_GCM_SIV, key.as_slice())
                .ok()
                .map(LessSafeKey::new),
        )
    }

    /// Appends nonce, ciphertext and tag to `header`.
    fn seal(
        &self,
        header: &[u8],
        bound: &[u8],
        plain: &[u8],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, SealFault> {
        let key = self.0.as_ref().ok_or(SealFault)?;
        let start = header.len() + NONCE_BYTES;
        // Reserved at once: growing would leave a copy of the plain text behind (SEA-7).
        let mut sealed = Zeroizing::new(Vec::with_capacity(start + plain.len() + TAG_BYTES));
        sealed.extend_from_slice(header);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound),
                &mut sealed[start..],
            )
            .map_err(|_| SealFault)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(std::mem::take(&mut *sealed))
    }

    fn open(&self, rest: &[u8], bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenFault> {
        let (nonce, sealed) = rest
            .split_at_checked(NONCE_BYTES)
            .ok_or(OpenFault::CutShort)?;
        if sealed.len() < TAG_BYTES {
            return Err(OpenFault::CutShort);
        }
        let key = self.0.as_ref().ok_or(OpenFault::NotGenuine)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenFault::CutShort)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let length = key
            .open_in_place(nonce, Aad::from(bound), &mut plain)
            .map_err(|_| OpenFault::NotGenuine)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}

/// Wraps `data_key` with the key-encryption key `id`, for one organization.
pub(crate) fn wrap(
    with: &SealingKey,
    id: &str,
    organization: &str,
    data_key: &DataKey,
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, SealFault> {
    let header = header(WRAPPED_KEY, &[id, &data_key.id]);
    with.seal(
        &header,
        &wrapped_for(organization, id, &data_key.id),
        data_key.bytes(),
        nonce,
    )
}

/// Unwraps a data key; `key` gives the key-encryption key of an id.
pub(crate) fn unwrap<'a>(
    key: impl Fn(&str) -> Option<&'a SealingKey>,
    organization: &str,
    wrapped: &[u8],
) -> Result<DataKey, OpenFault> {
    let (id, data_key_id, rest) = wrapped_header(wrapped)?;
    let with = key(id).ok_or_else(|| OpenFault::UnknownKey { id: id.to_owned() })?;
    let plain = with.open(rest, &wrapped_for(organization, id, data_key_id))?;
    let bytes = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| OpenFault::NotGenuine)?;
    DataKey::from_random(data_key_id, bytes).map_err(|IdFault| OpenFault::MalformedKeyId)
}

/// The id of the key-encryption key that wrapped `wrapped`.
pub(crate) fn wrapped_with(wrapped: &[u8]) -> Result<&str, OpenFault> {
    wrapped_header(wrapped).map(|(id, _, _)| id)
}

pub(crate) fn checked_id(id: &str) -> Result<&str, IdFault> {
    let shaped = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    let fits = (1..=MAX_ID_BYTES).contains(&id.len());
    if fits && id.bytes().all(shaped) {
        Ok(id)
    } else {
        Err(IdFault)
    }
}

fn wrapped_for(organization: &str, id: &str, data_key: &str) -> Vec<u8> {
    associated_data(&["usher data key v1", organization, id, data_key])
}

/// Version byte, then each id behind its length in one byte ([`checked_id`] holds it under 65).
fn header(version: u8, ids: &[&str]) -> Vec<u8> {
    let mut header = vec![version];
    for id in ids {
        header.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        header.extend_from_slice(id.as_bytes());
    }
    header
}

fn value_header(sealed: &[u8]) -> Result<(&str, &[u8]), OpenFault> {
    id_field(versioned(sealed, VALUE)?)
}

fn wrapped_header(wrapped: &[u8]) -> Result<(&str, &str, &[u8]), OpenFault> {
    let (id, rest) = id_field(versioned(wrapped, WRAPPED_KEY)?)?;
    let (data_key, rest) = id_field(rest)?;
    Ok((id, data_key, rest))
}

fn versioned(bytes: &[u8], expected: u8) -> Result<&[u8], OpenFault> {
    match bytes.split_first() {
        None => Err(OpenFault::CutShort),
        Some((&version, rest)) if version == expected => Ok(rest),
        Some((&version, _)) => Err(OpenFault::UnknownVersion { version }),
    }
}

fn id_field(bytes: &[u8]) -> Result<(&str, &[u8]), OpenFault> {
    let (&length, rest) = bytes.split_first().ok_or(OpenFault::CutShort)?;
    let (id, rest) = rest
        .split_at_checked(length.into())
        .ok_or(OpenFault::CutShort)?;
    let id = std::str::from_utf8(id).map_err(|_| OpenFault::MalformedKeyId)?;
    let id = checked_id(id).map_err(|IdFault| OpenFault::MalformedKeyId)?;
    Ok((id, rest))
}

/// Each field behind its length, so that no two lists of fields give the same bytes.
fn associated_data(fields: &[&str]) -> Vec<u8> {
    let mut data = Vec::new();
    for field in fields {
        push_field(&mut data, field.as_bytes());
    }
    data
}

fn push_field(data: &mut Vec<u8>, field: &[u8]) {
    data.extend_from_slice(&(field.len() as u64).to_be_bytes());
    data.extend_from_slice(field);
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length (RFC 2104 §2): the `Err` of this constructor never happens.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.chain_update(message).finalize().into_bytes().into()
}
