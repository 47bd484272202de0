//! The hostile and the broken provider: each fault does what it says, and no more.

use jiff::SignedDuration;
use jose::{Alg, KeySet};
use rehearsal::fault::{Callback as CallbackFault, Fault, Http, IdToken, Json, Part};
use rehearsal::{Delivery, Endpoint, Request};
use serde_json::{Value, json};

use crate::play::{ISSUER, Play, part, text};

/// The ID token that a fault leaves, and the parts of an honest one.
fn faulty_id_token(play: &mut Play, fault: IdToken) -> Option<String> {
    play.provider.faults.once(fault);
    let token = play.tokens("ann")["id_token"].as_str().map(str::to_owned);
    assert!(play.provider.faults.is_empty());
    let honest = text(&play.tokens("ann"), "id_token");
    assert!(play.verify(&honest, Alg::ES256).is_ok());
    token
}

#[test]
fn an_id_token_over_wrong_claims_is_signed_rightly() {
    let now = Play::new().now.as_second();
    let set = |name: &str, value: Value| IdToken::Set(name.into(), value);
    for (fault, claim, expected) in [
        (
            set("iss", json!("https://evil.example")),
            "iss",
            json!("https://evil.example"),
        ),
        (set("iss", json!([ISSUER])), "iss", json!([ISSUER])),
        (set("aud", json!(5)), "aud", json!(5)),
        (set("azp", json!("other")), "azp", json!("other")),
        (set("nonce", Value::Null), "nonce", Value::Null),
        (set("sub", json!(7)), "sub", json!(7)),
        (set("exp", json!("soon")), "exp", json!("soon")),
        (IdToken::Unset("sub".into()), "sub", Value::Null),
        (
            IdToken::ExtraAudience("other".into()),
            "aud",
            json!(["usher", "other"]),
        ),
        (
            IdToken::At("iat".into(), SignedDuration::from_hours(-168)),
            "iat",
            json!(now - 604_800),
        ),
        (
            IdToken::At("exp".into(), SignedDuration::from_mins(-6)),
            "exp",
            json!(now - 360),
        ),
    ] {
        let mut play = Play::new();
        let name = format!("{fault:?}");
        let token = faulty_id_token(&mut play, fault).unwrap();
        let claims = play.verify(&token, Alg::ES256).unwrap().claims;
        assert_eq!(claims.get(claim).unwrap_or_default(), expected, "{name}");
    }
}

#[test]
fn a_wrong_at_hash_is_of_the_right_length() {
    let mut play = Play::new();
    play.provider.faults.once(IdToken::WrongAtHash);
    let tokens = play.tokens("ann");
    let claims = play
        .verify(&text(&tokens, "id_token"), Alg::ES256)
        .unwrap()
        .claims;
    let right = jose::half_hash(Alg::ES256, &text(&tokens, "access_token"));
    let wrong = claims.text("at_hash").unwrap().unwrap();
    assert_eq!(wrong.len(), right.len());
    assert_ne!(wrong, right);
}

#[test]
fn an_id_token_that_no_verifier_may_take_is_refused_by_ours() {
    let header = |name: &str, value: Value| IdToken::Header(name.into(), value);
    for fault in [
        IdToken::Altered(Part::Header),
        IdToken::Altered(Part::Payload),
        IdToken::Altered(Part::Signature),
        IdToken::Unsigned,
        IdToken::HmacWithPublicKey,
        IdToken::EmbeddedKey,
        IdToken::UnknownKey,
        IdToken::ForeignKey,
        IdToken::Twice("sub".into(), json!("person-ben")),
        header("crit", json!(["exp"])),
        header("typ", json!("logout+jwt")),
        header("b64", json!(false)),
        IdToken::Raw("a.b.c".into()),
    ] {
        for alg in [Alg::ES256, Alg::EdDSA, Alg::RS256] {
            let mut play = Play::with(|config| config.id_token_alg = alg);
            play.provider.faults.once(fault.clone());
            let token = text(&play.tokens("ann"), "id_token");
            assert!(play.verify(&token, alg).is_err(), "{fault:?} {alg:?}");
        }
    }
}

