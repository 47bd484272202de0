//! The keys a provider publishes (RFC 7517), each judged on its own and parsed once.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, VerificationAlgorithm,
};
use aws_lc_rs::{digest, hmac};

use crate::alg::{Alg, Family};
use crate::json::{Document, Item, JsonFault, Limits, Repeats, Shape};
use crate::jwt::{Fault, MAX_KID_BYTES};
use crate::{base64url, ed25519, rsa};

/// A key set longer than this is refused (JWK-1).
pub const MAX_KEY_SET_BYTES: usize = 256 * 1024;

/// A key set of more keys than this is refused, usable or not (JWK-1).
pub const MAX_KEYS: usize = 100;

/// So many keys are tried on a token that names none (JWK-3).
const MAX_UNLABELLED: usize = 8;

/// Keys to verify with: those of one published set, or one shared secret.
///
/// Cheap to clone; clones share the parsed keys. `Debug` shows no key.
#[derive(Clone)]
pub struct KeySet(Arc<Inner>);

struct Inner {
    keys: Keys,
    unused: Vec<Unused>,
    alerts: Vec<KeyAlert>,
}

enum Keys {
    Published(Vec<Key>),
    /// No published key can ever stand here, so none is ever an HMAC secret (JWT-5).
    Secret(Box<Secret>),
}

/// Why a key set as a whole is refused. Single odd keys never are the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetFault {
    /// More than [`MAX_KEY_SET_BYTES`].
    #[error("the key set is too long")]
    TooLong,
    /// Not a JSON object.
    #[error("the key set cannot be read")]
    Json(#[source] JsonFault),
    /// No member `keys`, more than one, or one that is no array.
    #[error("the key set has no array of keys")]
    NoKeys,
    /// More than [`MAX_KEYS`].
    #[error("the key set has too many keys")]
    TooManyKeys,
}

/// Something in a published set that its owner should know about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAlert {
    /// A symmetric key stands in a set that anybody can read.
    Symmetric {
        /// The key's `kid`, as published: hostile text.
        kid: Option<String>,
    },
    /// A private key stands in a set that anybody can read.
    PrivateParts {
        /// The key's `kid`, as published: hostile text.
        kid: Option<String>,
    },
    /// Different keys share this `kid` and type, so none of them is used.
    Ambiguous {
        /// The shared `kid`, as published: hostile text.
        kid: String,
    },
}

/// A key of the set that verifies nothing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Place in the array `keys`, from 0.
    pub index: usize,
    /// The key's `kid`, as published: hostile text.
    pub kid: Option<String>,
    /// The first check that it failed.
    pub why: Unusable,
}

/// The check that a published key failed (JWK-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The element is no object.
    #[error("not an object")]
    NotAnObject,
    /// A member is named twice in it.
    #[error("a member is named twice")]
    RepeatedMember,
    /// This member is missing, of the wrong type, or not strict base64url.
    #[error("member {0} is missing or malformed")]
    BadMember(&'static str),
    /// `kty` is none of `RSA`, `EC`, `OKP`.
    #[error("unknown key type")]
    UnknownType,
    /// `crv` is none of `P-256`, `P-384`, `P-521`, `Ed25519`.
    #[error("unknown curve")]
    UnknownCurve,
    /// `alg` is none of ours.
    #[error("unknown algorithm")]
    UnknownAlg,
    /// `alg` does not fit the key's type and curve.
    #[error("the key's algorithm does not fit its type")]
    AlgMisfit,
    /// `use` is there and not `sig`.
    #[error("not for signatures")]
    Use,
    /// `key_ops` is there and lacks `verify`.
    #[error("not for verifying")]
    KeyOps,
    /// A symmetric key.
    #[error("a symmetric key is published")]
    Symmetric,
    /// A private key.
    #[error("a private key is published")]
    PrivateParts,
    /// An RSA modulus below 2048 or above 8192 bit.
    #[error("modulus too short or too long")]
    ModulusSize,
    /// An even RSA modulus.
    #[error("modulus is even")]
    EvenModulus,
    /// A public exponent that is even, below 65537, or above 33 bit.
    #[error("unsuitable exponent")]
    Exponent,
    /// The modulus bears the fingerprint of CVE-2017-15361.
    #[error("modulus made by a broken generator (ROCA)")]
    Roca,
    /// A coordinate is not exactly as long as its curve has it.
    #[error("coordinate of the wrong length")]
    CoordinateLength,
    /// The point is not on its curve, not in canonical form, or of small order.
    #[error("no valid point of the curve")]
    InvalidPoint,
    /// Another key has the same `kid` and type.
    #[error("another key has the same id")]
    Ambiguous,
}

