//! One turn at a time per conversation on this node.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// How many conversations may have a turn at once. Two that share a lane wait for each other.
const LANES: usize = 1024;

/// A fixed set of locks over which conversations are spread: bounded memory, however many there
/// are. The store's revision check is what keeps turns apart between nodes; a lane only spares
/// this node from deciding the same turn twice.
pub(crate) struct Lanes {
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Lanes {
    /// All lanes, free.
    pub(crate) fn new() -> Self {
        Self {
            locks: std::iter::repeat_with(Mutex::default).take(LANES).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Waits for the lane of `conversation`.
    pub(crate) async fn enter(&self, conversation: &str) -> MutexGuard<'_, ()> {
        let lane = self.hasher.hash_one(conversation) % LANES as u64;
        let lane = usize::try_from(lane).unwrap_or_default();
        self.locks[lane].lock().await
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self::new()
    }
}
