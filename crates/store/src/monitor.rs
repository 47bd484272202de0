//! What ran, for people who watch.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{ConversationId, Json, Organization, Revision, SessionId, StoreError};

/// What ran. Written by `Changes::steps`.
#[async_trait]
pub trait Monitor: Send + Sync {
    /// The steps of the turns after `after` (`Revision(0)`: from the start), in order; `limit` turns at
    /// most. Turns that ran no step are left out.
    async fn steps(
        &self,
        organization: &Organization,
        conversation: ConversationId,
        after: Revision,
        limit: u32,
    ) -> Result<Vec<TurnSteps>, StoreError>;

    /// The conversations that began before `before` (`None`: all), the newest first, `limit` at most.
    async fn conversations(
        &self,
        organization: &Organization,
        before: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<ConversationRow>, StoreError>;
}

/// The steps of one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnSteps {
    /// The revision that the turn led to.
    pub revision: Revision,
    /// The session that ran, if one did.
    pub session: Option<SessionId>,
    /// When the turn was decided.
    pub at: Timestamp,
    /// The steps, in order.
    pub steps: Vec<Json>,
}

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ConversationRow {
    /// Its id.
    pub id: ConversationId,
    /// The agent that is talked to.
    pub agent: String,
    /// The branch of its agent.
    pub branch: String,
    /// The channel.
    pub channel: String,
    /// What the channel calls the person.
    pub user: Option<String>,
    /// The session that runs, or the last one that ran.
    pub session: Option<SessionId>,
    /// Whether a session runs.
    pub running: bool,
    /// When it began.
    pub at: Timestamp,
    /// When it was last committed.
    pub changed: Timestamp,
}