/// The faults of the table above fail for their own reason, not for another slip of ours.
#[test]
fn a_refused_id_token_says_in_itself_what_is_wrong() {
    let mut play = Play::new();
    let mut token = |fault| faulty_id_token(&mut play, fault).unwrap();
    assert_eq!(
        part(&token(IdToken::Unsigned), 0),
        r#"{"alg":"none","typ":"JWT"}"#
    );
    assert!(token(IdToken::Unsigned).ends_with('.'));
    assert!(part(&token(IdToken::HmacWithPublicKey), 0).contains(r#""alg":"HS256""#));
    let embedded: Value = serde_json::from_str(&part(&token(IdToken::EmbeddedKey), 0)).unwrap();
    assert_eq!(embedded["jwk"]["kid"], "embedded");
    assert_eq!(
        part(&token(IdToken::Twice("sub".into(), json!("x"))), 1)
            .matches(r#""sub":"#)
            .count(),
        2
    );
    let jku = token(IdToken::Header(
        "jku".into(),
        json!("https://evil.example/jwks"),
    ));
    assert!(part(&jku, 0).contains("https://evil.example/jwks"));

    let foreign = token(IdToken::ForeignKey);
    let honest = text(&play.tokens("ann"), "id_token");
    let kid = |token: &str| serde_json::from_str::<Value>(&part(token, 0)).unwrap()["kid"].clone();
    assert_eq!(kid(&foreign), kid(&honest));
}

#[test]
fn hmac_with_the_public_key_would_fool_a_verifier_that_takes_the_key_as_a_secret() {
    let mut play = Play::new();
    let token = faulty_id_token(&mut play, IdToken::HmacWithPublicKey).unwrap();
    let jwk = play.at(Endpoint::Keys).json()["keys"][0].to_string();
    let fooled = KeySet::from_secret(jwk.as_bytes());
    let policy = jose::Policy {
        kind: jose::Kind::IdToken,
        algs: &[Alg::HS256],
        max_bytes: jose::MAX_ID_TOKEN_BYTES,
    };
    assert!(jose::verify(&token, &policy, &fooled).is_ok());
}

#[test]
fn an_id_token_can_be_withheld() {
    let mut play = Play::new();
    assert_eq!(faulty_id_token(&mut play, IdToken::Missing), None);
}

#[test]
fn a_refreshed_id_token_can_be_about_another_sign_in() {
    for (claim, value) in [
        ("sub", json!("person-ben")),
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("azp", json!("other")),
        ("auth_time", json!(1)),
    ] {
        let mut play = Play::new();
        play.provider
            .faults
            .once(Fault::RefreshedIdToken(IdToken::Set(
                claim.into(),
                value.clone(),
            )));
        let first = play.tokens("ann");
        let honest = play
            .verify(&text(&first, "id_token"), Alg::ES256)
            .unwrap()
            .claims;
        assert_ne!(honest.get(claim), Some(value.clone()));
        let second = play.refresh(&text(&first, "refresh_token")).json();
        let refreshed = play
            .verify(&text(&second, "id_token"), Alg::ES256)
            .unwrap()
            .claims;
        assert_eq!(refreshed.get(claim), Some(value), "{claim}");
    }
}

#[test]
fn the_way_back_can_lie() {
    let set = |name: &str, value: &str| CallbackFault::Set(name.into(), value.into());
    let hostile = "<script>alert(1)</script>\r\n\u{1b}[31m";
    let refusal = CallbackFault::Refusal {
        error: "odd".into(),
        description: hostile.into(),
    };
    for (fault, name, expected) in [
        (CallbackFault::Unset("iss".into()), "iss", &[][..]),
        (
            set("iss", "https://login.example/Tenant"),
            "iss",
            &["https://login.example/Tenant"],
        ),
        (CallbackFault::Unset("state".into()), "state", &[]),
        (CallbackFault::StateMutated, "state", &["Ahe-state"]),
        (
            CallbackFault::Twice("state".into()),
            "state",
            &["the-state", "the-state"],
        ),
        (set("access_token", "x"), "access_token", &["x"]),
        (set("error", "access_denied"), "error", &["access_denied"]),
        (refusal.clone(), "error_description", &[hostile]),
        (refusal, "code", &[]),
    ] {
        let mut play = Play::new();
        let told = format!("{fault:?}");
        play.provider.faults.once(fault);
        assert_eq!(play.sign_in("ann").all(name), expected, "{told}");
        assert_eq!(play.sign_in("ann").all("state"), ["the-state"]);
    }
}

#[test]
fn a_json_answer_can_lie() {
    let set = |name: &str, value: Value| Json::Set(name.into(), value);
    let mut play = Play::new();
    play.provider.faults.once(Fault::Json(
        Endpoint::Discovery,
        set("issuer", json!("https://evil.example")),
    ));
    assert_eq!(
        play.at(Endpoint::Discovery).json()["issuer"],
        "https://evil.example"
    );
    assert_eq!(play.at(Endpoint::Discovery).json()["issuer"], ISSUER);

    play.provider.faults.once(Fault::Json(
        Endpoint::Token,
        set("token_type", json!("mac")),
    ));
    play.provider.faults.once(Fault::Json(
        Endpoint::Token,
        set("expires_in", json!("300")),
    ));
    play.provider
        .faults
        .once(Fault::Json(Endpoint::Token, Json::Unset("scope".into())));
    let tokens = play.tokens("ann");
    assert_eq!(
        (
            &tokens["token_type"],
            &tokens["expires_in"],
            tokens.get("scope")
        ),
        (&json!("mac"), &json!("300"), None)
    );

    play.provider.faults.once(Fault::Json(
        Endpoint::UserInfo,
        set("sub", json!("person-ben")),
    ));
    let access = text(&tokens, "access_token");
    assert_eq!(
        play.bearer(Endpoint::UserInfo, "", &access).json()["sub"],
        "person-ben"
    );
    assert_eq!(
        play.bearer(Endpoint::UserInfo, "", &access).json()["sub"],
        "person-ann"
    );

    play.provider.faults.once(Fault::Json(
        Endpoint::UserInfo,
        Json::Twice("sub".into(), json!("person-ben")),
    ));
    let body = play.bearer(Endpoint::UserInfo, "", &access).body;
    assert!(jose::json::parse(&body).is_err());
}

#[test]
fn the_faults_of_an_error_leave_the_work_undone() {
    let mut play = Play::new();
    let code = play.sign_in("ann").need("code");
    let status = Http::Status {
        status: 503,
        retry_after_s: Some(7),
    };
    play.provider
        .faults
        .once(Fault::Http(Endpoint::Token, status));
    let answer = play.redeem(&code);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("7"))
    );

    let description = "<b>\u{1b}[31m".to_owned();
    let refusal = Http::Refusal {
        status: 400,
        error: "invalid_grant".into(),
        description: description.clone(),
    };
    play.provider
        .faults
        .once(Fault::Http(Endpoint::Token, refusal));
    assert_eq!(play.redeem(&code).json()["error_description"], description);

    play.provider.faults.once(Fault::Http(
        Endpoint::Token,
        Http::Redirect("http://127.0.0.1/".into()),
    ));
    let answer = play.redeem(&code);
    assert_eq!(
        (answer.status, answer.header("location")),
        (302, Some("http://127.0.0.1/"))
    );

    play.provider
        .faults
        .once(Fault::Http(Endpoint::Token, Http::Unreachable));
    assert_eq!(play.redeem(&code).delivery, Delivery::Unreachable);

    assert_eq!(play.redeem(&code).status, 200);
    let statuses: Vec<u16> = play
        .provider
        .seen_at(Endpoint::Token)
        .map(|seen| seen.status)
        .collect();
    assert_eq!(statuses, [503, 400, 302, 0, 200]);
}

#[test]
fn the_faults_of_the_road_come_after_the_work() {
    let mut play = Play::new();
    let tokens = play.tokens("ann");
    let token = text(&tokens, "refresh_token");
    // Rotates and loses: the retry with the old token ends the grant (RTR-3).
    play.provider
        .faults
        .once(Fault::Http(Endpoint::Token, Http::Dropped));
    assert_eq!(play.refresh(&token).delivery, Delivery::Dropped);
    assert_eq!(play.refresh(&token).status, 400);

    let late = SignedDuration::from_secs(11);
    for (fault, delivery) in [
        (Http::Late(late), Delivery::Late(late)),
        (Http::Dripping, Delivery::Dripping),
        (Http::CutAfter(3), Delivery::CutAfter(3)),
    ] {
        play.provider
            .faults
            .once(Fault::Http(Endpoint::Keys, fault));
        let answer = play.at(Endpoint::Keys);
        assert_eq!(answer.delivery, delivery);
        assert!(answer.json()["keys"].is_array());
    }
}

#[test]
fn a_body_can_be_huge_or_strange() {
    let mut play = Play::new();
    let mut spoiled = |fault| {
        play.provider
            .faults
            .once(Fault::Http(Endpoint::Discovery, fault));
        play.at(Endpoint::Discovery)
    };
    let huge = spoiled(Http::Huge(300_000));
    assert_eq!(
        (huge.body.len(), &huge.json()["issuer"]),
        (300_000, &json!(ISSUER))
    );
    let page = spoiled(Http::NotJson);
    assert_eq!(
        (page.json(), page.header("content-type")),
        (Value::Null, Some("application/json"))
    );
    assert_eq!(spoiled(Http::Body(b"[]".to_vec())).text(), "[]");
    assert_eq!(
        spoiled(Http::ContentType("text/plain".into())).header("content-type"),
        Some("text/plain")
    );
    let aged = spoiled(Http::Header("Cache-Control".into(), "max-age=60".into()));
    assert_eq!(aged.header("cache-control"), Some("max-age=60"));
}

#[test]
fn the_api_can_be_made_to_refuse() {
    let mut play = Play::new();
    let access = text(&play.tokens("ann"), "access_token");
    for status in [401, 403, 500] {
        let fault = Http::Status {
            status,
            retry_after_s: None,
        };
        play.provider
            .faults
            .always(Fault::Http(Endpoint::Api, fault));
        assert_eq!(play.bearer(Endpoint::Api, "", &access).status, status);
        assert_eq!(play.bearer(Endpoint::Api, "", &access).status, status);
        play.provider.faults.clear();
    }
    assert_eq!(play.bearer(Endpoint::Api, "", &access).status, 200);
}

#[test]
fn a_published_set_can_hold_odd_keys() {
    let mut play = Play::new();
    play.provider
        .publish_key(json!({ "kty": "oct", "k": "c2VjcmV0" }));
    assert!(!play.keys().alerts().is_empty());
    let token = text(&play.tokens("ann"), "id_token");
    assert!(play.verify(&token, Alg::ES256).is_ok());
}

#[test]
fn a_request_that_makes_no_sense_is_refused_and_seen() {
    let mut play = Play::new();
    for (method, endpoint, status) in [
        ("DELETE", Endpoint::Token, 405),
        ("GET", Endpoint::Token, 405),
        ("POST", Endpoint::Discovery, 405),
        ("GET", Endpoint::Nowhere, 404),
    ] {
        let request = Request {
            method: method.into(),
            ..Request::get(&play.provider.address(endpoint))
        };
        assert_eq!(play.send(&request).status, status, "{method} {endpoint:?}");
    }
    assert_eq!(play.post(Endpoint::Token, &[]).status, 400);
    assert_eq!(
        play.post(Endpoint::Token, &[("grant_type", "password")])
            .status,
        400
    );
    assert_eq!(play.provider.seen().len(), 6);
}
