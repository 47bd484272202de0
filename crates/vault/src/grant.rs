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
    scopes: Cow<'a, [String]>,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tokens() -> Tokens {
        Tokens {
            access: "at-\"quoted\"\u{7f}é".into(),
            refresh: Some("rt".into()),
            id: None,
            expires_at: Timestamp::UNIX_EPOCH,
            expires_known: false,
            scopes: vec!["openid".into(), "profile".into()],
            token_type: "Bearer".into(),
            first: json!({"iss": "https://login.acme.example", "sub": "u1"}),
        }
    }

    #[test]
    fn tokens_come_back_as_they_went_in() {
        let bytes = tokens().to_bytes().unwrap();
        let back = Tokens::from_bytes(&bytes).unwrap();
        assert_eq!(back.access.expose_secret(), tokens().access.expose_secret());
        assert_eq!(back.refresh.unwrap().expose_secret(), "rt");
        assert!(back.id.is_none());
        assert_eq!(
            (back.expires_at, back.expires_known),
            (Timestamp::UNIX_EPOCH, false)
        );
        assert_eq!(back.scopes, ["openid", "profile"]);
        assert_eq!(
            (back.token_type, back.first),
            (tokens().token_type, tokens().first)
        );
    }

    #[test]
    fn the_form_that_is_sealed_is_this() {
        let bytes = tokens().to_bytes().unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&bytes).unwrap());
    }

    /// Proves in part: SEA-7 (the buffer of the sealed form; the rest is reviewed, and shown by canaries)
    #[test]
    fn the_buffer_never_grows_so_it_leaves_no_copy() {
        let bytes = tokens().to_bytes().unwrap();
        assert_eq!(bytes.capacity(), bytes.len());
    }

    #[test]
    fn other_bytes_are_no_grant_and_the_error_repeats_none_of_them() {
        let bytes = tokens().to_bytes().unwrap();
        let newer = String::from_utf8(bytes.to_vec())
            .unwrap()
            .replace("\"version\":1", "\"version\":2");
        let unknown = String::from_utf8(bytes.to_vec())
            .unwrap()
            .replace("\"version\":1", "\"version\":1,\"x\":\"s3cret\"");
        for hostile in [
            "",
            "null",
            "{}",
            "[]",
            "s3cret",
            "{\"access\":s3cret",
            &newer,
            &unknown,
        ] {
            let fault = Tokens::from_bytes(hostile.as_bytes())
                .map(|_| ())
                .unwrap_err();
            assert_eq!(
                format!("{fault} {fault:?}"),
                "not the tokens of a grant Malformed"
            );
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let shown = format!("{:?}", tokens());
        assert!(
            !shown.contains("at-") && !shown.contains("\"rt\""),
            "{shown}"
        );
    }
}
