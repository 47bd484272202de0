//! Publishing a workspace: all of it is checked, then it is live, or nothing is (CFG-9).

use std::collections::BTreeMap;

use oauth::Rules;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use store::{Digest, Json, NewVersion, Organization, SealedSecret, StoreError, VersionId};

use crate::{
    App,
    access::Principal,
    connections::{CLIENT_SECRET, Connections},
    keys::{KeyError, Sealed},
    workspace::{self, Connection, Mistake, Workspace, connection::Provider},
};

/// A folder, as its publisher's machine sends it.
pub struct Folder {
    /// Path below the folder, and text.
    pub files: Vec<(String, String)>,
    /// What the references of its connections resolved to.
    pub secrets: Vec<ResolvedSecret>,
}

/// A client secret, as the publisher's machine found it.
pub struct ResolvedSecret {
    /// The organization.
    pub organization: String,
    /// The connection.
    pub connection: String,
    /// The secret.
    pub secret: SecretString,
}

/// What became of one organization of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The organization.
    pub organization: Organization,
    /// The version that its branch points to now.
    pub version: VersionId,
    /// Whether that is a new one.
    pub changed: bool,
}

/// What publishing came to.
#[derive(Debug)]
pub struct Report {
    /// One entry an organization.
    pub outcomes: Vec<Outcome>,
    /// What is allowed, and unwise.
    pub warnings: Vec<Mistake>,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The folder is wrong; all of what is.
    #[error("the workspace has {} mistakes", .0.len())]
    Mistakes(Vec<Mistake>),
    /// The key does not permit it.
    #[error("this key may not publish organization `{organization}`: {why}")]
    Forbidden {
        /// The organization.
        organization: String,
        /// What it would take.
        why: &'static str,
    },
    /// The branch's name does not fit an address.
    #[error("a branch has 1 to 63 lower-case letters, digits and inner hyphens")]
    Branch,
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret could not be sealed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The files have no JSON form.
    #[error(transparent)]
    Json(#[from] store::NotJson),
}

impl App {
    /// Publishes `folder` to `branch`.
    ///
    /// Connections that are new or changed are tried out: metadata that are wrong are refused with
    /// the reason (CFG-1). Publishing what is live already makes no new version.
    pub async fn publish(
        &self,
        principal: &Principal,
        branch: &str,
        folder: &Folder,
    ) -> Result<Report, PublishError> {
        Organization::parse(branch).map_err(|_| PublishError::Branch)?;
        let rules = self.settings.rules();
        let workspace = workspace::read(&folder.files, &rules).map_err(PublishError::Mistakes)?;
        permit(principal, &workspace)?;
        let mut prepared = Vec::new();
        let mut mistakes = missing_secrets(&workspace, folder);
        for (name, inside) in &workspace.organizations {
            let organization = Organization::parse(name).map_err(|_| PublishError::Branch)?;
            mistakes.extend(self.try_out(&organization, branch, inside).await?);
            prepared.push(organization);
        }
        if !mistakes.is_empty() {
            return Err(PublishError::Mistakes(mistakes));
        }
        let mut outcomes = Vec::new();
        for organization in prepared {
            outcomes.push(
                self.store_version(principal, branch, folder, organization)
                    .await?,
            );
        }
        Ok(Report {
            outcomes,
            warnings: workspace.warnings,
        })
    }

    /// Fetches the metadata of every connection that is not live like this already.
    async fn try_out(
        &self,
        organization: &Organization,
        branch: &str,
        inside: &workspace::Organization,
    ) -> Result<Vec<Mistake>, StoreError> {
        let live = self.active(organization, branch).await.ok();
        let mut mistakes = Vec::new();
        for (code, connection) in &inside.connections {
            let known = live.as_ref().and_then(|live| live.connection(code).ok());
            if known.is_some_and(|known| known.provider == connection.provider) {
                continue;
            }
            mistakes.extend(self.try_provider(organization, connection).await);
        }
        Ok(mistakes)
    }

    async fn try_provider(
        &self,
        organization: &Organization,
        connection: &Connection,
    ) -> Option<Mistake> {
        let rules: Rules = self.settings.rules();
        // Not the cache in use: what is tried out here is not live yet.
        let fetched = Connections::new()
            .provider(&self.ports, rules, organization, connection)
            .await;
        let key = match connection.provider {
            Provider::Discovery(_) => "discovery",
            Provider::Endpoints(_) => "endpoints",
        };
        let error = fetched.err()?;
        let reason = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ");
        Some(Mistake {
            file: format!(
                "organizations/{organization}/connections/{}.yaml",
                connection.code
            ),
            line: 1,
            column: 1,
            message: format!("`{key}` does not lead to a usable provider: {reason}"),
            hint: None,
        })
    }

