//! The administration API of a server, from the publisher's machine.

use std::time::Duration;

use app::publish::Folder;
use reqwest::{Client, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use url::{Host, Url};

/// The largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// The longest that one request may take. Publishing fetches the metadata of each connection.
const PATIENCE: Duration = Duration::from_mins(2);

/// A server, and the key to it.
pub struct Admin {
    client: Client,
    server: Url,
    key: SecretString,
}

/// What publishing came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Published {
    /// One entry an organization.
    pub organizations: Vec<Outcome>,
    /// What is allowed, and unwise.
    pub warnings: Vec<Mistake>,
}

/// What became of one organization.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The organization.
    pub organization: String,
    /// The version that is live now.
    pub version: String,
    /// Whether it is a new one.
    pub changed: bool,
}

/// A mistake or warning as programs read it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mistake {
    /// Path below the workspace folder.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

/// Why the server did not do it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Key and secrets would travel unencrypted.
    #[error("{0} is neither https nor on this machine: the key would travel for all to read")]
    Unencrypted(Url),
    /// There is no TLS or no certificate authority on this machine.
    #[error("no client could be made")]
    Client(#[source] reqwest::Error),
    /// Nobody there, or no sensible answer.
    #[error("the server at {server} could not be asked")]
    Unreachable {
        /// The server.
        server: Url,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// The server found mistakes.
    #[error("the workspace has {} mistakes", .0.len())]
    Mistakes(Vec<Mistake>),
    /// The server said no.
    #[error("the server refused ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// A stable code.
        code: String,
        /// The server's words.
        message: String,
    },
    /// Something else than Usher answers there.
    #[error("what answers at {0} does not answer like Usher ({1})")]
    Strange(Url, StatusCode),
}

impl Admin {
    /// # Errors
    /// [`AdminError::Unencrypted`] if the key would leave this machine in the clear.
    pub fn new(server: Url, key: SecretString) -> Result<Self, AdminError> {
        if server.scheme() != "https" && !is_loopback(&server) {
            return Err(AdminError::Unencrypted(server));
        }
        let client = Client::builder()
            .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE);
        // A proxy has nothing to do with a server on this machine.
        let client = if is_loopback(&server) {
            client.no_proxy()
        } else {
            client
        };
        let client = client.build().map_err(AdminError::Client)?;
        Ok(Self {
            client,
            server,
            key,
        })
    }

    /// Publishes `folder` to `branch`.
    pub async fn publish(&self, branch: &str, folder: &Folder) -> Result<Published, AdminError> {
        let files: Vec<_> = folder
            .files
            .iter()
            .map(|(path, text)| json!({ "path": path, "text": text }))
            .collect();
        let secrets: Vec<_> = folder
            .secrets
            .iter()
            .map(|secret| {
                json!({
                    "organization": secret.organization,
                    "connection": secret.connection,
                    "secret": secret.secret.expose_secret(),
                })
            })
            .collect();
        let body = json!({ "branch": branch, "files": files, "secrets": secrets });
        self.post(&["publish"], &body).await
    }

    /// Makes a key for an organization's own administrators.
    pub async fn new_key(
        &self,
        organization: &str,
        label: &str,
    ) -> Result<SecretString, AdminError> {
        #[derive(Deserialize)]
        struct Made {
            key: SecretString,
        }
        let path = ["organizations", organization, "keys"];
        let made: Made = self.post(&path, &json!({ "label": label })).await?;
        Ok(made.key)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &serde_json::Value,
    ) -> Result<T, AdminError> {
        let request = self
            .client
            .post(self.address(path))
            .bearer_auth(self.key.expose_secret())
            .header("content-type", "application/json")
            .body(body.to_string());
        let mut answer = request
            .send()
            .await
            .map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        let mut text = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.unreachable(error))?
        {
            if text.len() + chunk.len() > ANSWER_BYTES {
                return Err(AdminError::Strange(self.server.clone(), status));
            }
            text.extend_from_slice(&chunk);
        }
        if status.is_success() {
            let strange = |_| AdminError::Strange(self.server.clone(), status);
            return serde_json::from_slice(&text).map_err(strange);
        }
        Err(self.refusal(status, &text))
    }

    fn refusal(&self, status: StatusCode, text: &[u8]) -> AdminError {
        #[derive(Deserialize)]
        struct Problem {
            error: Details,
        }
        #[derive(Deserialize)]
        struct Details {
            code: String,
            message: String,
            #[serde(default)]
            mistakes: Vec<Mistake>,
        }
        match serde_json::from_slice(text) {
            Ok(Problem { error }) if error.mistakes.is_empty() => AdminError::Refused {
                status: status.as_u16(),
                code: error.code,
                message: error.message,
            },
            Ok(Problem { error }) => AdminError::Mistakes(error.mistakes),
            Err(_) => AdminError::Strange(self.server.clone(), status),
        }
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut address = self.server.clone();
        address.set_query(None);
        address.set_fragment(None);
        // An `http` or `https` address always takes path segments.
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(["admin", "v1"]).extend(path);
        }
        address
    }

    fn unreachable(&self, error: reqwest::Error) -> AdminError {
        AdminError::Unreachable {
            server: self.server.clone(),
            source: error.without_url(),
        }
    }
}

/// Whether the address names this very machine.
pub fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl From<app::workspace::Mistake> for Mistake {
    fn from(mistake: app::workspace::Mistake) -> Self {
        Self {
            file: mistake.file,
            line: mistake.line,
            column: mistake.column,
            message: mistake.message,
            hint: mistake.hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_travels_encrypted_or_not_at_all() {
        let key = || SecretString::from("usher_x");
        for (server, admitted) in [
            ("https://usher.example", true),
            ("http://localhost:3978", true),
            ("http://127.0.0.1:3978", true),
            ("http://[::1]:3978", true),
            ("http://usher.example", false),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            let made = Admin::new(server.parse().unwrap(), key());
            assert_eq!(made.is_ok(), admitted, "{server}");
        }
    }

    #[test]
    fn the_api_lies_below_the_servers_address() {
        let address = |server: &str, path: &[&str]| {
            let admin = Admin::new(server.parse().unwrap(), SecretString::from("k")).unwrap();
            admin.address(path).to_string()
        };
        assert_eq!(
            address("https://usher.example/", &["publish"]),
            "https://usher.example/admin/v1/publish"
        );
        assert_eq!(
            address(
                "https://usher.example/x?y#z",
                &["organizations", "a/b", "keys"]
            ),
            "https://usher.example/x/admin/v1/organizations/a%2Fb/keys"
        );
    }
}
