//! RSA public keys: which are sound, and the parsed form of each for every algorithm it serves.

use std::sync::OnceLock;

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use crate::alg::Alg;
use crate::jwk::Unusable;
use crate::jwt::Fault;

/// A modulus and exponent that passed every check of JWK-2.
pub(crate) struct PublicKey {
    n: Box<[u8]>,
    e: Box<[u8]>,
    /// One for each of [`Scheme`], parsed when it is first needed: most keys serve one algorithm.
    parsed: [OnceLock<Option<ParsedPublicKey>>; 6],
}

impl PublicKey {
    /// `n` and `e` are big-endian. One leading zero byte is tolerated: widespread software writes the
    /// two's complement of the number, and no other number is meant (RFC 7518 §6.3.1.1 names it).
    pub(crate) fn new(n: &[u8], e: &[u8]) -> Result<PublicKey, Unusable> {
        let n = n.strip_prefix(&[0]).unwrap_or(n);
        let e = e.strip_prefix(&[0]).unwrap_or(e);
        check_modulus(n)?;
        check_exponent(e)?;
        Ok(PublicKey {
            n: n.into(),
            e: e.into(),
            parsed: Default::default(),
        })
    }

    /// One form for each key, to tell keys apart.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // The length keeps `n` and `e` apart.
        [self.n.len().to_be_bytes().as_slice(), &self.n, &self.e].concat()
    }

    /// RFC 8017 §8: the signature is exactly as long as the modulus; that it is below it, and the
    /// padding to the last byte, is checked by the library.
    pub(crate) fn check(&self, alg: Alg, input: &[u8], signature: &[u8]) -> Result<(), Fault> {
        let scheme = Scheme::of(alg).ok_or(Fault::KeyMisfit)?;
        if signature.len() != self.n.len() {
            return Err(Fault::SignatureLength);
        }
        let key = self.parsed(scheme).ok_or(Fault::KeyMisfit)?;
        key.verify_sig(input, signature)
            .map_err(|_| Fault::BadSignature)
    }

    fn parsed(&self, scheme: Scheme) -> Option<&ParsedPublicKey> {
        let Scheme { slot, parameters } = scheme;
        let parse = || {
            let components = RsaPublicKeyComponents {
                n: &self.n,
                e: &self.e,
            };
            components.to_parsed_public_key(parameters).ok()
        };
        self.parsed.get(slot)?.get_or_init(parse).as_ref()
    }
}

/// Padding and hash, and where their parsed key is kept.
#[derive(Clone, Copy)]
struct Scheme {
    slot: usize,
    parameters: &'static RsaParameters,
}

impl Scheme {
    fn of(alg: Alg) -> Option<Scheme> {
        let (slot, parameters): (_, &'static RsaParameters) = match alg {
            Alg::RS256 => (0, &RSA_PKCS1_2048_8192_SHA256),
            Alg::RS384 => (1, &RSA_PKCS1_2048_8192_SHA384),
            Alg::RS512 => (2, &RSA_PKCS1_2048_8192_SHA512),
            Alg::PS256 => (3, &RSA_PSS_2048_8192_SHA256),
            Alg::PS384 => (4, &RSA_PSS_2048_8192_SHA384),
            Alg::PS512 => (5, &RSA_PSS_2048_8192_SHA512),
            _ => return None,
        };
        Some(Scheme { slot, parameters })
    }
}

fn check_modulus(n: &[u8]) -> Result<(), Unusable> {
    if !(2048..=8192).contains(&bits(n)) {
        return Err(Unusable::ModulusSize);
    }
    if n.last().is_none_or(|last| last % 2 == 0) {
        return Err(Unusable::EvenModulus);
    }
    if has_roca_fingerprint(n) {
        return Err(Unusable::Roca);
    }
    Ok(())
}

fn check_exponent(e: &[u8]) -> Result<(), Unusable> {
    /// The library takes no more, and a larger one only costs time.
    const MAX_BITS: usize = 33;
    if bits(e) > MAX_BITS {
        return Err(Unusable::Exponent);
    }
    let exponent = e.iter().fold(0_u64, |e, &byte| e << 8 | u64::from(byte));
    if exponent < 65_537 || exponent % 2 == 0 {
        return Err(Unusable::Exponent);
    }
    Ok(())
}

/// Length without leading zero bits; a leading zero byte counts as eight ones, so that it is refused.
fn bits(number: &[u8]) -> usize {
    match number.first() {
        None => 0,
        Some(0) => usize::MAX,
        Some(first) => number.len() * 8 - first.leading_zeros() as usize,
    }
}

/// Whether the modulus is, modulo each small prime, a power of 65537.
///
/// Primes of the broken generator are `k * M + 65537^a mod M`, `M` the product of small primes, so
/// their product is such a power too (CVE-2017-15361; Nemec et al., "The Return of Coppersmith's
/// Attack", §4). A sound modulus passes for one with a chance below 2^-27.
fn has_roca_fingerprint(n: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|&prime| {
        let rest = n
            .iter()
            .fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime);
        is_power_of_generator(rest, prime)
    })
}

fn is_power_of_generator(rest: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == rest {
            return true;
        }
        power = power * (65_537 % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}