impl KeySet {
    /// Reads a published set. Keys that cannot be used are left out, see [`KeySet::unused`].
    pub fn parse(json: &[u8]) -> Result<KeySet, KeySetFault> {
        if json.len() > MAX_KEY_SET_BYTES {
            return Err(KeySetFault::TooLong);
        }
        let document =
            Document::read(json.to_vec(), LIMITS, Repeats::Marked).map_err(KeySetFault::Json)?;
        let mut published = Published::default();
        for (index, item) in key_items(&document)?.into_iter().enumerate() {
            published.add(index, item);
        }
        Ok(published.into_key_set())
    }

    /// The client secret, for `HS256`, `HS384` and `HS512` and nothing else (JWT-6).
    ///
    /// A secret shorter than an algorithm's hash verifies nothing under that algorithm
    /// ([`Fault::WeakSecret`]).
    pub fn from_secret(secret: &[u8]) -> KeySet {
        KeySet(Arc::new(Inner {
            keys: Keys::Secret(Box::new(Secret::new(secret))),
            unused: Vec::new(),
            alerts: Vec::new(),
        }))
    }

    /// What the owner of the set should be told (JWK-2).
    pub fn alerts(&self) -> &[KeyAlert] {
        &self.0.alerts
    }

    /// The keys that verify nothing, in the order of the set.
    pub fn unused(&self) -> &[Unused] {
        &self.0.unused
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        match &self.0.keys {
            Keys::Published(keys) => keys.len(),
            Keys::Secret(_) => 1,
        }
    }

    /// Whether a key with this `kid` can be used.
    pub fn has(&self, kid: &str) -> bool {
        match &self.0.keys {
            Keys::Published(keys) => keys.iter().any(|key| key.is_called(kid)),
            Keys::Secret(_) => false,
        }
    }

    /// Whether `signature` over `input` is that of a key which `kid` permits and `alg` fits.
    pub(crate) fn check(
        &self,
        alg: Alg,
        kid: Option<&str>,
        input: &[u8],
        signature: &[u8],
    ) -> Result<(), Fault> {
        match (&self.0.keys, kid) {
            // There is but one secret, whatever the token calls it.
            (Keys::Secret(secret), _) => secret.check(alg, input, signature),
            (Keys::Published(keys), Some(kid)) => {
                self.check_labelled(keys, alg, kid, input, signature)
            }
            (Keys::Published(keys), None) => check_unlabelled(keys, alg, input, signature),
        }
    }

