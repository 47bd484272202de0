//! A client that plays against the provider, as the tests need it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jose::{Alg, KeySet, Kind, Policy, Verified};
use rehearsal::{Client, ClientAuth, Config, Endpoint, Provider, Request, Response};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

pub(crate) const ISSUER: &str = "https://login.example/tenant";
pub(crate) const CALLBACK: &str = "https://usher.example/oauth-callback/acme/corp";
pub(crate) const SECRET: &str = "a secret of at least thirty-two bytes, & = + %";
pub(crate) const VERIFIER: &str = "verifier-verifier-verifier-verifier-verifier";
pub(crate) const SCOPES: &str = "openid profile email offline_access";

/// One client, one provider, one clock.
pub(crate) struct Play {
    pub(crate) provider: Provider,
    pub(crate) now: Timestamp,
}

impl Play {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let client = Client::new("usher", ClientAuth::Basic(SECRET.into()), CALLBACK);
        let mut config = Config::new(ISSUER, [7; 32]).with(client);
        change(&mut config);
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        Self {
            provider: Provider::new(config).unwrap(),
            now,
        }
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn send(&mut self, request: &Request) -> Response {
        self.provider.answer(request, self.now)
    }

    pub(crate) fn at(&mut self, endpoint: Endpoint) -> Response {
        let address = self.provider.address(endpoint);
        self.send(&Request::get(&address))
    }

    /// The authorization request, with these parameters set anew or, when empty, left out.
    pub(crate) fn ask(&self, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let usual = [
            ("client_id", "usher"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", SCOPES),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let set_anew = |name: &str| changes.iter().any(|(n, _)| *n == name);
        let kept = usual.into_iter().filter(|(name, _)| !set_anew(name));
        let set = changes
            .iter()
            .copied()
            .filter(|(_, value)| !value.is_empty());
        let mut url = Url::parse(&self.provider.address(Endpoint::Authorize)).unwrap();
        url.query_pairs_mut().extend_pairs(kept.chain(set));
        url.into()
    }

    /// Signs a person in and gives the parameters of the callback.
    pub(crate) fn sign_in(&mut self, person: &str) -> Callback {
        let ask = self.ask(&[]);
        Callback::read(&self.provider.authorize_as(&ask, person, self.now).unwrap())
    }

    pub(crate) fn post(&mut self, endpoint: Endpoint, form: &[(&str, &str)]) -> Response {
        let address = self.provider.address(endpoint);
        self.send(&Request::post(&address, form).basic("usher", SECRET))
    }

    pub(crate) fn redeem(&mut self, code: &str) -> Response {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post(Endpoint::Token, &form)
    }

    pub(crate) fn refresh(&mut self, token: &str) -> Response {
        self.post(
            Endpoint::Token,
            &[("grant_type", "refresh_token"), ("refresh_token", token)],
        )
    }

    /// Tokens of a person who signs in now.
    pub(crate) fn tokens(&mut self, person: &str) -> Value {
        let code = self.sign_in(person).need("code");
        let answer = self.redeem(&code);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) fn bearer(&mut self, endpoint: Endpoint, query: &str, token: &str) -> Response {
        let address = format!("{}{query}", self.provider.address(endpoint));
        self.send(&Request::get(&address).bearer(token))
    }

    pub(crate) fn keys(&mut self) -> KeySet {
        KeySet::parse(&self.at(Endpoint::Keys).body).unwrap()
    }

    pub(crate) fn verify(&mut self, token: &str, alg: Alg) -> Result<Verified, jose::Fault> {
        let keys = if alg == Alg::HS256 {
            KeySet::from_secret(SECRET.as_bytes())
        } else {
            self.keys()
        };
        let policy = Policy {
            kind: Kind::IdToken,
            algs: &[alg],
            max_bytes: jose::MAX_ID_TOKEN_BYTES,
        };
        jose::verify(token, &policy, &keys)
    }
}

/// What came back to the client.
pub(crate) struct Callback(pub(crate) Vec<(String, String)>);

impl Callback {
    pub(crate) fn read(location: &str) -> Self {
        assert!(location.starts_with(CALLBACK), "{location}");
        let url = Url::parse(location).unwrap();
        Self(url.query_pairs().into_owned().collect())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub(crate) fn need(&self, name: &str) -> String {
        self.one(name).unwrap().to_owned()
    }
}

/// A member of a JSON answer, as text.
pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
        .to_owned()
}

/// Header or claims of a token that is not trusted, as text.
pub(crate) fn part(token: &str, at: usize) -> String {
    let part = token.split('.').nth(at).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
