//! `usher.toml` and its environment overrides (`docs/reference/settings.md`).
//!
//! A key is added here: a member of [`Config`] or of one of its sections, its line in `OVERRIDES`,
//! and its row in the reference, which a test holds against that list. Unknown keys refuse to
//! start, with the nearest known one (ADM-10). A number with a range is a [`Bounded`].

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use jiff::SignedDuration;
use reqwest::Certificate;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use server::{ConnectionLimits, RequestLimits};
use toml::{Table, Value};
use url::Url;
use vault::{KeyFault, KeyRing, RingFault};

use crate::host::{admin::is_loopback, environment::Environment};

/// Everything one process is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Port 0 takes any free one.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// The address people and providers reach this server at; the only source of every address
    /// that Usher hands out (BND-7).
    pub public_url: Option<Url>,
    /// Takes the place of `<public_url>/oauth-callback` in every redirect address (CFG-8).
    pub oauth_redirect_uri: Option<Url>,
    /// `sqlite:FILE`.
    #[serde(default)]
    pub store: StoreAddress,
    /// `local`: one node.
    #[serde(default)]
    pub bus: Bus,
    /// A workspace folder to publish when the server starts.
    pub apply_at_start: Option<PathBuf>,
    /// Permits `http` and loopback providers. Refused when the public address is not loopback.
    #[serde(default)]
    pub development: bool,
    /// The keys that seal tokens.
    #[serde(default)]
    pub keys: Keys,
    /// How the operator proves to be one.
    #[serde(default)]
    pub operator: Operator,
    /// Exceptions to where requests may go.
    #[serde(default)]
    pub egress: Egress,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreAddress {
    /// In this file.
    Sqlite(PathBuf),
}

/// What carries wake-ups between nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bus {
    /// There is one node.
    #[default]
    Local,
}

/// Something else than a source stands there. It may be the secret itself, so it is not repeated.
#[derive(Debug, thiserror::Error)]
#[error("a secret is written `{{ env = \"NAME\" }}` or `{{ file = \"PATH\" }}`")]
pub struct NoSource;

/// The text names no store that there is.
#[derive(Debug, thiserror::Error)]
#[error("the store must be `sqlite:FILE`")]
pub struct NoStore;

/// `[keys]`: `seal_with` names the key that seals; all of them open.
#[derive(Debug, Default, Deserialize)]
pub struct Keys {
    /// The name of the sealing key; the only key there is, when left out.
    pub seal_with: Option<String>,
    /// Name to source. A key has at least 32 bytes, in hexadecimal or base64.
    #[serde(flatten)]
    pub named: BTreeMap<String, Source>,
}

/// `[operator]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// The operator's key; without one, a key is made and printed at the first start.
    pub key: Option<Source>,
}

/// `[egress]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Private networks that providers and APIs may live in (EGR-4).
    #[serde(default)]
    pub allow: Vec<IpNet>,
    /// PEM files of further certificate authorities (EGR-10).
    #[serde(default)]
    pub roots: Vec<PathBuf>,
}

/// Where a secret comes from. It never stands in the file itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Source {
    /// The environment variable of that name.
    Env(String),
    /// The content of that file, without surrounding white space.
    File(PathBuf),
}

/// `[limits]`. What is left out keeps the default of `docs/reference/settings.md`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Open connections.
    pub connections: Option<Bounded<1, 1_000_000>>,
    /// Seconds from the first byte of a request to the end of its header block.
    pub header_s: Option<Bounded<1, 60>>,
    /// The header block, in bytes.
    pub header_bytes: Option<Bounded<8_192, 65_536>>,
    /// Headers of one request.
    pub headers: Option<Bounded<20, 500>>,
    /// Path and query, in bytes.
    pub url_bytes: Option<Bounded<1_024, 65_536>>,
    /// The body of a form or an activity, in bytes.
    pub body_bytes: Option<Bounded<4_096, 1_048_576>>,
    /// Seconds from the first to the last byte of a body.
    pub body_s: Option<Bounded<1, 120>>,
    /// The body of a workspace that is published, in bytes.
    pub publish_bytes: Option<Bounded<65_536, 104_857_600>>,
    /// Seconds that a stop waits for requests under way.
    pub drain_s: Option<Bounded<0, 600>>,
    /// Seconds that a session outlives its last turn.
    pub session_idle_s: Option<Bounded<60, 2_592_000>>,
    /// Unfinished sign-ins of one conversation (LIM-4).
    pub attempts_per_conversation: Option<Bounded<1, 100>>,
    /// Unfinished sign-ins of one organization (LIM-4).
    pub attempts_per_organization: Option<Bounded<1, 10_000_000>>,
}