    async fn store_version(
        &self,
        principal: &Principal,
        branch: &str,
        folder: &Folder,
        organization: Organization,
    ) -> Result<Outcome, PublishError> {
        let files = files_of(folder, &organization);
        let digest = digest(&files);
        let live = self.store.versions.active(&organization, branch).await?;
        if let Some(live) = live.filter(|live| live.row.digest == digest)
            && self
                .same_secrets(folder, &organization, live.row.id)
                .await?
        {
            return Ok(Outcome {
                organization,
                version: live.row.id,
                changed: false,
            });
        }
        let now = self.ports.clock.now();
        let id = VersionId::new(now, self.ports.entropy.bytes());
        let secrets = self.seal_secrets(folder, &organization, id).await?;
        self.store
            .versions
            .publish(NewVersion {
                id,
                organization: organization.clone(),
                branch: branch.to_owned(),
                files: Json::of(&files)?,
                digest,
                published_by: principal.label().to_owned(),
                at: now,
                secrets,
            })
            .await?;
        Ok(Outcome {
            organization,
            version: id,
            changed: true,
        })
    }

    /// A secret that was replaced makes a new version, like any other change.
    async fn same_secrets(
        &self,
        folder: &Folder,
        organization: &Organization,
        live: VersionId,
    ) -> Result<bool, PublishError> {
        for came in secrets_of(folder, organization) {
            let connection = &came.connection;
            let versions = &self.store.versions;
            let held = versions
                .secret(organization, live, connection, CLIENT_SECRET)
                .await?;
            let Some(held) = held else { return Ok(false) };
            let place = Sealed::ClientSecret {
                version: &live.to_string(),
                connection,
            };
            let held = self.open(organization, place, &held).await?;
            if held.as_slice() != came.secret.expose_secret().as_bytes() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn seal_secrets(
        &self,
        folder: &Folder,
        organization: &Organization,
        version: VersionId,
    ) -> Result<Vec<SealedSecret>, KeyError> {
        let version = version.to_string();
        let mut sealed = Vec::new();
        for secret in secrets_of(folder, organization) {
            let place = Sealed::ClientSecret {
                version: &version,
                connection: &secret.connection,
            };
            let plain = secret.secret.expose_secret().as_bytes();
            sealed.push(SealedSecret {
                connection: secret.connection.clone(),
                name: CLIENT_SECRET.to_owned(),
                sealed: self.seal(organization, place, plain).await?,
            });
        }
        Ok(sealed)
    }
}

fn permit(principal: &Principal, workspace: &Workspace) -> Result<(), PublishError> {
    for name in workspace.organizations.keys() {
        let permitted = Organization::parse(name).is_ok_and(|own| principal.may_administer(&own));
        if !permitted {
            return Err(PublishError::Forbidden {
                organization: name.clone(),
                why: "it belongs to another organization",
            });
        }
    }
    match workspace.needing_operator().next() {
        Some(name) if !principal.is_operator() => Err(PublishError::Forbidden {
            organization: name.to_owned(),
            why: "only an operator may turn on group matching",
        }),
        _ => Ok(()),
    }
}

fn missing_secrets(workspace: &Workspace, folder: &Folder) -> Vec<Mistake> {
    let came = |organization: &str, connection: &str| {
        folder
            .secrets
            .iter()
            .any(|secret| secret.organization == organization && secret.connection == connection)
    };
    workspace::secret_refs(workspace)
        .into_iter()
        .filter(|(organization, connection, _)| !came(organization, connection))
        .map(|(organization, connection, _)| Mistake {
            file: format!("organizations/{organization}/connections/{connection}.yaml"),
            line: 1,
            column: 1,
            message: "its `client_secret` did not come with the workspace".to_owned(),
            hint: Some("publish with `usher apply`, which resolves it".to_owned()),
        })
        .collect()
}

fn files_of<'a>(folder: &'a Folder, organization: &Organization) -> BTreeMap<&'a str, &'a str> {
    let below = format!("organizations/{organization}/");
    folder
        .files
        .iter()
        .filter(|(path, _)| path.starts_with(&below))
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect()
}

fn secrets_of<'a>(
    folder: &'a Folder,
    organization: &'a Organization,
) -> impl Iterator<Item = &'a ResolvedSecret> {
    folder
        .secrets
        .iter()
        .filter(|secret| secret.organization == organization.as_str())
}

/// Of the files only: a secret has no digest, since it may be a guessable one (SEA-1).
fn digest(files: &BTreeMap<&str, &str>) -> Digest {
    let mut hash = Sha256::new();
    let mut put = |part: &str| {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    };
    for (path, text) in files {
        put(path);
        put(text);
    }
    Digest(hash.finalize().into())
}
