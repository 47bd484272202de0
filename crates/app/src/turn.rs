//! One turn: load, decide in memory, commit whole, announce.
//!
//! Everything that changes a conversation comes through [`App::turn`]. Deciding is a pure function
//! of what was loaded, the cause, the time and a seed ([`decide`]); a lost race loads and decides
//! again. What a turn asks for runs after its commit, from the outbox.

mod decide;

use flow::{Event, Program, Refusal};
use serde_json::{Map, Value};
use store::{
    ActivityId, Changes, ConversationId, GrantId, GrantMeta, NewOutbox, Organization, OutboxId,
    Snapshot, StoreError, StoredActivity,
};

use crate::{
    App,
    bus::News,
    effects::{Effect, revoke::Revoke},
    keys::KeyError,
    meters,
    seed::Seed,
    sign_in::proofs::Leave,
    versions::{Published, VersionError},
};

/// Conflicts in a row before a turn is given up; each means that another turn went through.
const ATTEMPTS: usize = 50;

/// Why a turn happens.
#[derive(Debug, Clone)]
pub(crate) enum Cause {
    /// The channel opened the conversation.
    Opened,
    /// The person posted something.
    Posted(Posted),
    /// A sign-in attempt is released: the proofs held.
    Released(Box<Released>),
    /// A sign-in attempt has ended without a grant.
    SignInFailed {
        /// Its run.
        run: flow::Run,
        /// Its session: another one's run may have the same number.
        session: store::SessionId,
        /// Why.
        reason: flow::SignInFailure,
    },
    /// An effect was answered.
    Answered {
        /// The effect, which this turn finishes.
        effect: OutboxId,
        /// Its session.
        session: store::SessionId,
        /// The answer.
        event: Event,
        /// A grant that turned out to be of no use (TMO-10).
        spent: Option<GrantId>,
    },
    /// The conversation's timer is due.
    TimerDue,
    /// A sign-in has come as far as its code: the chat is told to ask for it.
    CodeAwaited,
    /// Usher itself has something to say, beside the flow.
    Told(String),
}

impl Cause {
    /// A word for the metrics.
    const fn name(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Posted(_) => "posted",
            Self::Released(_) => "released",
            Self::SignInFailed { .. } => "sign_in_failed",
            Self::Answered { .. } => "answered",
            Self::TimerDue => "timer",
            Self::CodeAwaited => "code_awaited",
            Self::Told(_) => "told",
        }
    }
}

/// What a person posted.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    /// The id its activity gets.
    pub(crate) id: ActivityId,
    /// The words, for the flow; none for an activity that says nothing to it.
    pub(crate) words: Option<String>,
    /// The activity as the channel will echo it.
    pub(crate) body: Map<String, Value>,
}

/// What a release brings.
#[derive(Debug, Clone)]
pub(crate) struct Released {
    /// The attempt.
    pub(crate) attempt: store::Attempt,
    /// The leave to release it.
    pub(crate) leave: Leave,
    /// The grant it becomes.
    pub(crate) grant: GrantId,
    /// The tokens, sealed for the grant's row.
    pub(crate) sealed: Vec<u8>,
    /// When the access token expires.
    pub(crate) expires_at: jiff::Timestamp,
    /// What `Auth.*` will read.
    pub(crate) claims: Map<String, Value>,
    /// The account, as people know it.
    pub(crate) account: Option<String>,
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is committed.
    Committed,
    /// It was out of date and changed nothing: the session had moved on (PHI-15).
    Stale,
    /// What was posted may not be posted now (SGN-5); nothing changed.
    Refused(Refusal),
}

/// Why a turn did not happen. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// No such conversation in this organization.
    #[error("no such conversation")]
    Unknown,
    /// The agent has no published version to run.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A token could not be sealed or opened.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is stored of the session cannot be read.
    #[error("the stored session cannot be read")]
    Session(#[from] store::NotJson),
}

