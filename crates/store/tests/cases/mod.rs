//! What every backend must do. The cases know the traits only.

pub mod access;
pub mod conversations;
pub mod grants;
pub mod keys;
pub mod maintenance;
pub mod monitor;
pub mod outbox;
pub mod sign_ins;
pub mod timers;
pub mod versions;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use store::{
    AttemptChange, AttemptId, Changes, Claim, Committed, ConversationId, Digest, GrantId, Json,
    NewActivity, NewAttempt, NewConversation, NewOutbox, Organization, OutboxId, Quarantine,
    Release, Revision, SessionChange, SessionId, Snapshot, Store, StoreError, VersionId,
};

/// How long attempts live here, in seconds from their making at 0.
pub const LIFE_S: i64 = 120;

/// The most unfinished attempts of an organization in these cases.
pub const ATTEMPTS_PER_ORGANIZATION: u32 = 12;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_secs(seconds)
}

pub fn organization(name: &str) -> Organization {
    Organization::parse(name).unwrap()
}

pub fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

/// 32 bytes that nothing else here has.
pub fn digest() -> Digest {
    let mut bytes = [7; 32];
    bytes[..16].copy_from_slice(&unique());
    Digest(bytes)
}

/// 16 bytes that were not given out before, in growing order.
pub fn unique() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    u128::from(number).to_be_bytes()
}

/// Runs `many` futures at once, on several threads, and returns their answers.
pub async fn at_once<F>(many: u32, make: impl Fn(u32) -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = (0..many).map(|n| tokio::spawn(make(n))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

pub fn count<T>(answers: &[T], which: impl Fn(&T) -> bool) -> usize {
    answers.iter().filter(|answer| which(answer)).count()
}

/// A conversation with a session, and where it stands.
#[derive(Clone)]
pub struct Scene {
    pub store: Store,
    pub organization: Organization,
    pub conversation: ConversationId,
    pub session: SessionId,
    pub revision: Revision,
}

impl Scene {
    /// At revision 1, with a session that runs.
    pub async fn begin(store: &Store, name: &str) -> Self {
        Self::in_browser(store, name, None).await
    }

    /// The same, of a browser.
    pub async fn in_browser(store: &Store, name: &str, browser: Option<Digest>) -> Self {
        let mut scene = Self {
            store: store.clone(),
            organization: organization(name),
            conversation: ConversationId::new(at(0), unique()),
            session: SessionId::new(at(0), unique()),
            revision: Revision(0),
        };
        store
            .conversations
            .create(NewConversation {
                browser,
                ..scene.new_conversation()
            })
            .await
            .unwrap();
        let mut changes = scene.changes();
        changes.session = Some(scene.session_change("{}"));
        scene.commit(changes).await.unwrap();
        scene
    }

    pub fn new_conversation(&self) -> NewConversation {
        NewConversation {
            id: self.conversation,
            organization: self.organization.clone(),
            agent: "helper".to_owned(),
            branch: "main".to_owned(),
            channel: "directline".to_owned(),
            browser: None,
            user: Some("dl_ada".to_owned()),
            at: at(0),
        }
    }

    pub fn changes(&self) -> Changes {
        Changes::new(&self.organization, self.conversation, self.revision, at(0))
    }

    pub fn session_change(&self, state: &str) -> SessionChange {
        SessionChange {
            id: self.session,
            version: VersionId::new(at(0), [1; 16]),
            state: json(state),
            ended: false,
        }
    }

    pub async fn commit(&mut self, changes: Changes) -> Result<Committed, StoreError> {
        let committed = self.store.conversations.commit(changes).await?;
        self.revision = committed.revision;
        Ok(committed)
    }

    pub async fn snapshot(&self) -> Snapshot {
        let conversations = &self.store.conversations;
        let found = conversations
            .load(&self.organization, self.conversation)
            .await;
        found.unwrap().expect("the conversation is there")
    }

    pub async fn change_attempt(&mut self, change: AttemptChange) -> Result<Committed, StoreError> {
        let mut changes = self.changes();
        changes.attempts.push(change);
        self.commit(changes).await
    }

    pub fn new_attempt(&self) -> NewAttempt {
        NewAttempt {
            id: AttemptId::new(at(0), unique()),
            session: self.session,
            run: 3,
            connection: "corp".to_owned(),
            link: digest(),
            deadline: at(LIFE_S),
            details: json(r#"{"agent":"Helper"}"#),
        }
    }

    pub async fn open(&mut self) -> AttemptId {
        let new = self.new_attempt();
        let id = new.id;
        self.change_attempt(AttemptChange::Open(new)).await.unwrap();
        id
    }

    pub async fn claimed(&mut self) -> AttemptId {
        let id = self.open().await;
        assert!(
            self.store
                .sign_ins
                .claim(&self.organization, id, claim())
                .await
                .unwrap()
        );
        id
    }

    pub async fn exchanging(&mut self) -> AttemptId {
        let id = self.claimed().await;
        assert!(
            self.store
                .sign_ins
                .consume(&self.organization, id, at(2))
                .await
                .unwrap()
        );
        id
    }

    pub async fn quarantined(&mut self) -> AttemptId {
        let id = self.exchanging().await;
        let put = self
            .store
            .sign_ins
            .quarantine(&self.organization, id, quarantine());
        assert!(put.await.unwrap());
        id
    }

    pub async fn granted(&mut self) -> GrantId {
        let release = release(self.quarantined().await);
        let grant = release.grant;
        self.change_attempt(AttemptChange::Release(release))
            .await
            .unwrap();
        grant
    }
}

pub fn claim() -> Claim {
    Claim {
        cookie: digest(),
        state: digest(),
        sealed: vec![1, 2, 3],
        redirect_uri: "https://usher.example/oauth-callback/acme/corp".to_owned(),
        issuer: Some("https://issuer.example".to_owned()),
        at: at(1),
    }
}

pub fn quarantine() -> Quarantine {
    Quarantine {
        sealed: vec![4, 5, 6],
        identity: json(r#"{"sub":"ada"}"#),
        code: Some(digest()),
        at: at(3),
    }
}

pub fn release(id: AttemptId) -> Release {
    Release {
        id,
        grant: GrantId::new(at(4), unique()),
        sealed: vec![7, 8, 9],
        expires_at: at(3600),
        proofs: json(r#"["p1","p2"]"#),
    }
}

pub fn new_outbox(due: Timestamp) -> NewOutbox {
    NewOutbox {
        id: OutboxId::new(at(0), unique()),
        kind: "http".to_owned(),
        once: true,
        payload: json(r#"{"url":"https://api.example"}"#),
        due,
    }
}

pub fn activity(body: &str) -> NewActivity {
    NewActivity {
        id: store::ActivityId::new(at(0), unique()),
        body: json(body),
    }
}
