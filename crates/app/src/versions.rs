//! Published workspaces, ready to run.

use std::{collections::BTreeMap, sync::Arc};

use store::{Organization, Snapshot, StoreError, Version, VersionId, VersionRow};

use crate::{
    App,
    conversation::MAIN_BRANCH,
    workspace::{self, Agent, Connection},
};

/// Versions that are held compiled.
pub(crate) const HELD: u64 = 1_000;

/// One version of one organization's workspace. Never changes.
#[derive(Debug)]
pub struct Published {
    /// Its id.
    pub id: VersionId,
    /// Whose it is.
    pub name: Organization,
    /// The branch it was published to.
    pub branch: String,
    /// What it says.
    pub organization: workspace::Organization,
}

/// An agent in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRow {
    /// Whose it is.
    pub organization: Organization,
    /// Its name, as it stands in addresses.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its organization's.
    pub organization_title: String,
}

/// Why a version cannot run.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// Nothing is published there, or not by this name.
    #[error("nothing of that name is published")]
    Unknown,
    /// What was published before is refused by this program: it was written for another one.
    #[error("version {0} does not read any more")]
    Unreadable(VersionId),
    /// The store did not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Published {
    /// One of its agents.
    pub fn agent(&self, name: &str) -> Result<&Agent, VersionError> {
        let agents = &self.organization.agents;
        agents.get(name).ok_or(VersionError::Unknown)
    }

    /// One of its connections.
    pub fn connection(&self, code: &str) -> Result<&Connection, VersionError> {
        let connections = &self.organization.connections;
        connections.get(code).ok_or(VersionError::Unknown)
    }
}

impl App {
    /// The version that a turn runs: the session's own, else the branch's active one (SGN-6).
    pub(crate) async fn published_for(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Arc<Published>, VersionError> {
        let conversation = &snapshot.conversation;
        match &snapshot.session {
            Some(session) => {
                self.version(&conversation.organization, session.version)
                    .await
            }
            None => {
                self.active(&conversation.organization, &conversation.branch)
                    .await
            }
        }
    }

    /// What new sessions of a branch begin with.
    pub async fn active(
        &self,
        organization: &Organization,
        branch: &str,
    ) -> Result<Arc<Published>, VersionError> {
        let active = self.store.versions.active(organization, branch).await?;
        let row = active.ok_or(VersionError::Unknown)?;
        self.compiled(row).await
    }

    /// Every agent of the main branch, for whoever looks around.
    pub async fn agents(&self) -> Result<Vec<AgentRow>, VersionError> {
        let mut rows = Vec::new();
        for active in self.store.versions.organizations().await? {
            if active.branch != MAIN_BRANCH {
                continue;
            }
            let published = self.version(&active.organization, active.version).await?;
            rows.extend(
                published
                    .organization
                    .agents
                    .values()
                    .map(|agent| AgentRow {
                        organization: active.organization.clone(),
                        name: agent.settings.name.clone(),
                        title: agent.settings.title.clone(),
                        organization_title: published.organization.settings.title.clone(),
                    }),
            );
        }
        Ok(rows)
    }

    /// What an organization published, the newest first.
    pub async fn history(
        &self,
        organization: &Organization,
        limit: u32,
    ) -> Result<Vec<VersionRow>, StoreError> {
        self.store.versions.history(organization, limit).await
    }

    /// One version.
    pub(crate) async fn version(
        &self,
        organization: &Organization,
        id: VersionId,
    ) -> Result<Arc<Published>, VersionError> {
        if let Some(held) = self.versions.get(&(organization.clone(), id)).await {
            return Ok(held);
        }
        let stored = self.store.versions.version(organization, id).await?;
        let stored = stored.ok_or(VersionError::Unknown)?;
        self.compiled(stored).await
    }

    async fn compiled(&self, stored: Version) -> Result<Arc<Published>, VersionError> {
        let Version { row, files } = stored;
        let id = row.id;
        let key = (row.organization.clone(), id);
        if let Some(held) = self.versions.get(&key).await {
            return Ok(held);
        }
        let unreadable = || VersionError::Unreadable(id);
        let files: BTreeMap<String, String> = files.read().map_err(|_| unreadable())?;
        let files: Vec<(String, String)> = files.into_iter().collect();
        let mut read = workspace::read(&files, &self.settings.rules()).map_err(|_| unreadable())?;
        let inside = read.organizations.remove(row.organization.as_str());
        let published = Arc::new(Published {
            id,
            name: row.organization,
            branch: row.branch,
            organization: inside.ok_or_else(unreadable)?,
        });
        self.versions.insert(key, Arc::clone(&published)).await;
        Ok(published)
    }
}