/// A whole number within bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Bounded<const MIN: u32, const MAX: u32>(u32);

/// A number is outside its bounds.
#[derive(Debug, thiserror::Error)]
#[error("{found} is not between {min} and {max}")]
pub struct OutOfBounds {
    found: i64,
    min: u32,
    max: u32,
}

/// Why the settings are no good.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file, or an override, is not what it should be.
    #[error("{place}: {message}{}", hint(.nearest.as_deref()))]
    Wrong {
        /// The file, with the line when it is known.
        place: String,
        /// What is wrong.
        message: String,
        /// The known key nearest to an unknown one.
        nearest: Option<String>,
    },
    /// Nobody could reach this server.
    #[error(
        "`public_url` is missing: the https address at which people and providers reach this server"
    )]
    NoPublicUrl,
    /// The public address is none.
    #[error("`public_url` {0}")]
    PublicUrl(&'static str),
    /// A development switch on a server for others (ADM-10).
    #[error(
        "`development = true` is for this machine only, and `public_url` is {0}: \
         take one of them out"
    )]
    DevelopmentInPublic(Url),
    /// Nothing to seal with.
    #[error(
        "there is no key to seal tokens with. Make one and keep it safe, for without it what is \
         sealed is lost:\n\n    head -c 32 /dev/urandom | base64 > sealing.key\n\n\
         and name it in usher.toml:\n\n    [keys]\n    k1 = {{ file = \"sealing.key\" }}\n"
    )]
    NoKeys,
    /// Which of several keys seals?
    #[error("there is more than one key: `keys.seal_with` must say which one seals")]
    NoSealWith,
    /// A key is refused (SEA-4).
    #[error("the key `{name}` is refused: {fault}")]
    WeakKey {
        /// Its name.
        name: String,
        /// Why.
        fault: KeyFault,
    },
    /// The keys make no ring.
    #[error(transparent)]
    Ring(#[from] RingFault),
    /// An operator's key could be guessed (ADM-1).
    #[error("the operator's key has fewer than {OPERATOR_KEY_LENGTH} characters")]
    WeakOperatorKey,
    /// A file of `egress.roots` is none of certificates.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// A secret is not where the settings say.
    #[error("the secret `{name}` is not to be had: {why}")]
    NoSecret {
        /// The variable or file.
        name: String,
        /// What is missing.
        why: String,
    },
}

impl Config {
    /// Reads `path` and applies the overrides of `environment`; without a file, the overrides alone.
    pub fn load(path: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let (place, text) = match path {
            Some(path) => (path.display().to_string(), read(path)?),
            None => ("the environment".to_owned(), String::new()),
        };
        let mut table: Table = text.parse().map_err(|error| wrong(&place, &text, &error))?;
        // Typed once before the overrides, while positions in the file are still known.
        toml::from_str::<Self>(&text).map_err(|error| wrong(&place, &text, &error))?;
        if !overrides(&mut table, environment) {
            return toml::from_str(&text).map_err(|error| wrong(&place, &text, &error));
        }
        table
            .try_into()
            .map_err(|error| wrong("the environment", "", &error))
    }

