//! What a provider is before its first request.

use std::fmt;

use jiff::SignedDuration;
use jose::Alg;
use serde_json::Value;

use crate::people::{self, Person};

/// How a provider behaves when no fault is switched on.
///
/// [`Config::new`] gives the usual one; set the rest by field.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "habits in which providers differ, each independent of the others"
)]
pub struct Config {
    /// The issuer: `https://host`, or with a path; `http` for loopback. No slash at the end unless
    /// that is wanted. All endpoints lie below it.
    pub issuer: String,
    /// Source of every code, token and id. The same seed and requests give the same ones.
    pub seed: [u8; 32],
    /// The registered clients.
    pub clients: Vec<Client>,
    /// Who can sign in.
    pub people: Vec<Person>,
    /// How ID tokens are signed. `HS*` takes the client's secret, which must be long enough.
    pub id_token_alg: Alg,
    /// How long codes and tokens live.
    pub lives: Lives,
    /// What a refresh does to the refresh token.
    pub rotation: Rotation,
    /// Whether a refresh token is given even if `offline_access` was not granted.
    pub always_refresh_token: bool,
    /// Whether a refresh answer carries a new ID token (OpenID Connect Core §12.2 leaves it open).
    pub refreshes_id_token: bool,
    /// Whether `iss` is advertised and sent (RFC 9207). Both at once; a fault parts them.
    pub sends_iss: bool,
    /// Whether `aud` of an ID token is an array even for one audience, as some providers have it.
    pub audience_as_array: bool,
    /// Whether the claims about the person are in the ID token, not only at the userinfo endpoint.
    pub claims_in_id_token: bool,
    /// Whether a `login_hint` that names a person signs them in without a page. For programs; a
    /// demo leaves it off, as real providers do.
    pub hint_signs_in: bool,
}

impl Config {
    /// The usual provider: the scripted people, ES256 (the key is made in no time), `iss` sent,
    /// refresh tokens rotated with reuse detection, claims in the ID token.
    pub fn new(issuer: &str, seed: [u8; 32]) -> Self {
        Self {
            issuer: issuer.to_owned(),
            seed,
            clients: Vec::new(),
            people: people::scripted(),
            id_token_alg: Alg::ES256,
            lives: Lives::default(),
            rotation: Rotation::DetectReuse,
            always_refresh_token: false,
            refreshes_id_token: true,
            sends_iss: true,
            audience_as_array: false,
            claims_in_id_token: true,
            hint_signs_in: false,
        }
    }

    /// The same with one more client.
    #[must_use]
    pub fn with(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }
}

/// A registered client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// What the sign-in page calls it.
    pub name: String,
    /// The only way in which it may prove itself.
    pub auth: ClientAuth,
    /// Compared byte for byte.
    pub redirect_uris: Vec<String>,
}

impl Client {
    /// A client with one redirect address, named like its id.
    pub fn new(id: &str, auth: ClientAuth, redirect_uri: &str) -> Self {
        let redirect_uris = vec![redirect_uri.to_owned()];
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            auth,
            redirect_uris,
        }
    }
}

/// How a client proves itself at the token and revocation endpoints. `Debug` masks the secrets.
#[derive(Clone)]
pub enum ClientAuth {
    /// A public client: it names itself, and PKCE alone protects its codes.
    None,
    /// `client_secret_basic`.
    Basic(String),
    /// `client_secret_post`.
    Post(String),
    /// `private_key_jwt` (RFC 7523): the JWK set with the client's public keys.
    PrivateKeyJwt(Value),
}

impl ClientAuth {
    /// The secret, if it has one.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Basic(secret) | Self::Post(secret) => Some(secret),
            Self::None | Self::PrivateKeyJwt(_) => None,
        }
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic(_) => "Basic(***)",
            Self::Post(_) => "Post(***)",
            Self::PrivateKeyJwt(_) => "PrivateKeyJwt",
        })
    }
}

/// How long things live, from their making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lives {
    /// A code.
    pub code: SignedDuration,
    /// An access token; `expires_in` says so.
    pub access_token: SignedDuration,
    /// A refresh token, each anew; `None` is for ever.
    pub refresh_token: Option<SignedDuration>,
    /// An ID token.
    pub id_token: SignedDuration,
}

impl Default for Lives {
    /// 60 seconds, 1 hour, for ever, 5 minutes.
    fn default() -> Self {
        Self {
            code: SignedDuration::from_secs(60),
            access_token: SignedDuration::from_hours(1),
            refresh_token: None,
            id_token: SignedDuration::from_mins(5),
        }
    }
}

/// What a refresh does to the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Nothing: the answer carries no new one and the old one stays good.
    Keep,
    /// A new one each time; the old one is answered `invalid_grant`, and no more happens.
    Rotate,
    /// A new one each time; a second use of an old one ends the grant and all its tokens.
    DetectReuse,
    /// A new one, as in [`Rotation::DetectReuse`], at every second refresh only.
    Sometimes,
}
