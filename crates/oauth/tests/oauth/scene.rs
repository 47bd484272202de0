//! What the tables share: one provider, one client, one moment.

use jiff::Timestamp;
use jose::Alg;
use jose::sign::SigningKey;
use oauth::client::{Caller, Client, ClientAuth};
use oauth::discovery::Endpoints;
use oauth::http::{Request, Response};
use oauth::{Error, Exchange, Progress, Provider, Rules};
use secrecy::SecretString;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const REDIRECT: &str = "https://usher.example/oauth-callback/acme/corp";
pub(crate) const STRICT: Rules = Rules { development: false };

/// 2026-01-01T00:00:00Z.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

pub(crate) fn provider() -> Provider {
    let typed = |path: &str| Some(format!("{ISSUER}/{path}"));
    let endpoints = Endpoints {
        issuer: Some(ISSUER.to_owned()),
        authorization: typed("authorize"),
        token: typed("token"),
        userinfo: typed("userinfo"),
        revocation: typed("revoke"),
        end_session: typed("logout"),
        jwks: typed("jwks"),
    };
    Provider::from_endpoints(&endpoints, &STRICT).unwrap()
}

pub(crate) fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://id.example/authorize",
        "token_endpoint": "https://id.example/token",
        "userinfo_endpoint": "https://id.example/userinfo",
        "jwks_uri": "https://id.example/jwks",
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

pub(crate) fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

pub(crate) fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

pub(crate) fn client(auth: ClientAuth) -> Client {
    Client {
        id: "usher".to_owned(),
        auth,
    }
}

pub(crate) fn caller<'a>(provider: &'a Provider, client: &'a Client, seed: u8) -> Caller<'a> {
    Caller {
        provider,
        client,
        seed: [seed; 32],
        now: now(),
    }
}

pub(crate) fn key() -> SigningKey {
    SigningKey::generate(Alg::ES256, "k1").unwrap()
}

pub(crate) fn key_set(key: &SigningKey) -> jose::KeySet {
    jose::KeySet::parse(&key_set_json(&[key])).unwrap()
}

pub(crate) fn key_set_json(keys: &[&SigningKey]) -> Vec<u8> {
    let keys: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

pub(crate) fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

pub(crate) fn answer(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Response {
    let headers = vec![("content-type".to_owned(), media_type.to_owned())];
    Response {
        status,
        headers,
        body: body.into(),
    }
}

pub(crate) fn json_answer(body: &Value) -> Response {
    answer(200, "application/json", body.to_string())
}

/// The request that an exchange begins with.
pub(crate) fn sent<E: Exchange>(progress: Progress<E>) -> (Request, E) {
    match progress {
        Progress::Send(request, exchange) => (request, exchange),
        Progress::Done(_) => panic!("done without having asked"),
    }
}

/// What comes of an exchange that is answered once.
pub(crate) fn outcome<E: Exchange>(
    progress: Progress<E>,
    answer: Response,
) -> Result<E::Outcome, Error> {
    let (_, exchange) = sent(progress);
    match exchange.receive(answer, now())? {
        Progress::Done(outcome) => Ok(outcome),
        Progress::Send(request, _) => panic!("asked once more: {request:?}"),
    }
}

/// What a form or a query says, in order.
pub(crate) fn pairs(encoded: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded.as_bytes())
        .into_owned()
        .collect()
}

pub(crate) fn form(request: &Request) -> Vec<(String, String)> {
    pairs(request.body.as_ref().unwrap().expose_text())
}

pub(crate) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    pairs
        .iter()
        .filter(|(held, _)| held == name)
        .map(|(_, value)| value.as_str())
        .collect()
}

/// `"ok"`, or the code of the error.
pub(crate) fn verdict<T>(result: &Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}