    /// The public address without a slash at its end, for a server that listens on `port`.
    ///
    /// # Errors
    /// It is missing, not `https` although this is no development, or none that `development`
    /// may have (ADM-10).
    pub fn public_address(&self, port: u16) -> Result<String, ConfigError> {
        let Some(address) = &self.public_url else {
            return if self.development {
                Ok(format!("http://localhost:{port}"))
            } else {
                Err(ConfigError::NoPublicUrl)
            };
        };
        if self.development && !is_loopback(address) {
            return Err(ConfigError::DevelopmentInPublic(address.clone()));
        }
        match address.scheme() {
            "https" => {}
            "http" if self.development => {}
            _ => return Err(ConfigError::PublicUrl("must begin with https://")),
        }
        let user = !address.username().is_empty() || address.password().is_some();
        if user || address.path() != "/" || address.query().is_some() {
            return Err(ConfigError::PublicUrl(
                "must be scheme, host and port alone",
            ));
        }
        Ok(address.origin().ascii_serialization())
    }

    /// The keys that seal.
    pub fn key_ring(&self, environment: &Environment) -> Result<KeyRing, ConfigError> {
        let mut keys = Vec::new();
        for (name, source) in &self.keys.named {
            let text = source.fetch(environment)?;
            let key = vault::parse_key(text.expose_secret());
            let key = key.map_err(|fault| ConfigError::WeakKey {
                name: name.clone(),
                fault,
            })?;
            keys.push((name.clone(), key));
        }
        let only = match keys.as_slice() {
            [] => return Err(ConfigError::NoKeys),
            [(name, _)] => Some(name.clone()),
            _ => None,
        };
        let seal_with = self.keys.seal_with.clone().or(only);
        let seal_with = seal_with.ok_or(ConfigError::NoSealWith)?;
        Ok(KeyRing::new(&seal_with, keys)?)
    }

    /// The operator's key, if the settings have one.
    pub fn operator_key(
        &self,
        environment: &Environment,
    ) -> Result<Option<SecretString>, ConfigError> {
        let Some(source) = &self.operator.key else {
            return Ok(None);
        };
        let key = source.fetch(environment)?;
        if key.expose_secret().len() < OPERATOR_KEY_LENGTH {
            return Err(ConfigError::WeakOperatorKey);
        }
        Ok(Some(key))
    }

    /// The further certificate authorities.
    pub fn roots(&self) -> Result<Vec<Certificate>, ConfigError> {
        let mut roots = Vec::new();
        for path in &self.egress.roots {
            let found = Certificate::from_pem_bundle(read(path)?.as_bytes());
            let found = found.ok().filter(|found| !found.is_empty());
            roots.extend(found.ok_or_else(|| ConfigError::NoCertificate(path.clone()))?);
        }
        Ok(roots)
    }
}

/// 128 random bits in hexadecimal; the keys that we make have twice that.
const OPERATOR_KEY_LENGTH: usize = 32;

impl Limits {
    /// Those of connections.
    pub fn connection(&self) -> ConnectionLimits {
        let mut limits = ConnectionLimits::default();
        put_in(&mut limits.connections, self.connections);
        put_in(&mut limits.header, self.header_s);
        put_in(&mut limits.header_bytes, self.header_bytes);
        put_in(&mut limits.headers, self.headers);
        put_in(&mut limits.drain, self.drain_s);
        limits
    }

    /// Those of requests.
    pub fn request(&self) -> RequestLimits {
        let mut limits = RequestLimits::default();
        put_in(&mut limits.url_bytes, self.url_bytes);
        put_in(&mut limits.body_bytes, self.body_bytes);
        put_in(&mut limits.publish_bytes, self.publish_bytes);
        put_in(&mut limits.body, self.body_s);
        limits
    }

    /// Those of the store.
    pub fn store(&self) -> store::Options {
        let mut limits = store::Options::default();
        put_in(
            &mut limits.attempts_per_conversation,
            self.attempts_per_conversation,
        );
        put_in(
            &mut limits.attempts_per_organization,
            self.attempts_per_organization,
        );
        limits
    }
}

