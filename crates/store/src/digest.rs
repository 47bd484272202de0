//! Secrets as the store knows them.

use std::fmt;

/// 32 bytes that stand for a secret which the store never sees (SEA-8): SHA-256 where the secret has 128
/// random bits or more, a keyed HMAC where it has fewer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    /// Enough to tell two apart in a test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, ..] = self.0;
        write!(f, "Digest({a:02x}{b:02x}{c:02x}..)")
    }
}
