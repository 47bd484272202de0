//! The tokens of one grant, in the form in which they are sealed.

use std::borrow::Cow;
use std::io;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

/// What a provider gave for one person at one connection. `Debug` masks the tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Sent to APIs as the person.
    pub access: SecretString,
    /// Exchanged for a new access token, if the provider gave one.
    pub refresh: Option<SecretString>,
    /// Kept for sign-out at the provider (`id_token_hint`), if there is one.
    pub id: Option<SecretString>,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// Whether the provider said so, or `expires_at` is our guess.
    pub expires_known: bool,
    /// The permissions that were granted.
    pub scopes: Vec<String>,
    /// How the access token is presented, as the provider wrote it: `Bearer`.
    pub token_type: String,
    /// What the first ID token said, against which each later one is checked; `Null` without an ID token.
    pub first: Value,
}

impl Tokens {
    /// The bytes to seal. They are wiped when dropped, and exist only once.
    ///
    /// # Errors
    /// Never for values that [`from_bytes`](Tokens::from_bytes) or a provider gave.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let form = self.form();
        // Counted first: a buffer that grows leaves copies of the tokens behind (SEA-7).
        let mut count = Count(0);
        serde_json::to_writer(&mut count, &form).map_err(|_| Malformed)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(count.0));
        serde_json::to_writer(&mut *bytes, &form).map_err(|_| Malformed)?;
        Ok(bytes)
    }

    /// Reads what [`to_bytes`](Tokens::to_bytes) wrote.
    ///
    /// # Errors
    /// The bytes are of a newer version, or never were a grant. The error says nothing of them (SEC-2).
    pub fn from_bytes(bytes: &[u8]) -> Result<Tokens, Malformed> {
        let form: Form<'_> = serde_json::from_slice(bytes).map_err(|_| Malformed)?;
        if form.version != VERSION {
            return Err(Malformed);
        }
        Ok(form.into_tokens())
    }

    fn form(&self) -> Form<'_> {
        Form {
            version: VERSION,
            access: Cow::Borrowed(self.access.expose_secret()),
            refresh: self
                .refresh
                .as_ref()
                .map(|refresh| Cow::Borrowed(refresh.expose_secret())),
            id: self.id.as_ref().map(|id| Cow::Borrowed(id.expose_secret())),
            expires_at: self.expires_at,
            expires_known: self.expires_known,
            scopes: Cow::Borrowed(&self.scopes),
            token_type: Cow::Borrowed(&self.token_type),
            first: Cow::Borrowed(&self.first),
        }
    }
}

/// The bytes are not a grant of a version that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the tokens of a grant")]
pub struct Malformed;

const VERSION: u8 = 1;

/// [`Tokens`] on their way in or out: the secrets are borrowed, so that no copy stays behind.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    version: u8,
    #[serde(borrow)]
    access: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    refresh: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    expires_at: Timestamp,
    expires_known: bool,
    scopes: Cow<'a, Vec<String>>,
    token_type: Cow<'a, str>,
    first: Cow<'a, Value>,
}

impl Form<'_> {
    fn into_tokens(self) -> Tokens {
        let secret = |text: Cow<'_, str>| SecretString::from(text.into_owned());
        Tokens {
            access: secret(self.access),
            refresh: self.refresh.map(secret),
            id: self.id.map(secret),
            expires_at: self.expires_at,
            expires_known: self.expires_known,
            scopes: self.scopes.into_owned(),
            token_type: self.token_type.into_owned(),
            first: self.first.into_owned(),
        }
    }
}

/// Counts what would be written.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