fn put_in<T, const MIN: u32, const MAX: u32>(place: &mut T, limit: Option<Bounded<MIN, MAX>>)
where
    Bounded<MIN, MAX>: Into<T>,
{
    if let Some(limit) = limit {
        *place = limit.into();
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<i64> for Bounded<MIN, MAX> {
    type Error = OutOfBounds;

    fn try_from(found: i64) -> Result<Self, OutOfBounds> {
        let fits = u32::try_from(found).ok();
        fits.filter(|fits| (MIN..=MAX).contains(fits))
            .map(Self)
            .ok_or(OutOfBounds {
                found,
                min: MIN,
                max: MAX,
            })
    }
}

impl<const MIN: u32, const MAX: u32> From<Bounded<MIN, MAX>> for u32 {
    fn from(limit: Bounded<MIN, MAX>) -> Self {
        limit.0
    }
}

impl<const MIN: u32, const MAX: u32> From<Bounded<MIN, MAX>> for usize {
    fn from(limit: Bounded<MIN, MAX>) -> Self {
        Self::try_from(limit.0).unwrap_or(Self::MAX)
    }
}

/// In seconds.
impl<const MIN: u32, const MAX: u32> From<Bounded<MIN, MAX>> for Duration {
    fn from(limit: Bounded<MIN, MAX>) -> Self {
        Self::from_secs(limit.0.into())
    }
}

/// In seconds.
impl<const MIN: u32, const MAX: u32> From<Bounded<MIN, MAX>> for SignedDuration {
    fn from(limit: Bounded<MIN, MAX>) -> Self {
        Self::from_secs(limit.0.into())
    }
}

impl TryFrom<Value> for Source {
    type Error = NoSource;

    fn try_from(value: Value) -> Result<Self, NoSource> {
        let Value::Table(table) = value else {
            return Err(NoSource);
        };
        let mut members = table.into_iter();
        match (members.next(), members.next()) {
            (Some((kind, Value::String(name))), None) => match kind.as_str() {
                "env" => Ok(Self::Env(name)),
                "file" => Ok(Self::File(PathBuf::from(name))),
                _ => Err(NoSource),
            },
            _ => Err(NoSource),
        }
    }
}

impl Default for StoreAddress {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("usher.db"))
    }
}

impl TryFrom<String> for StoreAddress {
    type Error = NoStore;

    fn try_from(text: String) -> Result<Self, NoStore> {
        match text.split_once(':') {
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(PathBuf::from(file))),
            _ => Err(NoStore),
        }
    }
}

impl Source {
    /// Fetches the secret.
    pub fn fetch(&self, environment: &Environment) -> Result<SecretString, ConfigError> {
        match self {
            Self::Env(name) => environment
                .get(name)
                .map(|value| SecretString::from(value.trim()))
                .ok_or_else(|| ConfigError::NoSecret {
                    name: name.clone(),
                    why: "no such environment variable".to_owned(),
                }),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| SecretString::from(text.trim()))
                .map_err(|error| ConfigError::NoSecret {
                    name: path.display().to_string(),
                    why: error.to_string(),
                }),
        }
    }
}

/// `USHER_` and the key's path in capitals, joined by `_`, for each key there is.
const OVERRIDES: [&[&str]; 24] = [
    &["listen"],
    &["public_url"],
    &["oauth_redirect_uri"],
    &["store"],
    &["bus"],
    &["apply_at_start"],
    &["development"],
    &["keys"],
    &["keys", "seal_with"],
    &["operator", "key"],
    &["egress", "allow"],
    &["egress", "roots"],
    &["limits", "connections"],
    &["limits", "header_s"],
    &["limits", "header_bytes"],
    &["limits", "headers"],
    &["limits", "url_bytes"],
    &["limits", "body_bytes"],
    &["limits", "body_s"],
    &["limits", "publish_bytes"],
    &["limits", "drain_s"],
    &["limits", "session_idle_s"],
    &["limits", "attempts_per_conversation"],
    &["limits", "attempts_per_organization"],
];

