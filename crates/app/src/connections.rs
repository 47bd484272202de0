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
    http::Request,
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
    drive::{DriveError, causes, drive},
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

    /// Runs `check` with the connection's keys, and once more with newer ones where that may help
    /// (JWK-4).
    pub(crate) async fn with_keys<T>(
        &self,
        ports: &Ports,
        registration: &Registration,
        id_token: &str,
        check: impl Fn(&KeySet) -> Result<T, Misbehavior>,
    ) -> Result<T, Unverified> {
        if let Some(keys) = registration.hmac_keys() {
            return check(&keys).map_err(Unverified::Refused);
        }
        let address = registration.provider.jwks_uri.as_ref();
        let address = address.ok_or(Unverified::NoKeys)?;
        let (organization, connection) = (registration.organization(), registration.settings());
        let cache = self.cache(organization, connection, address).await;
        let keys = keys_from(ports, &cache, Want::Any)
            .await
            .ok_or(Unverified::NoKeys)?;
        match check(&keys) {
            Err(refusal) if refusal.wants_fresh_keys() => {
                let kid = keys::kid_of(id_token);
                let newer = Want::Newer {
                    than: &keys,
                    kid: kid.as_deref(),
                };
                match keys_from(ports, &cache, newer).await {
                    Some(newer) => check(&newer).map_err(Unverified::Refused),
                    None => Err(Unverified::Refused(refusal)),
                }
            }
            checked => checked.map_err(Unverified::Refused),
        }
    }
}

/// `None` when there are no such keys to be had now. Whoever fetches holds the lock, so that all
/// who want the same keys share one fetch.
async fn keys_from(ports: &Ports, cache: &Mutex<KeyCache>, want: Want<'_>) -> Option<Arc<KeySet>> {
    let mut cache = cache.lock().await;
    loop {
        match cache.decide(ports.clock.now(), want) {
            Decision::Use(keys) => return Some(keys),
            Decision::Stay | Decision::Unavailable { .. } | Decision::Join => return None,
            Decision::Fetch(request) => fetch(ports, &mut cache, request).await,
        }
    }
}

