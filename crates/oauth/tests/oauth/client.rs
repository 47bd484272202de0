use jose::{KeySet, Kind, Policy};
use oauth::Provider;
use oauth::client::{Client, ClientAuth};
use oauth::http::{Purpose, Request};
use oauth::revoke::{self, Hint};
use oauth::token::refresh;

use crate::scene::{
    ISSUER, answer, caller, client, form, key, key_set, now, outcome, provider, secret, sent,
    value, verdict,
};

fn request(provider: &Provider, client: &Client, seed: u8) -> Request {
    let begun = refresh(&caller(provider, client, seed), &secret("old"), &[]).unwrap();
    sent(begun).0
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .headers
        .iter()
        .find(|(held, _)| held == name)
        .map(|(_, value)| value.expose_text())
}

/// The claims of an assertion, after its signature was found good.
fn claims(request: &Request, keys: &KeySet) -> jose::Claims {
    let form = form(request);
    let policy = Policy {
        kind: Kind::IdToken,
        algs: &[jose::Alg::ES256],
        max_bytes: jose::MAX_BYTES,
    };
    let [assertion] = value(&form, "client_assertion")[..] else {
        panic!("{form:?}")
    };
    jose::verify(assertion, &policy, keys).unwrap().claims
}

/// Proves in part: BND-16 (proof of possession, whose second try counts too, is not implemented)
#[test]
fn a_client_proves_itself_anew_on_every_try() {
    let (provider, key) = (provider(), key());
    let keys = key_set(&key);
    let client = client(ClientAuth::PrivateKeyJwt(key));
    let [first, second] = [1, 2].map(|seed| request(&provider, &client, seed));
    let ids = [&first, &second].map(|request| {
        claims(request, &keys)
            .required_text("jti")
            .unwrap()
            .to_owned()
    });
    assert_ne!(ids[0], ids[1], "two tries, two `jti`");
    assert_eq!(jose::base64url::decode(&ids[0]).unwrap(), [1; 32]);

    let claims = claims(&first, &keys);
    assert_eq!(claims.get("aud").unwrap(), ISSUER, "a single string");
    assert_eq!(claims.required_text("iss").unwrap(), "usher");
    assert_eq!(claims.required_text("sub").unwrap(), "usher");
    let life = claims
        .required_instant("exp")
        .unwrap()
        .timestamp()
        .duration_since(now());
    assert!(life.as_secs() <= 60 && life.is_positive(), "{life}");
    let form = form(&first);
    assert_eq!(
        value(&form, "client_assertion_type"),
        ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    );
    assert_eq!(value(&form, "client_secret"), [""; 0]);
}

#[test]
fn basic_encodes_id_and_secret_before_it_joins_them() {
    // RFC 6749 §2.3.1: a colon, a percent or an umlaut must not shift the border.
    for (id, password, expected) in [
        ("usher", "s3cret", "dXNoZXI6czNjcmV0"),
        ("us:her", "a b&c=d%", "dXMlM0FoZXI6YStiJTI2YyUzRGQlMjU="),
        ("ü", "+/", "JUMzJUJDOiUyQiUyRg=="),
    ] {
        let client = Client {
            id: id.to_owned(),
            auth: ClientAuth::Basic(secret(password)),
        };
        let request = request(&provider(), &client, 1);
        assert_eq!(
            header(&request, "authorization"),
            Some(format!("Basic {expected}").as_str())
        );
        let form = form(&request);
        assert!(value(&form, "client_id").is_empty() && value(&form, "client_secret").is_empty());
    }
}

#[test]
fn post_and_none_stand_in_the_form() {
    let posted = form(&request(
        &provider(),
        &client(ClientAuth::Post(secret("s&t"))),
        1,
    ));
    assert_eq!(value(&posted, "client_id"), ["usher"]);
    assert_eq!(value(&posted, "client_secret"), ["s&t"]);
    let public = request(&provider(), &client(ClientAuth::None), 1);
    assert_eq!(value(&form(&public), "client_id"), ["usher"]);
    assert_eq!(header(&public, "authorization"), None);
}

#[test]
fn an_assertion_is_for_the_token_endpoint_only_by_a_quirk_or_where_there_is_no_issuer() {
    let key = key();
    let keys = key_set(&key);
    let client = client(ClientAuth::PrivateKeyJwt(key));
    for (issuer, expected) in [
        (Some(ISSUER), ISSUER),
        (Some("https://id.example/"), "https://id.example/"),
        (Some("https://acme.okta.com"), "https://id.example/token"),
        (
            Some("https://login.microsoftonline.com/{tenantid}/v2.0"),
            "https://id.example/token",
        ),
        (None, "https://id.example/token"),
    ] {
        let provider = Provider {
            issuer: issuer.map(str::to_owned),
            ..provider()
        };
        let claims = claims(&request(&provider, &client, 1), &keys);
        assert_eq!(claims.get("aud").unwrap(), expected, "{issuer:?}");
    }
}

#[test]
fn a_token_is_ended_where_the_provider_ends_tokens() {
    let provider = provider();
    let client = client(ClientAuth::Basic(secret("s")));
    let endpoint = provider.revocation_endpoint.clone().unwrap();
    let begin = |hint| {
        revoke::begin(
            &endpoint,
            &secret("rt&x"),
            hint,
            &caller(&provider, &client, 1),
        )
        .unwrap()
    };
    let (request, _) = sent(begin(Hint::RefreshToken));
    assert_eq!(
        (request.purpose, &request.url),
        (Purpose::Revocation, &endpoint)
    );
    let form = form(&request);
    assert_eq!(value(&form, "token"), ["rt&x"]);
    assert_eq!(value(&form, "token_type_hint"), ["refresh_token"]);
    for (status, body, expected) in [
        (200, "", "ok"),
        (204, "", "ok"),
        (
            400,
            r#"{"error":"unsupported_token_type"}"#,
            "unsupported.revocation",
        ),
        (401, r#"{"error":"invalid_client"}"#, "rejected.client"),
        (503, "", "unavailable"),
        (302, "", "misbehaved.redirected"),
    ] {
        let ended = outcome(
            begin(Hint::AccessToken),
            answer(status, "application/json", body),
        );
        assert_eq!(verdict(&ended), expected, "{status} {body}");
    }
}
