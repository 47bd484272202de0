//! Who may administer: keys, and what they permit.

use secrecy::{ExposeSecret as _, SecretString};
use store::{ApiKey, Organization, Role, StoreError};

use crate::{
    App,
    keys::{digest, secret_text},
};

/// Every key of ours begins so, to be found by scanners of leaked secrets.
const PREFIX: &str = "usher_";

/// Whoever a request comes from, as its key shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    role: Role,
    label: String,
}

impl Principal {
    /// The operator of this process, for what it publishes itself when it starts.
    pub fn operator(label: &str) -> Self {
        Self {
            role: Role::Operator,
            label: label.to_owned(),
        }
    }

    /// Whether they run the installation.
    pub fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    /// Whether they may change things of this organization.
    pub fn may_administer(&self, organization: &Organization) -> bool {
        match &self.role {
            Role::Operator => true,
            Role::Administrator(own) => own == organization,
        }
    }

    /// What people call their key.
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl App {
    /// Who holds this key; `None`: nobody.
    pub async fn principal(&self, key: &str) -> Result<Option<Principal>, StoreError> {
        let held = self.store.access.key(digest(key)).await?;
        Ok(held.map(|held| Principal {
            role: held.role,
            label: held.label,
        }))
    }

    /// Makes the operator's key known. An installation without one grants no administration
    /// (OPS-8).
    pub async fn admit_operator(&self, key: &SecretString) -> Result<(), StoreError> {
        let key = ApiKey {
            digest: digest(key.expose_secret()),
            role: Role::Operator,
            label: "operator (settings)".to_owned(),
            at: self.ports.clock.now(),
        };
        match self.store.access.add_key(key).await {
            // Known since an earlier start.
            Err(StoreError::Conflict) => Ok(()),
            done => done,
        }
    }

    /// Makes the first operator key, if there is none at all; to be shown once.
    pub async fn first_operator_key(&self) -> Result<Option<SecretString>, StoreError> {
        let text = self.new_key();
        let key = ApiKey {
            digest: digest(text.expose_secret()),
            role: Role::Operator,
            label: "operator (first start)".to_owned(),
            at: self.ports.clock.now(),
        };
        let added = self.store.access.add_first_operator(key).await?;
        Ok(added.then_some(text))
    }

    /// Makes a key for an organization's own administrators; to be shown once.
    pub async fn organization_key(
        &self,
        organization: &Organization,
        label: &str,
    ) -> Result<SecretString, StoreError> {
        let text = self.new_key();
        let key = ApiKey {
            digest: digest(text.expose_secret()),
            role: Role::Administrator(organization.clone()),
            label: label.to_owned(),
            at: self.ports.clock.now(),
        };
        self.store.access.add_key(key).await?;
        Ok(text)
    }

    fn new_key(&self) -> SecretString {
        let bytes = self.ports.entropy.bytes();
        SecretString::from(format!("{PREFIX}{}", secret_text(bytes)))
    }
}
