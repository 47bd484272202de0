//! Sealed tokens that a session may use.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{ConversationId, Digest, GrantId, Json, Organization, SessionId, StoreError};

/// Grants. They are made in one way only, by [`Release`](crate::Release) within a commit.
#[async_trait]
pub trait Grants: Send + Sync {
    /// One grant.
    async fn load(
        &self,
        organization: &Organization,
        id: GrantId,
    ) -> Result<Option<Grant>, StoreError>;

    /// What other conversations of the same browser hold, the newest first: for connections that share
    /// their grants between a person's conversations (TOK-1). Which connections do is the caller's to know.
    async fn of_browser(
        &self,
        organization: &Organization,
        browser: Digest,
    ) -> Result<Vec<GrantMeta>, StoreError>;

    /// Overwrites the tokens by refreshed ones, if the grant still is at version `expected` (RTR-2). The
    /// new version is the next number.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another refresh was first or the grant is gone: load it again.
    async fn replace(
        &self,
        organization: &Organization,
        id: GrantId,
        expected: i64,
        seal: NewSeal,
    ) -> Result<(), StoreError>;

    /// Deletes a grant; `false` if it is gone already.
    async fn remove(&self, organization: &Organization, id: GrantId) -> Result<bool, StoreError>;
}

/// A grant.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Whose it is.
    pub organization: Organization,
    /// The conversation whose person signed in.
    pub conversation: ConversationId,
    /// The session that may use it.
    pub session: SessionId,
    /// The connection it was given by.
    pub connection: String,
    /// How often it was replaced, from 1 on.
    pub version: i64,
    /// The tokens, sealed for this row.
    pub sealed: Vec<u8>,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// Which proofs held when it was released (PHI-1).
    pub proofs: Json,
    /// When it was released.
    pub at: Timestamp,
}

/// A grant, as a turn needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantMeta {
    /// Its id.
    pub id: GrantId,
    /// The connection it was given by.
    pub connection: String,
    /// When its access token expires.
    pub expires_at: Timestamp,
}

/// Refreshed tokens.
#[derive(Clone, Debug)]
pub struct NewSeal {
    /// The tokens, sealed for the grant's row.
    pub sealed: Vec<u8>,
    /// When the access token expires.
    pub expires_at: Timestamp,
}
