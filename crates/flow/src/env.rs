//! What a turn is told about the world.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::value::TokenHandle;

/// All that a turn depends on besides program, session and event.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The time.
    pub now: Timestamp,
    /// Fresh random bytes for the links that this turn makes.
    pub seed: [u8; 32],
    /// Address of this server, without a slash at its end.
    pub public_url: &'a str,
    /// What the channel can do.
    pub channel: Channel<'a>,
    /// The session's live grants by connection. `ChatUser.SSOToken` reads null when its grant is not here (SGN-8).
    pub tokens: &'a BTreeMap<String, TokenHandle>,
}

/// Without the seed: whoever has it can make the links.
impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("now", &self.now)
            .field("public_url", &self.public_url)
            .field("channel", &self.channel)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// What the channel can do.
#[derive(Clone, Copy, Debug)]
pub struct Channel<'a> {
    /// Its name, as `Conversation.Channel` reads.
    pub name: &'a str,
    /// Whether it can show buttons (CHN-2).
    pub buttons: bool,
    /// Whether it proves by itself which browser signs in, so that no code need be typed (PHI-3).
    pub proves_browser: bool,
}
