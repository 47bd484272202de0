//! All the randomness of one turn, from one draw.

use sha2::{Digest as _, Sha256};

use crate::ports::Entropy;

/// 256 random bits from which a turn derives every id and secret it needs, so that the same seed
/// gives the same turn, byte for byte.
#[derive(Clone)]
pub(crate) struct Seed {
    root: [u8; 32],
    drawn: u64,
}

impl Seed {
    /// One draw from `entropy`.
    pub(crate) fn draw(entropy: &dyn Entropy) -> Self {
        Self {
            root: entropy.bytes(),
            drawn: 0,
        }
    }

    /// The next 32 bytes; no two calls give the same.
    pub(crate) fn secret(&mut self) -> [u8; 32] {
        self.drawn += 1;
        Sha256::new()
            .chain_update(self.root)
            .chain_update(self.drawn.to_be_bytes())
            .finalize()
            .into()
    }

    /// The next `N` bytes, at most 32.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let secret = self.secret();
        std::array::from_fn(|at| secret[at])
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}
