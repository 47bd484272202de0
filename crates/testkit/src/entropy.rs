//! Randomness that a test can repeat.

use std::sync::atomic::{AtomicU64, Ordering};

use app::ports::Entropy;
use sha2::{Digest as _, Sha256};

/// Bytes that follow from a seed and from how often was asked.
pub struct SeededEntropy {
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The same seed gives the same bytes in the same order.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            drawn: AtomicU64::new(0),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.seed)
                .chain_update(self.drawn.fetch_add(1, Ordering::Relaxed).to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}