/// A decision that waits to be committed.
pub(crate) struct Decision {
    changes: Changes,
    outcome: Outcome,
    /// Grants to revoke at the provider once the change that removes them is certain.
    doomed: Vec<GrantId>,
}

impl App {
    /// Carries out the turn that `cause` makes in a conversation.
    pub(crate) async fn turn(
        &self,
        organization: &Organization,
        conversation: ConversationId,
        cause: Cause,
    ) -> Result<Outcome, TurnError> {
        let asked = self.ports.clock.now();
        let _lane = self.lanes.enter(&conversation.to_string()).await;
        let seed = Seed::draw(self.ports.entropy.as_ref());
        for _ in 0..ATTEMPTS {
            let snapshot = self
                .store
                .conversations
                .load(organization, conversation)
                .await?
                .ok_or(TurnError::Unknown)?;
            let published = self.published_for(&snapshot).await?;
            let shared = self.shared_grants(&snapshot, &published).await?;
            let decision = self.decide(&snapshot, &shared, &published, &cause, seed.clone())?;
            match self.commit(&snapshot, decision).await {
                Err(TurnError::Store(StoreError::Conflict)) => meters::conflict(),
                done => {
                    let took = self.ports.clock.now().duration_since(asked);
                    meters::turn(cause.name(), took);
                    return done;
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        shared: &[GrantMeta],
        published: &Published,
        cause: &Cause,
        seed: Seed,
    ) -> Result<Decision, TurnError> {
        let agent = published.agent(&snapshot.conversation.agent)?;
        let program: &Program = &agent.program;
        let scene = decide::Scene {
            snapshot,
            shared,
            program,
            version: published.id,
            organization: &published.organization,
            public_url: &self.settings.public_url,
            idle: self.settings.session_idle,
            now: self.ports.clock.now(),
        };
        decide::decide(&scene, cause, seed)
    }

    async fn commit(&self, snapshot: &Snapshot, decision: Decision) -> Result<Outcome, TurnError> {
        let Decision {
            mut changes,
            outcome,
            doomed,
        } = decision;
        if outcome != Outcome::Committed {
            return Ok(outcome);
        }
        for grant in &doomed {
            let effect = self.revocation(snapshot, *grant, &changes).await?;
            changes.outbox.extend(effect);
        }
        let organization = &snapshot.conversation.organization;
        let said = changes.activities.clone();
        let (at, wakes) = (changes.at, !changes.outbox.is_empty());
        let timed = changes.timer.is_some();
        let attempts = changes.attempts.clone();
        let committed = self.store.conversations.commit(changes).await?;
        meters::sign_ins(&attempts);
        // A shared grant is another conversation's, which its own commits alone remove from.
        for grant in doomed {
            if !snapshot.grants.iter().any(|own| own.id == grant) {
                self.store.grants.remove(organization, grant).await?;
            }
        }
        let news: News = said
            .into_iter()
            .zip(committed.seqs)
            .map(|(activity, seq)| StoredActivity {
                seq,
                id: activity.id,
                at,
                body: activity.body,
            })
            .collect();
        if !news.is_empty() {
            self.bus
                .publish(organization, snapshot.conversation.id, news);
        }
        self.wake.after_turn(wakes, timed);
        Ok(Outcome::Committed)
    }

    /// The outbox item that ends a removed grant at its provider, best effort (XCH-9).
    async fn revocation(
        &self,
        snapshot: &Snapshot,
        grant: GrantId,
        changes: &Changes,
    ) -> Result<Option<NewOutbox>, TurnError> {
        let organization = &snapshot.conversation.organization;
        let Some(held) = self.store.grants.load(organization, grant).await? else {
            return Ok(None);
        };
        let version = snapshot.session.as_ref().map(|session| session.version);
        let Some(version) = version else {
            return Ok(None);
        };
        let effect = Effect::Revoke(Revoke::of_grant(version, &held));
        let id = OutboxId::new(changes.at, self.ports.entropy.bytes());
        Ok(Some(effect.into_outbox(id, changes.at)?))
    }
}