/// Returns whether there was any.
fn overrides(table: &mut Table, environment: &Environment) -> bool {
    let mut any = false;
    for path in OVERRIDES {
        let name = format!("USHER_{}", path.join("_").to_uppercase());
        if let Some(text) = environment.get(&name) {
            put(table, path, value(text));
            any = true;
        }
    }
    any
}

fn put(table: &mut Table, path: &[&str], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert((*key).to_owned(), value);
        }
        [section, rest @ ..] => {
            let inner = table
                .entry((*section).to_owned())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// TOML if it reads as such (`true`, `["10.0.0.0/8"]`, `{ env = "X" }`), else the text itself.
fn value(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn wrong(place: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error
        .span()
        .filter(|_| !text.is_empty())
        .map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    ConfigError::Wrong {
        place: line.map_or_else(|| place.to_owned(), |line| format!("{place}:{line}")),
        message: error.message().to_owned(),
        nearest: nearest(error.message()),
    }
}

/// The parser says "unknown field `lisen`, expected one of `listen`, …".
fn nearest(message: &str) -> Option<String> {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (unknown, known) = quoted.split_first()?;
    message.starts_with("unknown field").then_some(())?;
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(unknown, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, known)| known.to_owned())
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 3978))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usher.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::load(Some(&path), &environment).map_err(|error| {
            error
                .to_string()
                .replace(&path.display().to_string(), "usher.toml")
        })
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
        let error = load("store = \"sqlite:x\"\nlisen = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        assert!(
            error.starts_with("usher.toml:2: unknown field `lisen`"),
            "{error}"
        );
        assert!(error.ends_with("did you mean `listen`?"), "{error}");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = load(
            "listen = \"127.0.0.1:1\"\n[egress]\nallow = [\"10.0.0.0/8\"]\n",
            &[
                ("USHER_LISTEN", "127.0.0.1:2"),
                ("USHER_DEVELOPMENT", "true"),
                ("USHER_EGRESS_ALLOW", "[\"10.1.0.0/16\"]"),
                ("USHER_OPERATOR_KEY", "{ env = \"K\" }"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen.port(), 2);
        assert!(config.development);
        assert_eq!(config.egress.allow, ["10.1.0.0/16".parse().unwrap()]);
        assert!(matches!(config.operator.key, Some(Source::Env(name)) if name == "K"));
    }

    #[test]
    fn keys_come_from_files_and_variables_only() {
        let config = load("[keys]\nseal_with = \"k1\"\nk1 = { env = \"A\" }\n", &[]).unwrap();
        assert_eq!(config.keys.seal_with.as_deref(), Some("k1"));
        for wrong in [
            "\"c2VjcmV0\"",
            "{ c2VjcmV0 = \"c2VjcmV0\" }",
            "{ env = [\"c2VjcmV0\"] }",
        ] {
            let error = load(&format!("[keys]\nk1 = {wrong}\n"), &[]).unwrap_err();
            assert!(error.contains("a secret is written"), "{error}");
            assert!(!error.contains("c2VjcmV0"), "{error}");
        }
    }

    #[test]
    fn a_missing_secret_names_its_source() {
        let source = Source::Env("USHER_KEY_9".to_owned());
        let error = source.fetch(&BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("USHER_KEY_9"), "{error}");
    }

    #[test]
    fn a_number_out_of_bounds_is_refused_with_its_line() {
        let error = load("[limits]\nheaders = 7\n", &[]).unwrap_err();
        assert_eq!(error, "usher.toml:2: 7 is not between 20 and 500");
        let config = load("[limits]\nheaders = 40\ndrain_s = 3\n", &[]).unwrap();
        let limits = config.limits.connection();
        assert_eq!((limits.headers, limits.drain), (40, Duration::from_secs(3)));
        assert_eq!(limits.connections, ConnectionLimits::default().connections);
    }

    #[test]
    fn stores_and_buses_that_do_not_exist_are_refused() {
        assert!(load("store = \"postgres://user@host/usher\"\n", &[]).is_err());
        assert!(load("bus = \"nats://host:4222\"\n", &[]).is_err());
        let config = load("store = \"sqlite:x.db\"\n", &[]).unwrap();
        assert_eq!(config.store, StoreAddress::Sqlite("x.db".into()));
    }

    #[test]
    fn the_public_address_is_https_or_this_machine_in_development() {
        for (development, public_url, expected) in [
            (false, "", Err("is missing")),
            (true, "", Ok("http://localhost:7")),
            (
                false,
                "https://Usher.Example:443/",
                Ok("https://usher.example"),
            ),
            (false, "http://usher.example", Err("must begin with https")),
            (false, "http://localhost:7", Err("must begin with https")),
            (false, "https://usher.example/below", Err("alone")),
            (false, "https://u:p@usher.example", Err("alone")),
            (true, "http://127.0.0.1:9", Ok("http://127.0.0.1:9")),
            (true, "https://chat.localhost", Ok("https://chat.localhost")),
            (true, "https://usher.example", Err("for this machine only")),
            (true, "http://10.0.0.1", Err("for this machine only")),
            (
                true,
                "http://localhost.example",
                Err("for this machine only"),
            ),
        ] {
            let named = match public_url {
                "" => String::new(),
                url => format!("public_url = {url:?}"),
            };
            let text = format!("development = {development}\n{named}\n");
            let address = load(&text, &[]).unwrap().public_address(7);
            match (address, expected) {
                (Ok(address), Ok(expected)) => assert_eq!(address, expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (address, expected) => panic!("{public_url}: {address:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn every_override_is_a_key_and_stands_in_the_reference() {
        let reference = include_str!("../../../docs/reference/settings.md");
        for path in OVERRIDES {
            let mut table = Table::new();
            let nothing = Value::Array(vec![Value::Boolean(true)]);
            put(&mut table, path, nothing);
            let error = table.try_into::<Config>().unwrap_err().to_string();
            assert!(!error.contains("unknown field"), "{path:?}: {error}");
            let name = format!("`USHER_{}`", path.join("_").to_uppercase());
            assert!(
                reference.contains(&name),
                "{name} is not in docs/reference/settings.md"
            );
        }
    }

    const HEX: &str = "8f1b5c0ad9e2473660bb7c1f04ae93d57712c8e69a3f40bd5e21f7a80c6d94b3";

    fn ring(keys: &str) -> Result<KeyRing, String> {
        let config = load(&format!("[keys]\n{keys}"), &[]).unwrap();
        let key = |n: u8| format!("{n:02x}{HEX}");
        let environment = Environment::from([
            ("A".to_owned(), key(1)),
            ("B".to_owned(), key(100)),
            ("SHORT".to_owned(), "abcd".to_owned()),
        ]);
        config
            .key_ring(&environment)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_only_key_seals_and_among_several_one_must_be_named() {
        let (a, b) = ("a = { env = \"A\" }\n", "b = { env = \"B\" }\n");
        assert_eq!(ring(a).unwrap().seal_with(), "a");
        assert!(ring(&format!("{a}{b}")).unwrap_err().contains("seal_with"));
        let named = format!("seal_with = \"b\"\n{a}{b}");
        assert_eq!(ring(&named).unwrap().seal_with(), "b");
        assert!(ring("").unwrap_err().contains("head -c 32 /dev/urandom"));
        let weak = ring("k = { env = \"SHORT\" }\n").unwrap_err();
        assert_eq!(
            weak,
            "the key `k` is refused: the key has 2 bytes; it needs at least 32"
        );
    }

    #[test]
    fn an_operators_key_that_can_be_guessed_is_refused() {
        let config = load("[operator]\nkey = { env = \"K\" }\n", &[]).unwrap();
        let with =
            |key: &str| config.operator_key(&Environment::from([("K".to_owned(), key.to_owned())]));
        assert!(matches!(
            with("password"),
            Err(ConfigError::WeakOperatorKey)
        ));
        assert!(with(&"0123456789abcdef".repeat(2)).unwrap().is_some());
    }
}
