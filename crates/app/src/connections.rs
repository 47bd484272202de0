//! A connection in use: its provider's metadata and keys, fetched when needed and held since.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use jose::{Alg, KeySet, sign::SigningKey};
use moka::future::Cache;
use oauth::{
    Misbehavior, Provider, Rules,
    client::{Client, ClientAuth},
    discovery,
    id_token::Expected,
    keys::{self, Decision, KeyCache, Want},
    token::Caller,
};
use secrecy::{ExposeSecret as _, SecretString};
use store::{Organization, StoreError};
use tokio::sync::Mutex;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    App,
    drive::{DriveError, drive},
    keys::{KeyError, Sealed},
    ports::{Limits, Ports},
    versions::Published,
    workspace::{
        Connection,
        connection::{self, ClientAuth as Way},
    },
};

/// How long metadata is believed (MIX-6).
const METADATA_FRESH: SignedDuration = SignedDuration::from_hours(24);
/// Connections whose provider is held in memory.
const HELD: u64 = 10_000;

/// Why a connection is not usable at this moment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistrationError {
    /// The version has no such connection, or its secret is gone (SGN-3).
    #[error("no such connection")]
    NoConfiguration,
    /// The provider's metadata could not be had, or are no good.
    #[error(transparent)]
    Provider(#[from] DriveError),
    /// The client secret could not be opened.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The client secret could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an ID token was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unverified {
    /// It fails a check.
    #[error(transparent)]
    Refused(Misbehavior),
    /// There are no keys to check it with (JWK-6).
    #[error("the provider's keys cannot be had")]
    NoKeys,
}

/// Our registration at a connection's provider, ready for use.
pub(crate) struct Registration {
    published: Arc<Published>,
    connection: String,
    pub(crate) provider: Arc<Provider>,
    pub(crate) client: Client,
    algs: Vec<Alg>,
    /// The key of `HS*` connections (JWT-6).
    secret: Option<SecretString>,
}

/// One provider as one connection knows it. The organization and the connection are part of every
/// key, so that nothing learned for one serves another (TEN-3, JWK-8).
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    organization: Organization,
    connection: String,
    address: String,
}

/// What is known of the providers in use.
pub(crate) struct Connections {
    metadata: Cache<Key, Arc<Mutex<Option<Metadata>>>>,
    keys: Cache<Key, Arc<Mutex<KeyCache>>>,
}

struct Metadata {
    provider: Arc<Provider>,
    fetched: Timestamp,
}

impl Connections {
    pub(crate) fn new() -> Self {
        Self {
            metadata: Cache::new(HELD),
            keys: Cache::new(HELD),
        }
    }

    /// The provider of `connection`; concurrent callers share one fetch.
    pub(crate) async fn provider(
        &self,
        ports: &Ports,
        rules: Rules,
        organization: &Organization,
        connection: &Connection,
    ) -> Result<Arc<Provider>, DriveError> {
        let address = match &connection.provider {
            connection::Provider::Discovery(address) => address,
            connection::Provider::Endpoints(typed) => {
                return Ok(Arc::new(Provider::from_endpoints(typed, &rules)?));
            }
        };
        let slot = self
            .metadata
            .get_with(key(organization, connection, address), async {
                Arc::default()
            })
            .await;
        let mut slot = slot.lock().await;
        let now = ports.clock.now();
        if let Some(held) = slot.as_ref()
            && now.duration_since(held.fetched) < METADATA_FRESH
        {
            return Ok(Arc::clone(&held.provider));
        }
        let provider = Arc::new(drive(ports, discovery::begin(address, &rules)?).await?);
        *slot = Some(Metadata {
            provider: Arc::clone(&provider),
            fetched: now,
        });
        Ok(provider)
    }

    async fn cache(
        &self,
        organization: &Organization,
        connection: &Connection,
        address: &Url,
    ) -> Arc<Mutex<KeyCache>> {
        let key = key(organization, connection, address.as_str());
        let fresh = async { Arc::new(Mutex::new(KeyCache::new(address.clone()))) };
        self.keys.get_with(key, fresh).await
    }
}

fn key(organization: &Organization, connection: &Connection, address: &str) -> Key {
    Key {
        organization: organization.clone(),
        connection: connection.code.clone(),
        address: address.to_owned(),
    }
}

impl Registration {
    /// Whose connection it is.
    pub(crate) fn organization(&self) -> &Organization {
        &self.published.name
    }

    /// What the workspace says of the connection.
    pub(crate) fn settings(&self) -> &Connection {
        &self.published.organization.connections[self.connection.as_str()]
    }

    /// For one try at an endpoint of the provider.
    pub(crate) fn caller<'a>(&'a self, ports: &Ports) -> Caller<'a> {
        Caller {
            provider: &self.provider,
            client: &self.client,
            seed: ports.entropy.bytes(),
            now: ports.clock.now(),
        }
    }

    /// What an ID token of this connection must be; `None` for a bare OAuth server.
    pub(crate) fn expected<'a>(&'a self, access_token: Option<&'a str>) -> Option<Expected<'a>> {
        Some(Expected {
            trusted_audiences: &self.settings().trusted_audiences,
            algs: &self.algs,
            access_token,
            ..Expected::of(&self.provider, &self.client.id)?
        })
    }
}

