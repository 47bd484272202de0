//! The only place with SQL: a trait for each area, and the databases behind them.
//!
//! The traits speak of change sets and of conditional transitions, never of transactions or of a
//! database. [`Store`] holds one implementation of each. There is one backend so far, `SQLite`; every
//! backend passes the same suite, `tests/cases/`.
//!
//! # Rules that hold in every area
//!
//! * **One organization.** Every method takes the [`Organization`] it acts for as its own argument
//!   (TEN-1), and a row of another organization is answered like one that does not exist. Only what
//!   finds its organization by a secret ([`SignIns::by_link`], [`Access::key`]) or serves the machinery
//!   of all organizations ([`Timers::due`], [`Outbox::take`]) goes without, and returns it.
//! * **Time comes in.** No backend reads a clock.
//! * **Transitions are conditional.** What may happen once is one conditional update, and its answer says
//!   whether this caller was the one. There is nothing to lock.
//! * **Acknowledged is durable.** A method that writes returns after its transaction reached the disk.
//! * **Secrets stay outside.** A secret arrives as a [`Digest`] or sealed by `vault`.
//!
//! # Adding a stored thing or a query
//!
//! 1. Write the method in the trait of its area, with what it means when it answers `None` or `false`.
//! 2. A new table or column is a new file in `migrations/<backend>/`; a published one never changes.
//! 3. Implement it in every backend, then add its cases to `tests/cases/<area>.rs`, among them one for
//!    another organization and one for each condition that can fail.

pub mod access;
pub mod conversations;
mod digest;
mod error;
pub mod grants;
pub mod id;
mod json;
pub mod keys;
pub mod maintenance;
pub mod monitor;
mod organization;
pub mod outbox;
pub mod sign_ins;
mod sqlite;
pub mod timers;
pub mod versions;

pub use access::{Access, ApiKey, Role};
pub use conversations::{
    AttemptChange, Changes, Committed, Conversation, Conversations, NewActivity, NewConversation,
    Release, Revision, SessionChange, SessionSnapshot, Snapshot, StoredActivity, TimerChange,
};
pub use digest::Digest;
pub use error::{OpenError, StoreError};
pub use grants::{Grant, GrantMeta, Grants, NewSeal};
pub use id::{ActivityId, AttemptId, ConversationId, GrantId, OutboxId, SessionId, VersionId};
pub use json::{Json, NotJson};
pub use keys::{KeyStore, WrappedKey};
pub use maintenance::{Counters, Maintenance, Sweep, Swept};
pub use monitor::{ConversationRow, Monitor, TurnSteps};
pub use organization::{NotAnOrganization, Organization};
pub use outbox::{NewOutbox, Outbox, OutboxItem};
pub use sign_ins::{Attempt, AttemptState, Claim, NewAttempt, Quarantine, Quarantined, SignIns};
pub use timers::{DueTimer, Timers};
pub use versions::{ActiveVersion, NewVersion, SealedSecret, Version, VersionRow, Versions};

use std::sync::Arc;
use std::time::Duration;

/// One database, an area at a time. Cloning is cheap; the clones share it.
#[derive(Clone)]
pub struct Store {
    /// Conversations, their sessions and what was said in them.
    pub conversations: Arc<dyn Conversations>,
    /// Sign-in attempts, from the link to the proof.
    pub sign_ins: Arc<dyn SignIns>,
    /// Sealed tokens that a session may use.
    pub grants: Arc<dyn Grants>,
    /// Published workspaces.
    pub versions: Arc<dyn Versions>,
    /// When waiting conversations are due.
    pub timers: Arc<dyn Timers>,
    /// Effects that wait to be run.
    pub outbox: Arc<dyn Outbox>,
    /// What ran, for people who watch.
    pub monitor: Arc<dyn Monitor>,
    /// Wrapped data keys.
    pub keys: Arc<dyn KeyStore>,
    /// Who may administer.
    pub access: Arc<dyn Access>,
    /// Sweeping and health.
    pub maintenance: Arc<dyn Maintenance>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// How much a store takes on.
#[derive(Clone, Debug)]
pub struct Options {
    /// Unfinished sign-in attempts that one conversation may have; a new one replaces the oldest (LIM-4).
    pub attempts_per_conversation: u32,
    /// Unfinished sign-in attempts that one organization may have; then [`StoreError::Busy`] (LIM-4).
    pub attempts_per_organization: u32,
    /// Writes that may wait for the writer; who comes next waits to be let in.
    pub queue: usize,
    /// The most writes that share one transaction, hence one wait for the disk.
    pub group: usize,
    /// Connections that read beside the writer.
    pub readers: usize,
    /// How long to wait for another process that holds the database, such as a backup that ends; then
    /// [`StoreError::Unavailable`].
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            attempts_per_conversation: 5,
            attempts_per_organization: 10_000,
            queue: 1024,
            group: 256,
            readers: 2,
            patience: Duration::from_secs(5),
        }
    }
}