    fn check_labelled(
        &self,
        keys: &[Key],
        alg: Alg,
        kid: &str,
        input: &[u8],
        signature: &[u8],
    ) -> Result<(), Fault> {
        let named = || keys.iter().filter(|key| key.is_called(kid));
        if named().next().is_none() {
            return Err(self.fault_of_unknown(kid));
        }
        let mut outcome = Err(Fault::KeyMisfit);
        for key in named().filter(|key| key.fits(alg)) {
            outcome = key.check(alg, input, signature);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn fault_of_unknown(&self, kid: &str) -> Fault {
        let is_ambiguous =
            self.0.unused.iter().any(|unused| {
                unused.why == Unusable::Ambiguous && unused.kid.as_deref() == Some(kid)
            });
        if is_ambiguous {
            Fault::AmbiguousKid
        } else {
            Fault::UnknownKid
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("len", &self.len())
            .field("unused", &self.unused().len())
            .finish_non_exhaustive()
    }
}

/// JWK-3: all keys that fit are tried, if they are few.
fn check_unlabelled(keys: &[Key], alg: Alg, input: &[u8], signature: &[u8]) -> Result<(), Fault> {
    let suitable = || keys.iter().filter(|key| key.fits(alg));
    if suitable().count() > MAX_UNLABELLED {
        return Err(Fault::TooManyKeys);
    }
    if suitable().any(|key| key.check(alg, input, signature).is_ok()) {
        return Ok(());
    }
    Err(Fault::NoKeyVerifies)
}

/// Depth is bounded for the reader's sake only, members by the length of the text: a strange
/// member of one key is no reason to refuse the others.
const LIMITS: Limits = Limits {
    bytes: MAX_KEY_SET_BYTES,
    depth: 64,
    members: usize::MAX,
};

fn key_items(document: &Document) -> Result<Vec<Item<'_>>, KeySetFault> {
    let mut arrays = document
        .root()
        .members()
        .filter(|(name, _)| *name == "keys");
    let (Some((_, keys)), None) = (arrays.next(), arrays.next()) else {
        return Err(KeySetFault::NoKeys);
    };
    if keys.shape() != Shape::List {
        return Err(KeySetFault::NoKeys);
    }
    let keys: Vec<_> = keys.elements().take(MAX_KEYS + 1).collect();
    if keys.len() > MAX_KEYS {
        return Err(KeySetFault::TooManyKeys);
    }
    Ok(keys)
}

/// A set while it is read.
#[derive(Default)]
struct Published {
    keys: Vec<(usize, Key)>,
    unused: Vec<Unused>,
}

impl Published {
    fn add(&mut self, index: usize, item: Item<'_>) {
        match Key::read(item) {
            Ok(key) if self.keys.iter().any(|(_, other)| other.is_same(&key)) => {}
            Ok(key) => self.keys.push((index, key)),
            Err(why) => {
                let kid = item.member("kid").and_then(Item::text);
                self.unused.push(Unused {
                    index,
                    kid: kid.map(str::to_owned),
                    why,
                });
            }
        }
    }

    fn into_key_set(mut self) -> KeySet {
        self.set_ambiguous_aside();
        self.unused.sort_by_key(|unused| unused.index);
        let mut alerts: Vec<_> = self.unused.iter().filter_map(alert).collect();
        alerts.dedup();
        KeySet(Arc::new(Inner {
            keys: Keys::Published(self.keys.into_iter().map(|(_, key)| key).collect()),
            unused: self.unused,
            alerts,
        }))
    }

    /// Two different keys of one `kid` and type: neither is used, in whichever order they come.
    ///
    /// All keys that got here are for signatures, so their `use` is the same.
    fn set_ambiguous_aside(&mut self) {
        let is_ambiguous: Vec<bool> = self
            .keys
            .iter()
            .map(|(_, key)| self.keys.iter().any(|(_, other)| key.conflicts_with(other)))
            .collect();
        let (ambiguous, keys): (Vec<_>, Vec<_>) = std::mem::take(&mut self.keys)
            .into_iter()
            .zip(is_ambiguous)
            .partition(|(_, is_ambiguous)| *is_ambiguous);
        self.keys = keys.into_iter().map(|(entry, _)| entry).collect();
        self.unused
            .extend(ambiguous.into_iter().map(|((index, key), _)| Unused {
                index,
                kid: key.kid.map(String::from),
                why: Unusable::Ambiguous,
            }));
    }
}

fn alert(unused: &Unused) -> Option<KeyAlert> {
    let kid = unused.kid.clone();
    match unused.why {
        Unusable::Symmetric => Some(KeyAlert::Symmetric { kid }),
        Unusable::PrivateParts => Some(KeyAlert::PrivateParts { kid }),
        Unusable::Ambiguous => kid.map(|kid| KeyAlert::Ambiguous { kid }),
        _ => None,
    }
}

/// A public key fit for verifying.
struct Key {
    kid: Option<Box<str>>,
    /// The only algorithm it may serve, if it says so.
    alg: Option<Alg>,
    family: Family,
    material: Material,
    /// SHA-256 of the family and the public numbers.
    fingerprint: [u8; 32],
}

enum Material {
    Rsa(Box<rsa::PublicKey>),
    Curve(ParsedPublicKey),
}

impl Key {
    fn read(item: Item<'_>) -> Result<Key, Unusable> {
        if item.shape() != Shape::Object {
            return Err(Unusable::NotAnObject);
        }
        if item.repeats() {
            return Err(Unusable::RepeatedMember);
        }
        let kty = required(item, "kty")?;
        refuse_secret_parts(item, kty)?;
        refuse_other_uses(item)?;
        let kid = optional(item, "kid")?;
        if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(Unusable::BadMember("kid"));
        }
        let (family, material, public) = match kty {
            "RSA" => read_rsa(item)?,
            "EC" => read_ec(item)?,
            "OKP" => read_okp(item)?,
            _ => return Err(Unusable::UnknownType),
        };
        Ok(Key {
            kid: kid.map(Box::from),
            alg: read_alg(item, family)?,
            family,
            material,
            fingerprint: fingerprint(family, &public),
        })
    }

    fn is_called(&self, kid: &str) -> bool {
        self.kid.as_deref() == Some(kid)
    }

    fn is_same(&self, other: &Key) -> bool {
        self.kid == other.kid && self.alg == other.alg && self.fingerprint == other.fingerprint
    }

    fn conflicts_with(&self, other: &Key) -> bool {
        self.kid.is_some()
            && self.kid == other.kid
            && self.family.key_type() == other.family.key_type()
            && self.fingerprint != other.fingerprint
    }

    /// JWT-5: type, curve and the key's own `alg` must all fit.
    fn fits(&self, alg: Alg) -> bool {
        self.family == alg.family() && self.alg.is_none_or(|own| own == alg)
    }

    fn check(&self, alg: Alg, input: &[u8], signature: &[u8]) -> Result<(), Fault> {
        if !self.fits(alg) {
            return Err(Fault::KeyMisfit);
        }
        match &self.material {
            Material::Rsa(key) => key.check(alg, input, signature),
            Material::Curve(key) => {
                if Some(signature.len()) != self.family.signature_bytes() {
                    return Err(Fault::SignatureLength);
                }
                key.verify_sig(input, signature)
                    .map_err(|_| Fault::BadSignature)
            }
        }
    }
}

impl Family {
    fn key_type(self) -> &'static str {
        match self {
            Family::Rsa => "RSA",
            Family::P256 | Family::P384 | Family::P521 => "EC",
            Family::Ed25519 => "OKP",
            Family::Secret => "oct",
        }
    }

