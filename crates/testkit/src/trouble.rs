//! Stores with which a server meets what a race or a kill leads to, at a chosen point.

use std::{future, sync::Arc};

use app::{ConversationId, Digest, OrganizationName as Organization, StoreError, StoredActivity};
use async_trait::async_trait;
use jiff::Timestamp;
use store::{
    AttemptChange, Changes, Committed, Conversations, DueTimer, NewConversation, Snapshot, Store,
    Timers,
};
use tokio::sync::Semaphore;

/// What a server meets.
pub(crate) enum Trouble {
    None,
    /// A commit with a release never happens and never returns, as if the server were killed there.
    KilledBeforeRelease,
    /// Timers that were found due come late.
    LateTimers(Arc<HeldTimers>),
}

impl Trouble {
    /// The same store, with this trouble.
    pub(crate) fn on(self, store: Store) -> Store {
        match self {
            Self::None => store,
            Self::KilledBeforeRelease => Store {
                conversations: Arc::new(NeverReleases(Arc::clone(&store.conversations))),
                ..store
            },
            Self::LateTimers(held) => Store {
                timers: Arc::new(LateTimers(Arc::clone(&store.timers), held)),
                ..store
            },
        }
    }
}

/// Timers that were found due and have not been fired yet: other things happen in between.
pub struct HeldTimers {
    found: Semaphore,
    let_go: Semaphore,
}

impl HeldTimers {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            found: Semaphore::new(0),
            let_go: Semaphore::new(0),
        })
    }

    /// Waits until a batch has been found.
    pub async fn found(&self) {
        pass(&self.found).await;
    }

    /// Lets one batch be fired.
    pub fn let_go(&self) {
        self.let_go.add_permits(1);
    }
}

async fn pass(semaphore: &Semaphore) {
    let permit = semaphore.acquire().await;
    permit.expect("it is never closed").forget();
}

struct LateTimers(Arc<dyn Timers>, Arc<HeldTimers>);

#[async_trait]
impl Timers for LateTimers {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DueTimer>, StoreError> {
        let due = self.0.due(now, limit).await?;
        if !due.is_empty() {
            self.1.found.add_permits(1);
            pass(&self.1.let_go).await;
        }
        Ok(due)
    }

    async fn next(&self) -> Result<Option<Timestamp>, StoreError> {
        self.0.next().await
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
