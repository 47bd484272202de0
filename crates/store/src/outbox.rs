//! Effects that wait to be run.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{ConversationId, Json, Organization, OutboxId, StoreError};

/// Effects, each run at least once, or at most once where it is marked so.
///
/// An effect is born in a commit and dies in the commit of its answer (`Changes::outbox_done`). Who takes
/// one holds it until `lease_until`, then it is offered again. A turn whose own node runs the effect
/// at once commits it with `due` at the end of a lease, which saves taking it.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Adds an effect that no turn asked for.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of this id.
    async fn add(&self, organization: &Organization, new: NewOutbox) -> Result<(), StoreError>;

    /// Takes effects of all organizations that are due at `now`, the earliest first, `limit` at most. They
    /// are due again at `lease_until`.
    async fn take(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxItem>, StoreError>;

    /// Records that an effect which must not be repeated is about to go out.
    ///
    /// `false` if that was recorded before, or the effect is gone: do not send it; unless it is answered,
    /// its outcome is unknown.
    async fn start(&self, organization: &Organization, id: OutboxId) -> Result<bool, StoreError>;

    /// Offers an effect again at `due` and not before, and forgets that it was started; `false` if it is
    /// gone.
    async fn put_off(
        &self,
        organization: &Organization,
        id: OutboxId,
        due: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Deletes an effect that needs no answer; `false` if it is gone.
    async fn done(&self, organization: &Organization, id: OutboxId) -> Result<bool, StoreError>;

    /// When the earliest effect of all is due.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;
}

/// An effect to run.
#[derive(Clone, Debug)]
pub struct NewOutbox {
    /// Its id, and its idempotency key.
    pub id: OutboxId,
    /// What it is, for whoever runs it.
    pub kind: String,
    /// Whether it must not be sent twice.
    pub once: bool,
    /// What it needs; the store does not read it.
    pub payload: Json,
    /// When it may be taken.
    pub due: Timestamp,
}

/// An effect that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxItem {
    /// Its id, and its idempotency key.
    pub id: OutboxId,
    /// Whose it is.
    pub organization: Organization,
    /// The conversation that waits for its answer, if one does.
    pub conversation: Option<ConversationId>,
    /// What it is.
    pub kind: String,
    /// Whether it must not be sent twice.
    pub once: bool,
    /// Whether its start was recorded: with `once`, its outcome is unknown.
    pub started: bool,
    /// How often it was taken, this time included.
    pub takes: u32,
    /// What it needs.
    pub payload: Json,
}
