//! Conversations, their sessions and what was said in them.

use std::ops::Range;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::grants::GrantMeta;
use crate::outbox::NewOutbox;
use crate::sign_ins::{Attempt, AttemptState, NewAttempt};
use crate::{
    ActivityId, AttemptId, ConversationId, Digest, GrantId, Json, Organization, OutboxId,
    SessionId, StoreError, VersionId,
};

/// Conversations. A turn is one [`load`](Self::load), a decision in memory, one [`commit`](Self::commit).
#[async_trait]
pub trait Conversations: Send + Sync {
    /// Begins a conversation, at revision 0 and with nothing said.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of this id.
    async fn create(&self, new: NewConversation) -> Result<(), StoreError>;

    /// All that one turn needs; `None` if the organization has no such conversation.
    async fn load(
        &self,
        organization: &Organization,
        id: ConversationId,
    ) -> Result<Option<Snapshot>, StoreError>;

    /// Writes all of `changes`, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] unless the conversation still is at `changes.base` and every change of an
    /// attempt finds the state it expects: load and decide again. [`StoreError::AnsweredBefore`] if
    /// `changes.outbox_done` is gone: drop the answer. [`StoreError::Busy`] if the organization can have no
    /// further attempt.
    async fn commit(&self, changes: Changes) -> Result<Committed, StoreError>;

    /// What was said after number `after` (0: from the start), in order, `limit` at most.
    async fn activities(
        &self,
        organization: &Organization,
        id: ConversationId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredActivity>, StoreError>;

    /// The newest conversation of this browser with this agent.
    async fn latest_of_browser(
        &self,
        organization: &Organization,
        agent: &str,
        browser: Digest,
    ) -> Result<Option<ConversationId>, StoreError>;

    /// Gives the conversation to the browser `to`, if it still is with `from` (PHI-13). The old value is
    /// dead at once. The revision stays.
    async fn rebind_browser(
        &self,
        organization: &Organization,
        id: ConversationId,
        from: Digest,
        to: Digest,
    ) -> Result<bool, StoreError>;
}

/// How often a conversation has been committed. A turn is decided at one and committed over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

/// A conversation that begins.
#[derive(Clone, Debug)]
pub struct NewConversation {
    /// Its id.
    pub id: ConversationId,
    /// Whose it is.
    pub organization: Organization,
    /// The agent that is talked to.
    pub agent: String,
    /// The branch whose active version new sessions run (CFG-4).
    pub branch: String,
    /// The channel, such as `directline`.
    pub channel: String,
    /// The value of the cookie of the browser it was opened in, where the channel has a browser (P2a).
    pub browser: Option<Digest>,
    /// What the channel calls the person; `None` where nobody is there.
    pub user: Option<String>,
    /// When it begins.
    pub at: Timestamp,
}

/// A conversation, apart from its turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Whose it is.
    pub organization: Organization,
    /// The agent that is talked to.
    pub agent: String,
    /// The branch whose active version new sessions run.
    pub branch: String,
    /// The channel.
    pub channel: String,
    /// The value of the cookie of the browser that has it.
    pub browser: Option<Digest>,
    /// What the channel calls the person.
    pub user: Option<String>,
    /// When it began.
    pub at: Timestamp,
}

/// A conversation as one turn finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What does not change from turn to turn.
    pub conversation: Conversation,
    /// What to commit over.
    pub revision: Revision,
    /// The session that runs; `None` before the first one and after one has ended.
    pub session: Option<SessionSnapshot>,
    /// Its attempts that are neither released nor failed, oldest first.
    pub attempts: Vec<Attempt>,
    /// The grants of the session that runs, oldest first.
    pub grants: Vec<GrantMeta>,
    /// The number of the last thing said, 0 if nothing was.
    pub last_seq: i64,
    /// When it is to be woken. A timer that was found due earlier may have been set anew since.
    pub timer: Option<Timestamp>,
}

