//! Who we are to a provider, and how we prove it.
//!
//! A new way to authenticate is a variant of [`ClientAuth`]; the matches then ask for the rest.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::discovery::Provider;
use crate::error::{Error, Rejection};
use crate::http::{Form, Purpose, Request};
use crate::quirks::{self, AssertionAudience};
use crate::seeds;

/// A registration at one provider. Never used with another one (MIX-7).
#[derive(Debug)]
pub struct Client {
    /// The client id.
    pub id: String,
    /// How it is proven.
    pub auth: ClientAuth,
}

/// How a client proves itself.
#[derive(Debug)]
pub enum ClientAuth {
    /// A public client: PKCE alone.
    None,
    /// `client_secret_basic`.
    Basic(SecretString),
    /// `client_secret_post`.
    Post(SecretString),
    /// `private_key_jwt` (RFC 7523): a new assertion for every try.
    PrivateKeyJwt(jose::sign::SigningKey),
}

/// What one try at an endpoint of the provider needs. For another try make another one, with new
/// seed bytes: an assertion is never sent twice (BND-16).
pub struct Caller<'a> {
    /// The provider that the client is registered at.
    pub provider: &'a Provider,
    /// The registration.
    pub client: &'a Client,
    /// Fresh random bytes; they become the `jti` of an assertion.
    pub seed: [u8; 32],
    /// The moment of the try.
    pub now: Timestamp,
}

/// The life of an assertion (BND-16).
pub const ASSERTION_LIFE: SignedDuration = SignedDuration::from_secs(60);

impl Caller<'_> {
    /// `form` as a request to `endpoint`, with the proof of who we are.
    pub(crate) fn post(
        &self,
        purpose: Purpose,
        endpoint: &url::Url,
        mut form: Form,
    ) -> Result<Request, Error> {
        let url = endpoint.clone();
        match &self.client.auth {
            ClientAuth::None => form.push("client_id", &self.client.id),
            ClientAuth::Post(secret) => {
                form.push("client_id", &self.client.id);
                form.push("client_secret", secret.expose_secret());
            }
            ClientAuth::Basic(secret) => {
                let proof = basic(&self.client.id, secret);
                return Ok(Request::post(purpose, url, &form).with_header("authorization", proof));
            }
            ClientAuth::PrivateKeyJwt(key) => {
                form.push("client_id", &self.client.id);
                form.push("client_assertion_type", ASSERTION_TYPE);
                form.push("client_assertion", &self.assertion(key)?);
            }
        }
        Ok(Request::post(purpose, url, &form))
    }

    /// RFC 7523 §3.
    fn assertion(&self, key: &jose::sign::SigningKey) -> Result<String, Error> {
        let issued = self.now.as_second();
        let claims = json!({
            "iss": self.client.id,
            "sub": self.client.id,
            "aud": self.audience(),
            "jti": seeds::text(&self.seed),
            "iat": issued,
            "exp": issued.saturating_add(ASSERTION_LIFE.as_secs()),
        });
        key.sign(Some("JWT"), &claims)
            .map_err(|_| Error::Rejected(Rejection::ClientKey))
    }

    /// The issuer as a single string; a bare OAuth server has none but its token endpoint.
    fn audience(&self) -> &str {
        let endpoint = self.provider.token_endpoint.as_str();
        match (
            &self.provider.issuer,
            self.provider.quirk().assertion_audience,
        ) {
            (Some(issuer), AssertionAudience::Issuer) if !quirks::is_template(issuer) => issuer,
            _ => endpoint,
        }
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined.
fn basic(id: &str, secret: &SecretString) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let encode =
        |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair =
        zeroize::Zeroizing::new(format!("{}:{}", encode(id), encode(secret.expose_secret())));
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}
