use std::sync::Arc;

use jose::Alg;
use jose::sign::SigningKey;
use oauth::Error;
use oauth::http::{Method, Purpose, Response};
use oauth::userinfo::{About, Signed, begin, begin_signed};
use serde_json::{Map, Value, json};
use url::Url;

use crate::scene::{
    ISSUER, answer, at, json_answer, key, key_set, outcome, secret, sent, verdict, with, without,
};

fn endpoint() -> Url {
    Url::parse("https://id.example/userinfo").unwrap()
}

fn told(about: impl Into<About>, answer: Response) -> Result<Map<String, Value>, Error> {
    outcome(begin(&endpoint(), &secret("at"), about).unwrap(), answer)
}

/// Proves in part: UIN-1 (the table; that the sign-in fails is tried in the whole system)
#[test]
fn an_answer_about_someone_else_is_dropped() {
    let about_alice = |body: &Value| verdict(&told(Some("alice"), json_answer(body)));
    for (sub, expected) in [
        (json!("alice"), "ok"),
        (json!("bob"), "misbehaved.userinfo.other_person"),
        (json!("Alice"), "misbehaved.userinfo.other_person"),
        (json!("alice "), "misbehaved.userinfo.other_person"),
        (json!("alice2"), "misbehaved.userinfo.other_person"),
        (json!("alic"), "misbehaved.userinfo.other_person"),
        (json!("alice\u{0}"), "misbehaved.userinfo.other_person"),
        (json!(""), "misbehaved.userinfo.nobody_named"),
        (json!(1), "misbehaved.userinfo.nobody_named"),
        (json!(["alice"]), "misbehaved.userinfo.nobody_named"),
        (json!(null), "misbehaved.userinfo.nobody_named"),
    ] {
        assert_eq!(
            about_alice(&json!({ "sub": sub, "name": "A" })),
            expected,
            "{sub}"
        );
    }
    assert_eq!(
        about_alice(&json!({ "name": "A" })),
        "misbehaved.userinfo.nobody_named"
    );
    assert_eq!(
        verdict(&told(Some("1"), json_answer(&json!({ "sub": 1 })))),
        "misbehaved.userinfo.nobody_named"
    );
    for (id, expected) in [
        (json!({ "id": 5 }), "ok"),
        (json!({ "id": "5" }), "ok"),
        (json!({ "id": "" }), "misbehaved.userinfo.nobody_named"),
        (json!({ "id": null }), "misbehaved.userinfo.nobody_named"),
        (json!({ "id": true }), "misbehaved.userinfo.nobody_named"),
        (json!({ "sub": "5" }), "misbehaved.userinfo.nobody_named"),
    ] {
        let told = told(About::Attribute("id".to_owned()), json_answer(&id));
        assert_eq!(verdict(&told), expected, "{id}");
    }
}

fn signed_answer(key: &SigningKey, claims: &Value) -> Response {
    answer(
        200,
        "application/jwt",
        key.sign(Some("JWT"), claims).unwrap(),
    )
}

fn told_signed(key: &SigningKey, answer: Response) -> Result<Map<String, Value>, Error> {
    let signed = Signed {
        issuer: ISSUER.to_owned(),
        client_id: "usher".to_owned(),
        algs: vec![Alg::ES256],
        keys: Arc::new(key_set(key)),
    };
    outcome(
        begin_signed(&endpoint(), &secret("at"), Some("alice"), signed).unwrap(),
        answer,
    )
}