    /// `r` and `s`, or `R` and `S`, one after the other; an RSA signature is as long as its modulus.
    fn signature_bytes(self) -> Option<usize> {
        match self {
            Family::P256 | Family::Ed25519 => Some(2 * 32),
            Family::P384 => Some(2 * 48),
            Family::P521 => Some(2 * 66),
            Family::Rsa | Family::Secret => None,
        }
    }
}

type Parts = (Family, Material, Vec<u8>);

fn refuse_secret_parts(item: Item<'_>, kty: &str) -> Result<(), Unusable> {
    /// Of RSA, EC and OKP (RFC 7518 §6), and of ML-DSA.
    const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
    if kty == "oct" {
        return Err(Unusable::Symmetric);
    }
    if PRIVATE.iter().any(|name| item.member(name).is_some()) {
        return Err(Unusable::PrivateParts);
    }
    Ok(())
}

fn refuse_other_uses(item: Item<'_>) -> Result<(), Unusable> {
    if optional(item, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(Unusable::Use);
    }
    let Some(operations) = item.member("key_ops") else {
        return Ok(());
    };
    if operations.shape() != Shape::List {
        return Err(Unusable::BadMember("key_ops"));
    }
    let may_verify = operations
        .elements()
        .any(|operation| operation.text() == Some("verify"));
    if may_verify {
        Ok(())
    } else {
        Err(Unusable::KeyOps)
    }
}

fn read_rsa(item: Item<'_>) -> Result<Parts, Unusable> {
    let key = rsa::PublicKey::new(&bytes(item, "n")?, &bytes(item, "e")?)?;
    let public = key.to_bytes();
    Ok((Family::Rsa, Material::Rsa(Box::new(key)), public))
}

