//! A store on which a server comes to a stop at a chosen point, as if killed there.

use std::{future, sync::Arc};

use app::{ConversationId, Digest, OrganizationName as Organization, StoreError, StoredActivity};
use async_trait::async_trait;
use store::{AttemptChange, Changes, Committed, Conversations, NewConversation, Snapshot, Store};

/// The same store, whose commits with a release never happen and never return.
pub(crate) fn before_release(store: Store) -> Store {
    Store {
        conversations: Arc::new(NeverReleases(Arc::clone(&store.conversations))),
        ..store
    }
}

struct NeverReleases(Arc<dyn Conversations>);

#[async_trait]
impl Conversations for NeverReleases {
    async fn create(&self, new: NewConversation) -> Result<(), StoreError> {
        self.0.create(new).await
    }

    async fn load(
        &self,
        organization: &Organization,
        id: ConversationId,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.0.load(organization, id).await
    }

    async fn commit(&self, changes: Changes) -> Result<Committed, StoreError> {
        let is_release = |change: &AttemptChange| matches!(change, AttemptChange::Release(_));
        if changes.attempts.iter().any(is_release) {
            return future::pending().await;
        }
        self.0.commit(changes).await
    }

    async fn activities(
        &self,
        organization: &Organization,
        id: ConversationId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredActivity>, StoreError> {
        self.0.activities(organization, id, after, limit).await
    }

    async fn latest_of_browser(
        &self,
        organization: &Organization,
        agent: &str,
        browser: Digest,
    ) -> Result<Option<ConversationId>, StoreError> {
        self.0.latest_of_browser(organization, agent, browser).await
    }

    async fn rebind_browser(
        &self,
        organization: &Organization,
        id: ConversationId,
        from: Digest,
        to: Digest,
    ) -> Result<bool, StoreError> {
        self.0.rebind_browser(organization, id, from, to).await
    }
}
