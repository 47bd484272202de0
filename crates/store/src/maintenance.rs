//! Sweeping and health.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

/// What keeps a store small and watched.
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// Deletes what nobody needs any more, a bounded amount at a time. Call again while
    /// [`Swept::more`] says so.
    async fn sweep(&self, sweep: Sweep) -> Result<Swept, StoreError>;

    /// Whether the store can be read and written at this moment.
    async fn check(&self) -> Result<(), StoreError>;

    /// What this process has done since it opened the store.
    fn counters(&self) -> Counters;
}

/// What to sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Attempts that were released or failed before this go, unless they have tokens left in quarantine
    /// (LIM-4).
    pub finished_before: Timestamp,
    /// The most rows to delete.
    pub limit: u32,
}

/// What was swept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Attempts deleted.
    pub attempts: u64,
    /// Whether the limit was met, so that there may be more.
    pub more: bool,
}

/// What was done so far. The fewer transactions a write takes, the better the groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes that were asked for.
    pub writes: u64,
    /// Commits that they took.
    pub transactions: u64,
}
