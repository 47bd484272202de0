//! What real providers were seen to send, which differs from one to the next and is accepted from all.

use jose::sign::SigningKey;
use oauth::client::ClientAuth;
use oauth::discovery::begin;
use oauth::id_token::{Expected, verify, verify_refreshed};
use oauth::token::refresh;
use oauth::{Exchange as _, Progress, Provider, Rules, userinfo};
use serde_json::{Value, json};

use crate::scene::{
    ISSUER, STRICT, answer, at, caller, client, json_answer, key, key_set, metadata, now, outcome,
    provider, secret, sent, with, without,
};

fn discovered(address: &str, rules: Rules, document: &Value) -> Provider {
    let (_, search) = sent(begin(address, &rules).unwrap());
    match search.receive(json_answer(document), now()).unwrap() {
        Progress::Done(provider) => provider,
        Progress::Send(request, _) => panic!("asked once more: {request:?}"),
    }
}

/// Proves in part: CFG-10 (types that were seen; recorded behaviour of whole journeys is to come)
#[test]
fn metadata_as_real_providers_write_them_are_read() {
    // LemonLDAP::NG: an issuer with a trailing slash. Others: one with a path.
    for issuer in [
        "https://auth.example/",
        "https://auth.example/o",
        "https://auth.example/api/oidc",
    ] {
        let found = discovered(issuer, STRICT, &with(metadata(), "issuer", json!(issuer)));
        assert_eq!(found.issuer.as_deref(), Some(issuer));
    }
    // LemonLDAP::NG again: endpoints with a double slash. They are kept, since they mean what they say.
    let double = "https://id.example//oauth2/token";
    let found = discovered(
        ISSUER,
        STRICT,
        &with(metadata(), "token_endpoint", json!(double)),
    );
    assert_eq!(found.token_endpoint.as_str(), double);
    // Several do not say which PKCE methods they know.
    let silent = without(metadata(), "code_challenge_methods_supported");
    assert!(discovered(ISSUER, STRICT, &silent).has_s256());
    // A provider on this machine, during development.
    let local = "http://127.0.0.1:7240";
    let mut document = with(metadata(), "issuer", json!(local));
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
    ] {
        document[name] = json!(format!("{local}/oauth/{name}"));
    }
    let rules = Rules { development: true };
    assert_eq!(
        discovered(local, rules, &document).issuer.as_deref(),
        Some(local)
    );
}

#[test]
fn id_tokens_as_real_providers_write_them_are_believed() {
    let key: SigningKey = key();
    let keys = key_set(&key);
    let provider = provider();
    let expected = Expected {
        nonce: Some("n"),
        ..Expected::of(&provider, "usher").unwrap()
    };
    let plain = json!({
        "iss": ISSUER, "sub": "alice", "aud": "usher", "nonce": "n",
        "iat": now().as_second(), "exp": at(300).as_second(),
    });
    for (who, name, value) in [
        ("oidc-provider, django: one audience", "aud", json!("usher")),
        (
            "canaille, LemonLDAP: a list of one",
            "aud",
            json!(["usher"]),
        ),
        (
            "canaille: a fraction",
            "auth_time",
            json!(1_795_305_351.325_001),
        ),
        ("glewlwyd: unknown, spelt 0", "auth_time", json!(0)),
        ("django: people are numbered", "sub", json!("1")),
        ("glewlwyd: random", "sub", json!("Zk3_x-9QwErTy")),
        ("a fraction in iat", "iat", json!(1_767_225_599.75)),
        ("Entra, Keycloak: typ and azp", "azp", json!("usher")),
    ] {
        let claims = with(plain.clone(), name, value);
        for typ in [None, Some("JWT"), Some("jwt")] {
            let token = key.sign(typ, &claims).unwrap();
            let believed = verify(&token, &expected, &keys, now());
            let first = believed
                .unwrap_or_else(|fault| panic!("{who}: {fault}"))
                .first_login()
                .unwrap();
            // The same token again, as after a refresh: oidc-provider repeats the nonce.
            verify_refreshed(&token, &expected, &first, &keys, now()).unwrap();
        }
    }
}

#[test]
fn token_answers_as_real_providers_write_them_are_read() {
    let (provider, client) = (provider(), client(ClientAuth::None));
    for body in [
        json!({ "access_token": "a", "token_type": "bearer", "expires_in": 3600 }),
        json!({ "access_token": "a", "token_type": "Bearer", "expires_in": "3600" }),
        json!({ "access_token": "a", "token_type": "bearer", "scope": ["openid", "email"] }),
        json!({ "access_token": "a", "token_type": "bearer", "refresh_token": null, "scope": "" }),
        json!({ "access_token": "a", "token_type": "bearer", "ext_expires_in": 9, "iat": 1, "x": {} }),
    ] {
        let begun = refresh(&caller(&provider, &client, 1), &secret("old"), &[]).unwrap();
        outcome(begun, json_answer(&body)).unwrap_or_else(|error| panic!("{body}: {error:?}"));
    }
}

#[test]
fn user_information_as_real_providers_write_it_is_read() {
    for (media_type, body) in [
        (
            "application/json",
            json!({ "sub": "alice", "scope": ["openid", "email"] }),
        ),
        (
            "application/json;charset=UTF-8",
            json!({ "sub": "alice", "email_verified": "true" }),
        ),
        (
            "application/json; charset=utf-8",
            json!({ "sub": "alice", "address": { "x": null } }),
        ),
    ] {
        let begun = userinfo::begin(&provider().token_endpoint, &secret("at"), Some("alice"));
        outcome(begun.unwrap(), answer(200, media_type, body.to_string())).unwrap();
    }
}