/// Proves in part: UIN-2 (the table; connections that expect a signed answer come later)
#[test]
fn an_answer_never_falls_from_signed_to_unsigned() {
    let key = key();
    let claims = json!({ "iss": ISSUER, "aud": "usher", "sub": "alice", "name": "A" });
    let check = |claims: &Value, expected: &str| {
        assert_eq!(
            verdict(&told_signed(&key, signed_answer(&key, claims))),
            expected,
            "{claims}"
        );
    };
    check(&claims, "ok");
    check(
        &with(claims.clone(), "aud", json!(["other", "usher"])),
        "ok",
    );
    check(&with(claims.clone(), "exp", json!(at(1).as_second())), "ok");
    check(
        &with(claims.clone(), "exp", json!(at(-61).as_second())),
        "misbehaved.userinfo.claim",
    );
    check(
        &with(claims.clone(), "nbf", json!(at(61).as_second())),
        "misbehaved.userinfo.claim",
    );
    check(
        &with(claims.clone(), "iat", json!(at(61).as_second())),
        "misbehaved.userinfo.claim",
    );
    check(
        &with(claims.clone(), "iss", json!("https://evil.example")),
        "misbehaved.userinfo.issuer",
    );
    check(
        &with(claims.clone(), "aud", json!("other")),
        "misbehaved.userinfo.audience",
    );
    check(&without(claims.clone(), "iss"), "misbehaved.userinfo.claim");
    check(&without(claims.clone(), "aud"), "misbehaved.userinfo.claim");
    check(
        &with(claims.clone(), "sub", json!("bob")),
        "misbehaved.userinfo.other_person",
    );

    let other = SigningKey::generate(Alg::ES256, "k1").unwrap();
    let forged = told_signed(&key, signed_answer(&other, &claims));
    assert_eq!(verdict(&forged), "misbehaved.userinfo.token");
    let unsigned = told_signed(&key, json_answer(&claims));
    assert_eq!(verdict(&unsigned), "misbehaved.userinfo.media_type");
    let unasked = told(Some("alice"), signed_answer(&key, &claims));
    assert_eq!(verdict(&unasked), "misbehaved.userinfo.media_type");
}

#[test]
fn only_a_json_object_is_an_answer() {
    let good = json!({ "sub": "alice" }).to_string();
    for (media_type, body, expected) in [
        ("application/json", good.as_str(), "ok"),
        ("application/json; charset=utf-8", &good, "ok"),
        ("Application/JSON;charset=UTF-8", &good, "ok"),
        ("text/html", &good, "misbehaved.userinfo.media_type"),
        ("", &good, "misbehaved.userinfo.media_type"),
        (
            "application/json",
            r#"[{"sub":"alice"}]"#,
            "misbehaved.json",
        ),
        (
            "application/json",
            r#"{"sub":"bob","sub":"alice"}"#,
            "misbehaved.json",
        ),
        ("application/json", "", "misbehaved.json"),
    ] {
        let told = told(Some("alice"), answer(200, media_type, body));
        assert_eq!(verdict(&told), expected, "{media_type} {body}");
    }
    let long = json!({ "sub": "alice", "x": "x".repeat(256 * 1024) });
    assert_eq!(
        verdict(&told(Some("alice"), json_answer(&long))),
        "misbehaved.json"
    );
}

/// Proves in part: UIN-3 (the request; that the port follows no redirect is the host's)
#[test]
fn the_token_stands_in_a_header_and_goes_nowhere_else() {
    let (request, _) = sent(begin(&endpoint(), &secret("t0k3n"), Some("alice")).unwrap());
    assert_eq!(
        (request.purpose, request.method),
        (Purpose::UserInfo, Method::Get)
    );
    assert_eq!(request.url, endpoint());
    assert!(request.body.is_none());
    let bearer: Vec<&str> = request
        .headers
        .iter()
        .filter(|(_, value)| value.expose_text().contains("t0k3n"))
        .map(|(name, value)| {
            assert_eq!(value.expose_text(), "Bearer t0k3n");
            name.as_str()
        })
        .collect();
    assert_eq!(bearer, ["authorization"]);
    for status in [301, 302, 303, 307, 308] {
        let mut away = answer(status, "application/json", r#"{"sub":"alice"}"#);
        away.headers
            .push(("location".to_owned(), "https://evil.example/".to_owned()));
        assert_eq!(
            verdict(&told(Some("alice"), away)),
            "misbehaved.redirected",
            "{status}"
        );
    }
}

#[test]
fn only_a_401_asks_for_another_access_token() {
    for (status, expected, again) in [
        (401, "refused.access_token", true),
        (403, "refused.forbidden", false),
        (429, "unavailable", false),
        (500, "unavailable", false),
        (404, "misbehaved.status", false),
    ] {
        let error = told(Some("alice"), answer(status, "text/plain", "")).unwrap_err();
        assert_eq!(
            (error.code(), error.wants_new_access_token()),
            (expected, again),
            "{status}"
        );
    }
}
