//! One sign-in: from the link to the grant (`security.md` sections 1 and 2).
//!
//! ```text
//! link ── a browser claims it ── provider ── callback ── quarantine ── judge ── release ── the flow goes on
//! ```
//!
//! [`link`] opens and claims, [`callback`] takes the provider's answer, [`proofs`] decides,
//! [`release`] binds, [`code`] takes typed codes, [`end`] clears up after attempts that came to
//! nothing.

pub mod callback;
pub(crate) mod code;
pub(crate) mod end;
pub mod finished;
pub mod link;
pub(crate) mod proofs;
pub(crate) mod release;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Attempt, NotJson, VersionId};
use vault::{code::Code, grant::Tokens, same};
use zeroize::Zeroizing;

use crate::keys::digest;

/// The cookies of ours that a browser sent.
#[derive(Default, Clone)]
pub struct Browser {
    /// The chat's.
    pub chat: Option<String>,
    /// Those of attempts, by [`short`] name.
    pub attempts: Vec<(String, String)>,
}

impl Browser {
    /// P1: whether this browser set out on the attempt.
    pub(crate) fn set_out_on(&self, attempt: &Attempt) -> bool {
        self.cookie_of(attempt).is_some()
    }

    /// The cookie with which this browser set out on the attempt.
    pub(crate) fn cookie_of(&self, attempt: &Attempt) -> Option<&str> {
        let claim = attempt.claim.as_ref()?;
        let name = short(attempt);
        let (_, cookie) = self.attempts.iter().find(|(held, _)| *held == name)?;
        same(&digest(cookie).0, &claim.cookie.0).then_some(cookie)
    }

    /// P2a: whether this browser holds the conversation.
    pub(crate) fn holds(&self, browser: Option<store::Digest>) -> bool {
        match (&self.chat, browser) {
            (Some(cookie), Some(browser)) => same(&digest(cookie).0, &browser.0),
            _ => false,
        }
    }
}

/// The eight characters that tell one attempt's cookie from another's (BND-4).
pub fn short(attempt: &Attempt) -> String {
    let id = attempt.id.to_string();
    id[id.len().saturating_sub(8)..].to_owned()
}

/// What an attempt knows besides the store's own columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Details {
    /// The version whose connection and agent are meant.
    pub(crate) version: VersionId,
    /// The agent that asks.
    pub(crate) agent: String,
    /// The channel it asks on.
    pub(crate) channel: String,
}

impl Details {
    pub(crate) fn of(attempt: &Attempt) -> Result<Self, NotJson> {
        attempt.details.read()
    }
}

/// What a browser set out with, sealed with its claim.
#[derive(Serialize, Deserialize)]
pub(crate) struct Luggage {
    pub(crate) verifier: Zeroizing<String>,
    pub(crate) nonce: Option<Zeroizing<String>>,
}

/// What waits in quarantine, sealed as one.
pub(crate) struct Held {
    pub(crate) tokens: Tokens,
    pub(crate) who: Who,
}

/// Who signed in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Who {
    /// What `Auth.*` will read.
    pub(crate) claims: Map<String, Value>,
    /// The account, as people know it.
    pub(crate) account: Option<String>,
    /// The code that the finished page shows, where one is asked for.
    pub(crate) code: Option<Zeroizing<String>>,
}

impl Who {
    pub(crate) fn code(&self) -> Option<Code> {
        vault::code::shape(self.code.as_deref()?)
    }
}

/// What was in quarantine does not read.
#[derive(Debug, thiserror::Error)]
#[error("what is in quarantine cannot be read")]
pub(crate) struct Unreadable;

impl Held {
    /// The tokens' own form, after its length, then who signed in.
    pub(crate) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let tokens = self.tokens.to_bytes().map_err(|_| Unreadable)?;
        let who = Zeroizing::new(serde_json::to_vec(&self.who).map_err(|_| Unreadable)?);
        let length = u32::try_from(tokens.len()).map_err(|_| Unreadable)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(4 + tokens.len() + who.len()));
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&tokens);
        bytes.extend_from_slice(&who);
        Ok(bytes)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Unreadable)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Unreadable)?;
        let (tokens, who) = rest.split_at_checked(length).ok_or(Unreadable)?;
        Ok(Self {
            tokens: Tokens::from_bytes(tokens).map_err(|_| Unreadable)?,
            who: serde_json::from_slice(who).map_err(|_| Unreadable)?,
        })
    }
}
