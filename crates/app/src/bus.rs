//! Telling live listeners that a conversation went on.
//!
//! The store is the truth and this is only speed: a listener that missed something reads on from
//! its own watermark.

use std::sync::Arc;

use moka::sync::Cache;
use store::{ConversationId, Organization, StoredActivity};
use tokio::sync::broadcast;

/// What was said in one turn, in order, as stored.
pub type News = Arc<[StoredActivity]>;

/// Turns that a listener may fall behind before it has to read the store.
const BACKLOG: usize = 64;
/// Conversations with listeners at one time; beyond it the longest idle ones poll.
const CONVERSATIONS: u64 = 100_000;

/// The bus of a single node.
pub struct Bus {
    conversations: Cache<(Organization, ConversationId), broadcast::Sender<News>>,
}

impl Bus {
    pub(crate) fn new() -> Self {
        Self {
            conversations: Cache::new(CONVERSATIONS),
        }
    }

    /// Everything said in the conversation from now on.
    pub fn listen(
        &self,
        organization: &Organization,
        conversation: ConversationId,
    ) -> broadcast::Receiver<News> {
        self.conversations
            .get_with((organization.clone(), conversation), || {
                broadcast::Sender::new(BACKLOG)
            })
            .subscribe()
    }

    pub(crate) fn publish(
        &self,
        organization: &Organization,
        conversation: ConversationId,
        news: News,
    ) {
        let key = (organization.clone(), conversation);
        if let Some(listeners) = self.conversations.get(&key)
            && listeners.send(news).is_err()
        {
            self.conversations.invalidate(&key);
        }
    }
}
