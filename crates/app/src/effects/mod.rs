//! What a turn asks to be done once it is durable, and how each kind is done.
//!
//! An effect is a row of the outbox from the commit that asked for it to the commit of its answer.
//! It is **repeatable**, and is repeated after a crash with the same key; or **once**: its start is
//! recorded before it goes out, and a crash before its answer ends it with its outcome unknown.

pub(crate) mod http;
pub(crate) mod identity;
pub(crate) mod revoke;

use flow::{Event, HttpAnswer, HttpCall, HttpFailure, Run};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{GrantId, Json, NewOutbox, NotJson, OutboxId, OutboxItem, SessionId};

use self::revoke::Revoke;
use crate::{App, tokens::Asker};

/// Something to do. A new kind is a variant here; the matches then ask for the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Effect {
    /// Call an outside system for a step.
    Http {
        /// The session that asks.
        session: SessionId,
        /// Its grant of the call's connection.
        grant: Option<GrantId>,
        /// The call.
        call: HttpCall,
    },
    /// Send a connection's identity request (IDN-2).
    Identity {
        /// The session that asks.
        session: SessionId,
        /// Its grant of the connection.
        grant: Option<GrantId>,
        /// The run that waits.
        run: Run,
        /// Whose request.
        connection: String,
    },
    /// End a token at its provider.
    Revoke(Revoke),
}

/// What an effect came to.
#[derive(Debug)]
pub(crate) enum Done {
    /// A turn of the session that asked.
    Answer {
        /// That session.
        session: SessionId,
        /// What happened.
        event: Event,
        /// A grant that was of no use any more.
        spent: Option<GrantId>,
    },
    /// Nobody waits for it.
    Quietly,
    /// To be tried again then.
    Later(Timestamp),
}

impl Effect {
    /// The row that stands for it.
    pub(crate) fn into_outbox(self, id: OutboxId, due: Timestamp) -> Result<NewOutbox, NotJson> {
        Ok(NewOutbox {
            id,
            kind: self.name().to_owned(),
            once: self.is_once(),
            payload: Json::of(&self)?,
            due,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::Identity { .. } => "identity",
            Self::Revoke(_) => "revoke",
        }
    }

    fn is_once(&self) -> bool {
        match self {
            Self::Http { call, .. } => call.once,
            Self::Identity { .. } | Self::Revoke(_) => false,
        }
    }

    /// What becomes of an effect that must not be repeated and was cut off after its start.
    pub(crate) fn cut_off(&self) -> Done {
        match self {
            Self::Http { session, call, .. } => Done::Answer {
                session: *session,
                event: Event::HttpAnswered {
                    run: call.run,
                    answer: HttpAnswer::Failed(HttpFailure::OutcomeUnknown),
                },
                spent: None,
            },
            Self::Identity { .. } | Self::Revoke(_) => Done::Quietly,
        }
    }
}

impl App {
    /// Does `effect` once. Never fails: what went wrong is the answer.
    pub(crate) async fn perform(&self, item: &OutboxItem, effect: Effect) -> Done {
        match effect {
            Effect::Http {
                session,
                grant,
                call,
            } => self.call_http(&asker(item, session), grant, call).await,
            Effect::Identity {
                session,
                grant,
                run,
                ..
            } => self.fetch_identity(&asker(item, session), grant, run).await,
            Effect::Revoke(revoke) => self.revoke(item, &revoke).await,
        }
    }
}

fn asker(item: &OutboxItem, session: SessionId) -> Asker<'_> {
    Asker {
        organization: &item.organization,
        conversation: item.conversation,
        session,
    }
}
