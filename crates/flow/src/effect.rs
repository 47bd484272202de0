//! What a turn asks for: things to do, and things to say.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::session::Run;
use crate::value::TokenHandle;

/// Something that `app` does after the turn is committed. Its answer is an [`Event`](crate::Event) with the same run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Make a sign-in attempt that the link opens.
    OpenPrompt {
        /// The run that waits.
        run: Run,
        /// Connection to sign in to.
        connection: String,
        /// The link's last segment.
        link_id: LinkId,
        /// When the attempt dies (TMO-1).
        expires: Timestamp,
    },
    /// The prompt's wait is over: kill the link and whatever is under way behind it (TMO-7).
    ClosePrompt {
        /// The run that waited.
        run: Run,
        /// Why.
        why: Closed,
    },
    /// Call an outside system.
    CallHttp(HttpCall),
    /// Send the connection's identity request and map its answer (IDN-2).
    FetchIdentity {
        /// The run that waits.
        run: Run,
        /// Whose identity request.
        connection: String,
    },
}

/// Last segment of a link: 256 bits, base64url. Whoever has it can open the link, so it is stored as a digest only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkId(pub(crate) String);

impl LinkId {
    /// As it stands in the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkId(..)")
    }
}

/// Why a prompt was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The person said `cancel`.
    Cancelled,
    /// Its time was over.
    Expired,
    /// The sign-in failed.
    Failed,
    /// The sign-in succeeded.
    Done,
}

/// A call of an outside system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpCall {
    /// The run that waits.
    pub run: Run,
    /// The step that asks.
    pub step: String,
    /// Whose token goes along as bearer, and whose origins bound the address (XCH-1).
    pub connection: Option<String>,
    /// HTTP method.
    pub method: Method,
    /// The address. Scheme, host and port are those the designer wrote (TPL-4).
    pub url: String,
    /// Headers; values are visible ASCII (EGR-12).
    pub headers: Vec<(String, HeaderValue)>,
    /// The body, sent as JSON.
    pub body: Option<serde_json::Value>,
    /// Longest time until the answer is complete, in seconds.
    pub timeout_s: u32,
    /// Whether the call must not be repeated after a crash.
    pub once: bool,
}

/// HTTP methods that a step may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a second identical call does no more than the first (RFC 9110 §9.2.2).
    pub const fn is_idempotent(self) -> bool {
        match self {
            Self::Get | Self::Put | Self::Delete => true,
            Self::Post | Self::Patch => false,
        }
    }
}

/// Value of a header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    /// Visible ASCII and blanks.
    Text(String),
    /// The text of this token, to an origin of its connection only (TPL-3, XCH-1).
    Token(TokenHandle),
}

/// Something said to the person, whatever the channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Plain text. Never markup (TPL-5).
    Message {
        /// The text.
        text: String,
    },
    /// A sign-in prompt (CRD-1).
    Prompt {
        /// Text of the card.
        text: String,
        /// Buttons of the card, in order.
        buttons: Vec<Button>,
        /// When the link dies.
        expires: Timestamp,
    },
    /// A question with a fixed set of answers.
    Choices {
        /// The question; may be empty.
        text: String,
        /// What the person may say.
        choices: Vec<String>,
    },
}

/// A button of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// Its label.
    pub title: String,
    /// The address it opens, or the text it says.
    pub value: String,
    /// Whether it opens `value` rather than says it.
    pub opens: bool,
}
