//! What stands in a conversation's log, whatever the channel.
//!
//! A channel translates: what a person posts into [`Activity::Person`], the rest into its own
//! wire form when it is read.

use flow::Said;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", content = "body", rename_all = "snake_case")]
pub enum Activity {
    /// Posted by the person; the channel's own form, kept for its echo.
    Person(Map<String, Value>),
    /// Said by the flow.
    Agent(Said),
    /// How the conversation stands; the newest counts.
    Status(Status),
}

/// What a chat page shows around the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What the person may type.
    pub typing: Typing,
    /// Whether a live grant of the prompt is there (UIX-1).
    pub signed_in: bool,
    /// The account that signed in, as people know it.
    pub account: Option<String>,
    /// The prompt that waits.
    pub prompt: Option<Pending>,
}

/// What the person may type (SGN-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Typing {
    /// Anything.
    Open,
    /// `cancel` only.
    Blocked,
    /// The code from the finished page, or `cancel` (PHI-8).
    Code,
}

/// A prompt that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// When its link dies.
    pub expires_at: Timestamp,
    /// The connection, as people know it.
    pub title: String,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            typing: Typing::Open,
            signed_in: false,
            account: None,
            prompt: None,
        }
    }
}