impl App {
    /// The registration of a connection of this version.
    pub(crate) async fn registration(
        &self,
        published: &Arc<Published>,
        connection: &str,
    ) -> Result<Registration, RegistrationError> {
        let settings = published
            .connection(connection)
            .map_err(|_| RegistrationError::NoConfiguration)?;
        let provider = self
            .connections
            .provider(
                &self.ports,
                self.settings.rules(),
                &published.name,
                settings,
            )
            .await?;
        let secret = self.client_secret(published, settings).await?;
        let auth = client_auth(settings.client_auth, secret.clone());
        let client = Client {
            id: settings.client_id.clone(),
            auth: auth.ok_or(RegistrationError::NoConfiguration)?,
        };
        let algs = settings.algorithms.as_ref();
        Ok(Registration {
            published: Arc::clone(published),
            connection: connection.to_owned(),
            algs: algs.unwrap_or(&provider.id_token_algs).clone(),
            provider,
            client,
            secret,
        })
    }

    async fn client_secret(
        &self,
        published: &Published,
        connection: &Connection,
    ) -> Result<Option<SecretString>, RegistrationError> {
        let sealed = self
            .store
            .versions
            .secret(
                &published.name,
                published.id,
                &connection.code,
                CLIENT_SECRET,
            )
            .await?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let place = Sealed::ClientSecret {
            version: &published.id.to_string(),
            connection: &connection.code,
        };
        let plain = self.open(&published.name, place, &sealed).await?;
        let text = std::str::from_utf8(&plain).map_err(|_| KeyError::Seal)?;
        Ok(Some(SecretString::from(text)))
    }

    /// Runs `check` with the connection's keys, and once more with newer ones where that may help
    /// (JWK-4).
    pub(crate) async fn with_keys<T>(
        &self,
        registration: &Registration,
        id_token: &str,
        check: impl Fn(&KeySet) -> Result<T, Misbehavior>,
    ) -> Result<T, Unverified> {
        if let Some(keys) = registration.hmac_keys() {
            return check(&keys).map_err(Unverified::Refused);
        }
        let address = registration.provider.jwks_uri.as_ref();
        let address = address.ok_or(Unverified::NoKeys)?;
        let cache = self
            .connections
            .cache(
                registration.organization(),
                registration.settings(),
                address,
            )
            .await;
        let keys = self
            .keys_from(&cache, Want::Any)
            .await
            .ok_or(Unverified::NoKeys)?;
        match check(&keys) {
            Err(refusal) if refusal.wants_fresh_keys() => {
                let kid = keys::kid_of(id_token);
                let newer = Want::Newer {
                    than: &keys,
                    kid: kid.as_deref(),
                };
                match self.keys_from(&cache, newer).await {
                    Some(newer) => check(&newer).map_err(Unverified::Refused),
                    None => Err(Unverified::Refused(refusal)),
                }
            }
            checked => checked.map_err(Unverified::Refused),
        }
    }

    /// `None` when there are no such keys to be had now. Whoever fetches holds the lock, so that
    /// all who want the same keys share one fetch.
    async fn keys_from(&self, cache: &Mutex<KeyCache>, want: Want<'_>) -> Option<Arc<KeySet>> {
        let mut cache = cache.lock().await;
        loop {
            match cache.decide(self.ports.clock.now(), want) {
                Decision::Use(keys) => return Some(keys),
                Decision::Stay | Decision::Unavailable { .. } | Decision::Join => return None,
                Decision::Fetch(request) => {
                    let limits = Limits::of(request.purpose);
                    let answer = self.ports.http.send(request, limits).await;
                    let now = self.ports.clock.now();
                    match answer {
                        Ok(answer) => {
                            if let Err(error) = cache.received(&answer, now) {
                                tracing::warn!(address = %cache.address(), %error, "unusable keys");
                            }
                        }
                        Err(_) => cache.failed(now),
                    }
                }
            }
        }
    }
}

impl Registration {
    fn hmac_keys(&self) -> Option<KeySet> {
        let hmac = !self.algs.is_empty() && self.algs.iter().all(|alg| alg.is_symmetric());
        let secret = self.secret.as_ref().filter(|_| hmac)?;
        Some(KeySet::from_secret(secret.expose_secret().as_bytes()))
    }
}

/// The name of a connection's secret in the store.
pub(crate) const CLIENT_SECRET: &str = "client_secret";

/// `None` if the way wants a secret and there is none, or the key does not read.
fn client_auth(way: Way, secret: Option<SecretString>) -> Option<ClientAuth> {
    Some(match way {
        Way::None => ClientAuth::None,
        Way::Basic => ClientAuth::Basic(secret?),
        Way::Post => ClientAuth::Post(secret?),
        Way::PrivateKeyJwt => ClientAuth::PrivateKeyJwt(private_key(&secret?)?),
    })
}

/// A PKCS #8 key in PEM, of whichever kind it is. Its key id is its thumbprint's place-holder: the
/// provider finds the key by trying those that are registered.
fn private_key(pem: &SecretString) -> Option<SigningKey> {
    let body: Zeroizing<String> = pem
        .expose_secret()
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .map(str::trim)
        .collect::<String>()
        .into();
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
    [Alg::RS256, Alg::ES256, Alg::EdDSA]
        .into_iter()
        .find_map(|alg| SigningKey::from_pkcs8(alg, "usher", &der).ok())
}
