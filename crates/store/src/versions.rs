//! Published workspaces.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Digest, Json, Organization, StoreError, VersionId};

/// Published workspaces. A version never changes; publishing points its branch to it.
#[async_trait]
pub trait Versions: Send + Sync {
    /// Stores a version with its secrets and makes it the active one of its branch, all at once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is a version of this id.
    async fn publish(&self, new: NewVersion) -> Result<(), StoreError>;

    /// The version that new sessions of this branch begin with.
    async fn active(
        &self,
        organization: &Organization,
        branch: &str,
    ) -> Result<Option<Version>, StoreError>;

    /// One version.
    async fn version(
        &self,
        organization: &Organization,
        id: VersionId,
    ) -> Result<Option<Version>, StoreError>;

    /// One secret of a version, sealed.
    async fn secret(
        &self,
        organization: &Organization,
        version: VersionId,
        connection: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, StoreError>;

    /// The active version of every branch of every organization, by organization and branch.
    async fn organizations(&self) -> Result<Vec<ActiveVersion>, StoreError>;

    /// What an organization published, the newest first, `limit` at most, without the files.
    async fn history(
        &self,
        organization: &Organization,
        limit: u32,
    ) -> Result<Vec<VersionRow>, StoreError>;
}

/// A workspace to publish.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// Its id.
    pub id: VersionId,
    /// Whose it is.
    pub organization: Organization,
    /// The branch that it is for.
    pub branch: String,
    /// The files: an object of path and text.
    pub files: Json,
    /// SHA-256 of the files, so that the same workspace can be told.
    pub digest: Digest,
    /// Who published it, as the monitor shows it.
    pub published_by: String,
    /// When.
    pub at: Timestamp,
    /// The secrets that its connections use.
    pub secrets: Vec<SealedSecret>,
}

/// A secret of a connection.
#[derive(Clone, Debug)]
pub struct SealedSecret {
    /// The connection.
    pub connection: String,
    /// What the secret is called, such as `client_secret`.
    pub name: String,
    /// The secret, sealed for this row.
    pub sealed: Vec<u8>,
}

/// A published workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// What is known about it.
    pub row: VersionRow,
    /// The files: an object of path and text.
    pub files: Json,
}

/// A published workspace, without its files.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRow {
    /// Its id.
    pub id: VersionId,
    /// Whose it is.
    pub organization: Organization,
    /// The branch that it was published for.
    pub branch: String,
    /// SHA-256 of the files.
    pub digest: Digest,
    /// Who published it.
    pub published_by: String,
    /// When.
    pub at: Timestamp,
}

/// Where a branch points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveVersion {
    /// The organization.
    pub organization: Organization,
    /// Its branch.
    pub branch: String,
    /// What new sessions begin with.
    pub version: VersionId,
}
