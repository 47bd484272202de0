//! Each organization's data key, and sealing with it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use moka::future::Cache;
use std::sync::Arc;
use store::{Organization, Store, StoreError, WrappedKey};
use vault::{DataKey, KeyRing, OpenFault, Place};
use zeroize::Zeroizing;

use crate::ports::{Entropy, Ports};

/// Organizations whose key is held in memory.
const HELD: u64 = 10_000;

/// Why something sealed could not be opened, or a key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store did not give or take the wrapped key.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key is wrapped by a key-encryption key that is not configured, or the value was moved
    /// or altered (SEA-2, SEA-5).
    #[error("could not be opened")]
    Open(#[from] OpenFault),
    /// The value could not be sealed.
    #[error("could not be sealed")]
    Seal,
}

/// Data keys by organization. The only way from sealed bytes to plain ones.
pub(crate) struct Keys {
    ring: KeyRing,
    held: Cache<Organization, Arc<DataKey>>,
}

impl Keys {
    pub(crate) fn new(ring: KeyRing) -> Self {
        Self {
            ring,
            held: Cache::new(HELD),
        }
    }

    /// The organization's data key, made at its first use.
    pub(crate) async fn of(
        &self,
        store: &Store,
        ports: &Ports,
        organization: &Organization,
    ) -> Result<Arc<DataKey>, KeyError> {
        if let Some(key) = self.held.get(organization).await {
            return Ok(key);
        }
        if let Some(key) = self.find(store, organization).await? {
            return Ok(key);
        }
        let made = self.make(ports.entropy.as_ref(), organization)?;
        // If another node is first, its key is the one in use.
        store.keys.add_wrapped_key(organization, made).await?;
        self.find(store, organization).await?.ok_or(KeyError::Seal)
    }

    /// The organization's data key if it has one: for names that come from outside, which must not
    /// make a key by being asked for.
    pub(crate) async fn find(
        &self,
        store: &Store,
        organization: &Organization,
    ) -> Result<Option<Arc<DataKey>>, KeyError> {
        if let Some(key) = self.held.get(organization).await {
            return Ok(Some(key));
        }
        let Some(held) = store
            .keys
            .wrapped_keys(organization)
            .await?
            .into_iter()
            .next()
        else {
            return Ok(None);
        };
        let key = Arc::new(self.ring.unwrap(organization.as_str(), &held.wrapped)?);
        self.held
            .insert(organization.clone(), Arc::clone(&key))
            .await;
        Ok(Some(key))
    }

    fn make(
        &self,
        entropy: &dyn Entropy,
        organization: &Organization,
    ) -> Result<WrappedKey, KeyError> {
        // One name for the first key, so that of two nodes making it only one succeeds.
        let id = "d1";
        let key = DataKey::from_random(id, entropy.bytes()).map_err(|_| KeyError::Seal)?;
        let wrapped = self
            .ring
            .wrap(organization.as_str(), &key, entropy.bytes())
            .map_err(|_| KeyError::Seal)?;
        Ok(WrappedKey {
            id: id.to_owned(),
            wrapped,
        })
    }
}

/// What may be sealed, and where its row is: the associated data of each kind in one place (SEA-2).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sealed<'a> {
    /// PKCE verifier and nonce of an attempt.
    Claim {
        attempt: &'a str,
        connection: &'a str,
    },
    /// Tokens and claims between callback and release.
    Quarantine {
        attempt: &'a str,
        connection: &'a str,
    },
    /// Tokens of a grant.
    Grant { grant: &'a str, connection: &'a str },
    /// A connection's client secret.
    ClientSecret {
        version: &'a str,
        connection: &'a str,
    },
    /// Not sealed at all: what the key of channel tokens is derived for.
    ChannelTokens,
    /// Not sealed at all: what an agent's Direct Line secret is derived for.
    DirectLineSecret { agent: &'a str },
}

impl<'a> Sealed<'a> {
    /// Where the value lives.
    pub(crate) const fn place(self, organization: &'a str) -> Place<'a> {
        let (table, column, row, owner) = match self {
            Self::Claim {
                attempt,
                connection,
            } => ("attempts", "claim", attempt, connection),
            Self::Quarantine {
                attempt,
                connection,
            } => ("quarantine", "sealed", attempt, connection),
            Self::Grant { grant, connection } => ("grants", "sealed", grant, connection),
            Self::ClientSecret {
                version,
                connection,
            } => ("secrets", "client_secret", version, connection),
            Self::ChannelTokens => ("channels", "tokens", "", ""),
            Self::DirectLineSecret { agent } => ("channels", "secret", agent, agent),
        };
        Place {
            organization,
            table,
            column,
            row,
            owner,
        }
    }
}

impl crate::App {
    pub(crate) async fn data_key(
        &self,
        organization: &Organization,
    ) -> Result<Arc<DataKey>, KeyError> {
        self.keys.of(&self.store, &self.ports, organization).await
    }

    pub(crate) async fn seal(
        &self,
        organization: &Organization,
        what: Sealed<'_>,
        plain: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let key = self.data_key(organization).await?;
        key.seal(
            &what.place(organization.as_str()),
            plain,
            self.ports.entropy.bytes(),
        )
        .map_err(|_| KeyError::Seal)
    }

    pub(crate) async fn open(
        &self,
        organization: &Organization,
        what: Sealed<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let key = self.data_key(organization).await?;
        Ok(key.open(&what.place(organization.as_str()), sealed)?)
    }
}

/// A fresh secret of 256 bits, as text for a cookie, a link or a key.
pub(crate) fn secret_text(bytes: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What the store knows such a secret by (SEA-8).
pub(crate) fn digest(secret: &str) -> store::Digest {
    store::Digest(vault::digest(secret.as_bytes()))
}