/// Fetches keys, and raises the alerts of JWK-2 and JWK-6.
async fn fetch(ports: &Ports, cache: &mut KeyCache, request: Request) {
    let limits = Limits::of(request.purpose);
    let answer = ports.http.send(request, limits).await;
    let now = ports.clock.now();
    let received = match answer {
        Ok(answer) => cache.received(&answer, now).map_err(DriveError::from),
        Err(error) => {
            cache.failed(now);
            Err(error.into())
        }
    };
    let address = cache.address().clone();
    match (received, cache.decide(now, Want::Any)) {
        (Ok(()), Decision::Use(keys)) => {
            for alert in keys.alerts() {
                tracing::warn!(%address, ?alert, "keys.unsafe");
            }
        }
        (Ok(()), _) => {}
        (Err(error), _) => {
            let (because, health) = (causes(&error), cache.health());
            tracing::warn!(%address, %error, because, ?health, "keys.not_fetched");
        }
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
    /// The registration of a connection with which people may sign in and stay so: one that has
    /// since been taken out of the branch serves no session any more, whatever version it runs
    /// (SGN-3).
    pub(crate) async fn live_registration(
        &self,
        published: &Arc<Published>,
        connection: &str,
    ) -> Result<Registration, RegistrationError> {
        let live = self.active(&published.name, &published.branch).await;
        if live.is_ok_and(|live| live.connection(connection).is_err()) {
            return Err(RegistrationError::NoConfiguration);
        }
        self.registration(published, connection).await
    }

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

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex as StdMutex,
        atomic::{AtomicUsize, Ordering},
    };

    use async_trait::async_trait;
    use futures_util::future::join_all;
    use oauth::{discovery::Endpoints, http::Response, id_token};
    use serde_json::{Value, json};
    use store::VersionId;

    use super::*;
    use crate::{
        ports::{Clock, Entropy, Http, HttpError},
        workspace,
    };

    const ISSUER: &str = "https://login.acme.example";
    const BEGIN: Timestamp = Timestamp::constant(1_793_610_000, 0);

    struct Still(StdMutex<Timestamp>);

    #[async_trait]
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, _: Timestamp) {}
    }

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    /// Publishes one key, and counts who asks for it.
    struct Publisher {
        jwk: Value,
        fetches: AtomicUsize,
    }

    #[async_trait]
    impl Http for Publisher {
        async fn send(&self, _: Request, _: Limits) -> Result<Response, HttpError> {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            // Whoever else wants the same keys comes while this is under way.
            tokio::task::yield_now().await;
            Ok(Response {
                status: 200,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: json!({ "keys": [self.jwk] }).to_string().into_bytes(),
            })
        }
    }

    /// The tokens that arrive, and what looks after them.
    struct Scene {
        connections: Connections,
        registration: Registration,
        ports: Ports,
        clock: Arc<Still>,
        publisher: Arc<Publisher>,
        /// Without a `kid` in its header.
        key: SigningKey,
    }

    impl Scene {
        fn new() -> Self {
            let key = SigningKey::generate(Alg::ES256, "published").unwrap();
            let publisher = Arc::new(Publisher {
                jwk: key.public_jwk(),
                fetches: AtomicUsize::new(0),
            });
            let clock = Arc::new(Still(StdMutex::new(BEGIN)));
            let ports = Ports {
                clock: Arc::clone(&clock) as _,
                entropy: Arc::new(Zeros),
                http: Arc::clone(&publisher) as _,
            };
            Self {
                connections: Connections::new(),
                registration: registration(),
                ports,
                clock,
                publisher,
                key,
            }
        }

        fn token(&self, kid: &str) -> String {
            let now = self.clock.now().as_second();
            let header = json!({ "alg": "ES256", "typ": "JWT", "kid": kid });
            let claims = json!({
                "iss": ISSUER, "sub": "ann", "aud": "usher", "nonce": "n",
                "iat": now, "exp": now + 300,
            });
            self.key.sign_with_header(&header, &claims).unwrap()
        }

        async fn believes(&self, token: &str) -> bool {
            let expected = Expected {
                nonce: Some("n"),
                ..self.registration.expected(None).unwrap()
            };
            let now = self.clock.now();
            let check = |keys: &KeySet| id_token::verify(token, &expected, keys, now);
            let checked = self
                .connections
                .with_keys(&self.ports, &self.registration, token, check);
            checked.await.is_ok()
        }

        fn fetches(&self) -> usize {
            self.publisher.fetches.load(Ordering::SeqCst)
        }
    }

    fn registration() -> Registration {
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let files = [
            file(
                "organizations/acme/organization.yaml",
                "organization: acme\ntitle: Acme\n",
            ),
            file(
                "organizations/acme/connections/corp.yaml",
                "connection: corp\ntitle: Corp\ndiscovery: https://login.acme.example\n\
                 client_id: usher\nclient_auth: none\n",
            ),
        ];
        let rules = Rules { development: false };
        let mut workspace = workspace::read(&files, &rules).unwrap();
        let endpoint = |name: &str| Some(format!("{ISSUER}/{name}"));
        let typed = Endpoints {
            issuer: Some(ISSUER.to_owned()),
            authorization: endpoint("authorize"),
            token: endpoint("token"),
            jwks: endpoint("jwks"),
            ..Endpoints::default()
        };
        Registration {
            published: Arc::new(Published {
                id: VersionId::new(BEGIN, [0; 16]),
                branch: "main".to_owned(),
                name: Organization::parse("acme").unwrap(),
                organization: workspace.organizations.remove("acme").unwrap(),
            }),
            connection: "corp".to_owned(),
            provider: Arc::new(Provider::from_endpoints(&typed, &rules).unwrap()),
            client: Client {
                id: "usher".to_owned(),
                auth: ClientAuth::None,
            },
            algs: vec![Alg::ES256],
            secret: None,
        }
    }

    /// Proves: JWK-5
    #[tokio::test]
    async fn ten_thousand_tokens_of_unknown_keys_cost_four_fetches_in_a_minute() {
        let scene = Scene::new();
        for round in 0..100_i64 {
            let at = BEGIN + SignedDuration::from_millis(590 * round);
            *scene.clock.0.lock().unwrap() = at;
            // One signature serves them all: whoever has no key does not look at it.
            let forged: Vec<String> = (0..100)
                .map(|number| scene.token(&format!("unknown-{round}-{number}")))
                .collect();
            let valid = scene.token("published");
            let all = forged.iter().chain([&valid]);
            let verdicts = join_all(all.map(|token| scene.believes(token))).await;
            assert_eq!(verdicts.iter().filter(|believed| **believed).count(), 1);
            assert!(scene.believes(&valid).await, "valid tokens keep verifying");
        }
        assert_eq!(scene.fetches(), 4, "one to begin with, three forced ones");

        // From then on one a minute, however many ask.
        *scene.clock.0.lock().unwrap() = BEGIN + SignedDuration::from_secs(61);
        for number in 0..100 {
            assert!(
                !scene
                    .believes(&scene.token(&format!("later-{number}")))
                    .await
            );
        }
        assert_eq!(scene.fetches(), 5);
    }
}
