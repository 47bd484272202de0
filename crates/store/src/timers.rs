//! When waiting conversations are due.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{ConversationId, Organization, StoreError};

/// Timers. They are set and cleared by [`TimerChange`](crate::TimerChange) within a commit, so the turn
/// that a timer fires also takes it away: one that fires twice finds another revision or run.
#[async_trait]
pub trait Timers: Send + Sync {
    /// Timers of all organizations that are due at `now`, the earliest first, `limit` at most.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DueTimer>, StoreError>;

    /// When the earliest timer of all is due.
    async fn next(&self) -> Result<Option<Timestamp>, StoreError>;
}

/// A timer that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTimer {
    /// Whose conversation waits.
    pub organization: Organization,
    /// The conversation that waits.
    pub conversation: ConversationId,
    /// The run that waits in it.
    pub run: u64,
    /// Since when it is due.
    pub due: Timestamp,
}