/// The session that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionSnapshot {
    /// Its id.
    pub id: SessionId,
    /// The version it began with and stays on.
    pub version: VersionId,
    /// Its state, as it was committed.
    pub state: Json,
}

/// What one turn changes.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Whose conversation it is.
    pub organization: Organization,
    /// Which one.
    pub conversation: ConversationId,
    /// The revision at which the turn was decided.
    pub base: Revision,
    /// When it was decided.
    pub at: Timestamp,
    /// The session after the turn.
    pub session: Option<SessionChange>,
    /// What was said, in order.
    pub activities: Vec<NewActivity>,
    /// When to wake the conversation; `None` leaves it as it is.
    pub timer: Option<TimerChange>,
    /// Effects to run once the turn is durable.
    pub outbox: Vec<NewOutbox>,
    /// The effect whose answer made this turn.
    pub outbox_done: Option<OutboxId>,
    /// What becomes of attempts, in order.
    pub attempts: Vec<AttemptChange>,
    /// Grants of this conversation to delete; one that is gone already is no conflict.
    pub grants_removed: Vec<GrantId>,
    /// What ran, for the monitor: one document each step.
    pub steps: Vec<Json>,
}

impl Changes {
    /// No change yet.
    pub fn new(
        organization: &Organization,
        conversation: ConversationId,
        base: Revision,
        at: Timestamp,
    ) -> Self {
        Self {
            organization: organization.clone(),
            conversation,
            base,
            at,
            session: None,
            activities: Vec::new(),
            timer: None,
            outbox: Vec::new(),
            outbox_done: None,
            attempts: Vec::new(),
            grants_removed: Vec::new(),
            steps: Vec::new(),
        }
    }
}

/// A session after a turn.
#[derive(Clone, Debug)]
pub struct SessionChange {
    /// Its id.
    pub id: SessionId,
    /// The version it runs.
    pub version: VersionId,
    /// Its state. Not kept if it ended.
    pub state: Json,
    /// Whether this was its last turn.
    pub ended: bool,
}

/// Something said.
#[derive(Clone, Debug)]
pub struct NewActivity {
    /// Its id.
    pub id: ActivityId,
    /// The activity, without its number.
    pub body: Json,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredActivity {
    /// Its number in the conversation, from 1 on, without gaps.
    pub seq: i64,
    /// Its id.
    pub id: ActivityId,
    /// When it was committed.
    pub at: Timestamp,
    /// The activity.
    pub body: Json,
}

/// When to wake a conversation. It has one timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerChange {
    /// At `due`, for the run `run` of a step. Replaces the timer that was set.
    Set {
        /// The run that waits.
        run: u64,
        /// When it has waited long enough.
        due: Timestamp,
    },
    /// Not at all.
    Clear,
}

/// What becomes of an attempt within a turn.
#[derive(Clone, Debug)]
pub enum AttemptChange {
    /// A link is offered. The oldest unfinished attempts of the conversation fail as `replaced` where
    /// there would be too many (LIM-4).
    Open(NewAttempt),
    /// It ends without a grant. What it has in quarantine stays there for
    /// [`SignIns::discarded`](crate::SignIns::discarded).
    Fail {
        /// Which one.
        id: AttemptId,
        /// The state it must be in.
        from: AttemptState,
        /// Why, as a stable code.
        reason: String,
    },
    /// It ends with a grant.
    Release(Release),
}

/// Turns a quarantined attempt into a grant of its session, which must run in this conversation.
///
/// Refused, as a conflict, unless the attempt is quarantined and its deadline is after `Changes::at`
/// (BND-3).
#[derive(Clone, Debug)]
pub struct Release {
    /// The attempt.
    pub id: AttemptId,
    /// The grant to make of it.
    pub grant: GrantId,
    /// The tokens, sealed anew for the grant's row (SEA-2).
    pub sealed: Vec<u8>,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// Which proofs held (PHI-1).
    pub proofs: Json,
}

/// What a commit led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The revision that the next turn builds on.
    pub revision: Revision,
    /// The numbers that the new activities were given, in their order.
    pub seqs: Range<i64>,
}
