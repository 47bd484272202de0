//! Sign-in attempts, from the link to the proof.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{AttemptId, ConversationId, Digest, Json, Organization, SessionId, StoreError};

/// Sign-in attempts.
///
/// ```text
/// open -- claim --> claimed -- consume --> exchanging -- quarantine --> quarantined -- release --> released
///   \__________________\___________________\____________________________\______ fail _____________> failed
/// ```
///
/// Every arrow is one conditional update: of many callers exactly one is answered `true`. Opening and
/// releasing belong to a turn, hence to [`Conversations::commit`](crate::Conversations::commit).
#[async_trait]
pub trait SignIns: Send + Sync {
    /// The attempt of this link, of any organization.
    async fn by_link(&self, link: Digest) -> Result<Option<Attempt>, StoreError>;

    /// The attempt that was claimed with this `state` parameter, if it was at this connection (TEN-6).
    async fn by_state(
        &self,
        organization: &Organization,
        connection: &str,
        state: Digest,
    ) -> Result<Option<Attempt>, StoreError>;

    /// One attempt.
    async fn load(
        &self,
        organization: &Organization,
        id: AttemptId,
    ) -> Result<Option<Attempt>, StoreError>;

    /// Binds an open attempt to the browser that pressed the button (PHI-7): open to claimed. The same
    /// browser, as its cookie shows, may set out once more: only its last way out counts.
    ///
    /// `false` if another browser was first, the attempt is finished, or its deadline is not after
    /// `claim.at`. The deadline stays as it is.
    async fn claim(
        &self,
        organization: &Organization,
        id: AttemptId,
        claim: Claim,
    ) -> Result<bool, StoreError>;

    /// Takes the provider's answer, before its code is sent anywhere (BND-2): claimed to exchanging.
    ///
    /// `false` if it was taken before, the attempt is finished, or its deadline is not after `now`
    /// (BND-3): do nothing.
    async fn consume(
        &self,
        organization: &Organization,
        id: AttemptId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Puts what the code was exchanged for where no grant is read (PHI-10): exchanging to quarantined.
    ///
    /// `false` if the attempt has failed meanwhile: revoke the tokens.
    async fn quarantine(
        &self,
        organization: &Organization,
        id: AttemptId,
        quarantine: Quarantine,
    ) -> Result<bool, StoreError>;

    /// What a quarantined or discarded attempt holds.
    async fn quarantined(
        &self,
        organization: &Organization,
        id: AttemptId,
    ) -> Result<Option<Quarantined>, StoreError>;

    /// Counts one try to type the code, before the code is compared (PHI-8). How many there were, this
    /// one included.
    ///
    /// `None` if there were `limit` before, no code is awaited, or the deadline is not after `now`: refuse
    /// without comparing.
    async fn count_try(
        &self,
        organization: &Organization,
        id: AttemptId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, StoreError>;

    /// Ends an attempt without a grant, if it is in one of the states `from`.
    ///
    /// What it has in quarantine stays there until [`discard`](Self::discard).
    async fn fail(
        &self,
        organization: &Organization,
        id: AttemptId,
        from: &[AttemptState],
        reason: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Attempts of all organizations that have been exchanging since before `before`: those that a crash
    /// cut off. Their code must not be sent again; they fail.
    async fn unfinished_exchanges(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Attempt>, StoreError>;

    /// Unfinished attempts of all organizations whose deadline is not after `now`, the earliest first.
    async fn overdue(&self, now: Timestamp, limit: u32) -> Result<Vec<Attempt>, StoreError>;

    /// What failed attempts of all organizations left in quarantine. Revoke it at the provider, then
    /// [`discard`](Self::discard) it.
    async fn discarded(&self, limit: u32) -> Result<Vec<Quarantined>, StoreError>;

    /// Deletes what a failed attempt left in quarantine; `false` if there is nothing, or it has not failed.
    async fn discard(&self, organization: &Organization, id: AttemptId)
    -> Result<bool, StoreError>;
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// The link was offered.
    Open,
    /// One browser has pressed the button and is at the provider.
    Claimed,
    /// The provider has answered; its code is being exchanged.
    Exchanging,
    /// Tokens are there, the proof is not.
    Quarantined,
    /// It led to a grant.
    Released,
    /// It led to nothing; `Attempt::reason` says why.
    Failed,
}

impl AttemptState {
    /// Every state in which an attempt can still come to something.
    pub const UNFINISHED: [Self; 4] = [
        Self::Open,
        Self::Claimed,
        Self::Exchanging,
        Self::Quarantined,
    ];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Exchanging => "exchanging",
            Self::Quarantined => "quarantined",
            Self::Released => "released",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing can come of it any more.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Released | Self::Failed)
    }
}

impl fmt::Display for AttemptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An attempt that begins with the offer of its link.
#[derive(Clone, Debug)]
pub struct NewAttempt {
    /// Its id.
    pub id: AttemptId,
    /// The session that asks.
    pub session: SessionId,
    /// The run of the step that asks.
    pub run: u64,
    /// The connection to sign in to.
    pub connection: String,
    /// What the link holds.
    pub link: Digest,
    /// When it ends by itself (TMO-1).
    pub deadline: Timestamp,
    /// What the pages need to know; the store does not read it.
    pub details: Json,
}

/// An attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Whose it is.
    pub organization: Organization,
    /// The conversation that asks.
    pub conversation: ConversationId,
    /// The session that asks.
    pub session: SessionId,
    /// The run of the step that asks.
    pub run: u64,
    /// The connection to sign in to.
    pub connection: String,
    /// What the link holds.
    pub link: Digest,
    /// When it was made.
    pub at: Timestamp,
    /// When it ends by itself.
    pub deadline: Timestamp,
    /// Where it stands.
    pub state: AttemptState,
    /// What the pages need to know.
    pub details: Json,
    /// Who claimed it, and with what.
    pub claim: Option<Claim>,
    /// How often a code was typed.
    pub tries: u32,
    /// Why it failed, as a stable code.
    pub reason: Option<String>,
}

/// One browser's way to the provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The attempt's cookie in that browser (BND-4).
    pub cookie: Digest,
    /// The `state` parameter (BND-1).
    pub state: Digest,
    /// PKCE verifier and nonce, sealed (BND-5).
    pub sealed: Vec<u8>,
    /// The redirect address, byte for byte as it was sent (BND-8).
    pub redirect_uri: String,
    /// The issuer that must answer; `None` for a plain OAuth 2.0 server (MIX-1).
    pub issuer: Option<String>,
    /// When the browser pressed the button.
    pub at: Timestamp,
}

/// Tokens that wait for the proof.
#[derive(Clone, Debug)]
pub struct Quarantine {
    /// The tokens, sealed for the attempt's row.
    pub sealed: Vec<u8>,
    /// Who signed in, as the release will need it; sealed parts are the caller's matter.
    pub identity: Json,
    /// The code that the finished page shows, as a keyed digest (PHI-8); `None` where none is asked for.
    pub code: Option<Digest>,
    /// When the exchange was done.
    pub at: Timestamp,
}

/// What is in quarantine for an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Quarantined {
    /// Whose it is.
    pub organization: Organization,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its connection.
    pub connection: String,
    /// The tokens, sealed for the attempt's row.
    pub sealed: Vec<u8>,
    /// Who signed in.
    pub identity: Json,
    /// The code that must be typed.
    pub code: Option<Digest>,
    /// When the exchange was done.
    pub at: Timestamp,
}
