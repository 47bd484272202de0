//! Who may administer.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Digest, Organization, StoreError};

/// Keys of the administration interface.
#[async_trait]
pub trait Access: Send + Sync {
    /// Whether any operator key exists: without one nobody administers (OPS-8).
    async fn has_operator(&self) -> Result<bool, StoreError>;

    /// Adds an operator key if there is none; `false` if there is one.
    async fn add_first_operator(&self, key: ApiKey) -> Result<bool, StoreError>;

    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is a key of this digest.
    async fn add_key(&self, key: ApiKey) -> Result<(), StoreError>;

    /// The key of this digest, and so what it may do.
    async fn key(&self, digest: Digest) -> Result<Option<ApiKey>, StoreError>;

    /// The keys of an organization, oldest first; of operators where `organization` is `None`.
    async fn keys(&self, organization: Option<&Organization>) -> Result<Vec<ApiKey>, StoreError>;

    /// Deletes a key of this role; `false` if there is none.
    async fn remove_key(&self, role: &Role, digest: Digest) -> Result<bool, StoreError>;
}

/// A key of the administration interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// SHA-256 of the key.
    pub digest: Digest,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub label: String,
    /// When it was made.
    pub at: Timestamp,
}

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything, in every organization.
    Operator,
    /// Everything within one organization.
    Administrator(Organization),
}
