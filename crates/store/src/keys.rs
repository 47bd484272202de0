//! Wrapped data keys.

use async_trait::async_trait;

use crate::{Organization, StoreError};

/// Data keys of organizations, wrapped by a key that the store never sees (SEA-3).
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The keys of an organization, oldest first.
    async fn wrapped_keys(
        &self,
        organization: &Organization,
    ) -> Result<Vec<WrappedKey>, StoreError>;

    /// Adds a key; `false` if there is one of this id: use that one.
    async fn add_wrapped_key(
        &self,
        organization: &Organization,
        key: WrappedKey,
    ) -> Result<bool, StoreError>;

    /// Puts a key wrapped anew in the place of the same key; `false` if there is none of this id.
    async fn rewrap_key(
        &self,
        organization: &Organization,
        key: WrappedKey,
    ) -> Result<bool, StoreError>;

    /// Deletes all keys of an organization, which makes what they sealed unreadable, in backups too
    /// (SEA-6). How many there were.
    async fn forget_keys(&self, organization: &Organization) -> Result<u64, StoreError>;
}

/// A data key.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// What sealed values call it.
    pub id: String,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
}

impl std::fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WrappedKey({})", self.id)
    }
}