fn read_ec(item: Item<'_>) -> Result<Parts, Unusable> {
    /// SEC 1 §2.3.3: what follows is a point without compression.
    const UNCOMPRESSED: &[u8] = &[4];
    let (family, length, algorithm): (_, _, &'static dyn VerificationAlgorithm) =
        match required(item, "crv")? {
            "P-256" => (Family::P256, 32, &ECDSA_P256_SHA256_FIXED),
            "P-384" => (Family::P384, 48, &ECDSA_P384_SHA384_FIXED),
            "P-521" => (Family::P521, 66, &ECDSA_P521_SHA512_FIXED),
            _ => return Err(Unusable::UnknownCurve),
        };
    let (x, y) = (bytes(item, "x")?, bytes(item, "y")?);
    if x.len() != length || y.len() != length {
        return Err(Unusable::CoordinateLength);
    }
    let point = [UNCOMPRESSED, &x, &y].concat();
    let key = ParsedPublicKey::new(algorithm, &point).map_err(|_| Unusable::InvalidPoint)?;
    Ok((family, Material::Curve(key), point))
}

fn read_okp(item: Item<'_>) -> Result<Parts, Unusable> {
    if required(item, "crv")? != "Ed25519" {
        return Err(Unusable::UnknownCurve);
    }
    let x = bytes(item, "x")?;
    let point: [u8; 32] = x
        .as_slice()
        .try_into()
        .map_err(|_| Unusable::CoordinateLength)?;
    if !ed25519::is_sound(&point) {
        return Err(Unusable::InvalidPoint);
    }
    let key = ParsedPublicKey::new(&ED25519, point).map_err(|_| Unusable::InvalidPoint)?;
    Ok((Family::Ed25519, Material::Curve(key), x))
}

fn read_alg(item: Item<'_>, family: Family) -> Result<Option<Alg>, Unusable> {
    let Some(name) = optional(item, "alg")? else {
        return Ok(None);
    };
    let alg: Alg = name.parse().map_err(|_| Unusable::UnknownAlg)?;
    if alg.family() != family {
        return Err(Unusable::AlgMisfit);
    }
    Ok(Some(alg))
}

fn optional<'d>(item: Item<'d>, name: &'static str) -> Result<Option<&'d str>, Unusable> {
    item.member(name)
        .map(|value| value.text().ok_or(Unusable::BadMember(name)))
        .transpose()
}

fn required<'d>(item: Item<'d>, name: &'static str) -> Result<&'d str, Unusable> {
    optional(item, name)?.ok_or(Unusable::BadMember(name))
}

fn bytes(item: Item<'_>, name: &'static str) -> Result<Vec<u8>, Unusable> {
    base64url::decode(required(item, name)?).map_err(|_| Unusable::BadMember(name))
}

fn fingerprint(family: Family, public: &[u8]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(format!("{family:?}:").as_bytes());
    hash.update(public);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hash.finish().as_ref());
    fingerprint
}

/// The client secret under each hash it is long enough for (RFC 7518 §3.2).
struct Secret {
    hs256: Option<hmac::Key>,
    hs384: Option<hmac::Key>,
    hs512: Option<hmac::Key>,
}

impl Secret {
    fn new(secret: &[u8]) -> Secret {
        let key = |algorithm: hmac::Algorithm| {
            (secret.len() >= algorithm.tag_len()).then(|| hmac::Key::new(algorithm, secret))
        };
        Secret {
            hs256: key(hmac::HMAC_SHA256),
            hs384: key(hmac::HMAC_SHA384),
            hs512: key(hmac::HMAC_SHA512),
        }
    }

    fn check(&self, alg: Alg, input: &[u8], signature: &[u8]) -> Result<(), Fault> {
        let key = match alg {
            Alg::HS256 => &self.hs256,
            Alg::HS384 => &self.hs384,
            Alg::HS512 => &self.hs512,
            _ => return Err(Fault::KeyMisfit),
        };
        let key = key.as_ref().ok_or(Fault::WeakSecret)?;
        if signature.len() != key.algorithm().tag_len() {
            return Err(Fault::SignatureLength);
        }
        hmac::verify(key, input, signature).map_err(|_| Fault::BadSignature)
    }
}
