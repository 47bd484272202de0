//! What comes of an event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::effect::{Effect, Said};
use crate::session::{Run, Session};

/// What came of one event: all of it is committed together, or nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// The session afterwards.
    pub session: Session,
    /// What is said to the person, in order.
    pub said: Vec<Said>,
    /// What is to be done after the commit, in order.
    pub effects: Vec<Effect>,
    /// What the monitor shows, in order.
    pub steps: Vec<StepRecord>,
    /// Set if the event was refused; then nothing changed.
    pub refused: Option<Refusal>,
}

/// Why an event was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The person may not type while the sign-in is pending (SGN-5).
    TypingBlocked,
}

impl Refusal {
    /// Stable text for clients.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TypingBlocked => "typing_blocked",
        }
    }
}

/// One line of the monitor (MON-1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Which run of the step; a post-action has a run of its own.
    pub run: Run,
    /// The flow.
    pub flow: String,
    /// The step's designer-given name (SGN-2).
    pub step: String,
    /// Kind of the step, or name of the post-action.
    pub kind: String,
    /// What became of it.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// Inputs and outputs, tokens masked.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub detail: Map<String, Json>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was entered and waits.
    Waiting,
    /// It ended well.
    Done,
    /// Its run condition was not met (SGN-8).
    Skipped,
    /// It ended by this exception.
    Raised(String),
}

impl Status {
    /// Short text for lists; the code of an exception is not in it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Raised(_) => "raised",
        }
    }
}
