//! Which 32 bytes are an Ed25519 public key worth trusting.

/// Whether the point is written in canonical form and is not of small order.
///
/// A point of small order verifies signatures that nobody's private key made (RFC 8032 §5.1.7 leaves
/// it in). Whether the bytes are a point at all is for the signature library.
pub(crate) fn is_sound(point: &[u8; 32]) -> bool {
    let mut y = *point;
    if let Some(last) = y.last_mut() {
        // The sign of x is no part of y.
        *last &= 0x7f;
    }
    is_below(&y, &PRIME) && !SMALL_ORDER.contains(&y)
}

/// Little-endian comparison.
fn is_below(value: &[u8; 32], bound: &[u8; 32]) -> bool {
    value.iter().rev().lt(bound.iter().rev())
}

/// 2^255 - 19, little-endian.
const PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The y coordinates of all eight points of small order: 0, 1, -1, and both of order eight.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = PRIME;
        minus_one[0] -= 1;
        minus_one
    },
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_and_second_spellings_of_points_are_refused() {
        let plus = |mut y: [u8; 32], sign: u8| {
            y[31] |= sign;
            y
        };
        let mut prime_and_one = PRIME;
        prime_and_one[0] += 1;
        for y in SMALL_ORDER.into_iter().chain([PRIME, prime_and_one]) {
            assert!(!is_sound(&y) && !is_sound(&plus(y, 0x80)), "{y:x?}");
        }
        assert!(!is_sound(&[0xff; 32]));
        // The base point, and the greatest y that is left.
        assert!(is_sound(&[0x66; 32]));
        let mut greatest = PRIME;
        greatest[0] -= 2;
        assert!(is_sound(&greatest) && is_sound(&plus(greatest, 0x80)));
    }
}
