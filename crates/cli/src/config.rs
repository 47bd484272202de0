//! `usher.toml` and its environment overrides (`docs/reference/settings.md`).
//!
//! A key is added here: a member of [`Config`] or of one of its sections. Unknown keys refuse to
//! start, with the nearest known one (ADM-10).

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use toml::{Table, Value};
use url::Url;

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
    /// `sqlite:FILE`.
    #[serde(default = "store")]
    pub store: String,
    /// `local`: one node.
    #[serde(default = "bus")]
    pub bus: String,
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
    /// Proxies in front of this server.
    #[serde(default)]
    pub proxy: Proxy,
    /// Exceptions to where requests may go.
    #[serde(default)]
    pub egress: Egress,
}

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

/// `[proxy]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Only these may say who the client is (BND-7).
    #[serde(default)]
    pub trusted: Vec<IpNet>,
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
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Source {
    /// The environment variable of that name.
    Env(String),
    /// The content of that file, without surrounding white space.
    File(PathBuf),
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
    pub fn load(
        path: Option<&Path>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
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
}

impl Source {
    /// Fetches the secret.
    pub fn fetch(
        &self,
        environment: &BTreeMap<String, String>,
    ) -> Result<SecretString, ConfigError> {
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
const OVERRIDES: [&[&str]; 11] = [
    &["listen"],
    &["public_url"],
    &["store"],
    &["bus"],
    &["apply_at_start"],
    &["development"],
    &["keys", "seal_with"],
    &["operator", "key"],
    &["proxy", "trusted"],
    &["egress", "allow"],
    &["egress", "roots"],
];

/// Returns whether there was any.
fn overrides(table: &mut Table, environment: &BTreeMap<String, String>) -> bool {
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

fn store() -> String {
    "sqlite:usher.db".to_owned()
}

fn bus() -> String {
    "local".to_owned()
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
        Config::load(Some(&path), &environment)
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "usher.toml"))
    }

    /// Proves in part: ADM-10 (a development switch on a public address is refused at start-up)
    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
        let error = load("store = \"sqlite:x\"\nlisen = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        assert!(error.starts_with("usher.toml:2: unknown field `lisen`"), "{error}");
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
        assert!(load("[keys]\nk1 = \"c2VjcmV0\"\n", &[]).is_err());
    }

    #[test]
    fn a_missing_secret_names_its_source() {
        let source = Source::Env("USHER_KEY_9".to_owned());
        let error = source.fetch(&BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("USHER_KEY_9"), "{error}");
    }
}
