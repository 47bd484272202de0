use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// SHA-256 of a secret, as it is stored (SEA-8).
///
/// Only for secrets of at least 128 random bits: links, states, cookies, API keys. A shorter one, such as a
/// typed code, can be guessed from its digest: use [`DataKey::code_digest`](crate::DataKey::code_digest).
pub fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Whether two digests are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves in part: SEA-8 (which columns hold digests is the store's to show)
    #[test]
    fn a_secret_is_kept_as_its_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae,
            0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61,
            0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(digest(b"abc"), expected);
    }

    #[test]
    fn digests_are_the_same_only_if_every_bit_is() {
        let one = digest(b"abc");
        assert!(same(&one, &one));
        for bit in 0..256 {
            let mut other = one;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!same(&one, &other), "bit {bit}");
        }
    }
}
