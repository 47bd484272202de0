use jiff::{SignedDuration, Timestamp};
use oauth::authorize::{Ask, Seeds};
use oauth::client::ClientAuth;
use oauth::http::Response;
use oauth::token::{Code, Tokens, client_credentials, redeem, refresh};
use oauth::{Error, quirks};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::scene::{
    REDIRECT, answer, caller, client, form, json_answer, now, outcome, pairs, provider, secret,
    sent, texts, value, verdict, with, without,
};

fn good() -> Value {
    json!({
        "access_token": "at", "token_type": "Bearer", "expires_in": 3600,
        "refresh_token": "rt", "id_token": "a.b.c", "scope": "openid email",
    })
}

fn redeemed(scopes: &[&str], answer: Response) -> Result<Tokens, Error> {
    let (provider, client) = (provider(), client(ClientAuth::None));
    let (code, verifier, scopes) = (secret("code"), secret("verifier"), texts(scopes));
    let code = Code {
        code: &code,
        redirect_uri: REDIRECT,
        verifier: &verifier,
        scopes: &scopes,
    };
    outcome(
        redeem(&caller(&provider, &client, 1), &code).unwrap(),
        answer,
    )
}

fn refreshed(scopes: &[&str], answer: Response) -> Result<Tokens, Error> {
    let (provider, client) = (provider(), client(ClientAuth::None));
    let begun = refresh(
        &caller(&provider, &client, 1),
        &secret("old"),
        &texts(scopes),
    );
    outcome(begun.unwrap(), answer)
}

fn check(body: &Value, expected: &str) {
    assert_eq!(
        verdict(&redeemed(&["openid"], json_answer(body))),
        expected,
        "{body}"
    );
}

#[test]
fn a_good_answer_is_read_whole() {
    let tokens = redeemed(&["openid"], json_answer(&good())).unwrap();
    assert_eq!(tokens.access_token.expose_secret(), "at");
    assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "rt");
    assert_eq!(tokens.id_token.unwrap().expose_secret(), "a.b.c");
    assert_eq!(tokens.expires_at, now() + SignedDuration::from_hours(1));
    assert!(tokens.expires_known);
    assert_eq!(tokens.scopes, ["openid", "email"]);
}

/// Proves: BND-15
#[test]
fn a_token_answer_that_lies_is_refused() {
    for bad in [
        json!(""),
        json!(null),
        json!("a\nb"),
        json!("a\u{7f}"),
        json!("tök"),
    ] {
        check(&with(good(), "access_token", bad), "misbehaved.member");
    }
    for bad in [json!(5), json!(["at"]), json!({})] {
        check(
            &with(good(), "access_token", bad.clone()),
            "misbehaved.member",
        );
        check(
            &with(good(), "refresh_token", bad.clone()),
            "misbehaved.member",
        );
        check(&with(good(), "id_token", bad.clone()), "misbehaved.member");
        check(&with(good(), "token_type", bad), "misbehaved.member");
    }
    check(
        &with(good(), "access_token", json!("a".repeat(16 * 1024))),
        "ok",
    );
    check(
        &with(good(), "access_token", json!("a".repeat(16 * 1024 + 1))),
        "misbehaved.member",
    );
    check(
        &with(good(), "refresh_token", json!("a\r\nb")),
        "misbehaved.member",
    );
    check(&without(good(), "access_token"), "misbehaved.member");
    check(&without(good(), "token_type"), "misbehaved.member");
    check(&without(good(), "id_token"), "misbehaved.id_token_missing");
    let plain = redeemed(&["email"], json_answer(&without(good(), "id_token")));
    assert_eq!(verdict(&plain), "ok", "no ID token was asked for");
    for twice in [
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "unknown",
    ] {
        let body =
            format!(r#"{{"{twice}":"a","access_token":"at","token_type":"bearer","{twice}":"a"}}"#);
        let refused = redeemed(&[], answer(200, "application/json", body));
        assert_eq!(verdict(&refused), "misbehaved.json", "{twice}");
    }
    for body in [
        "",
        "[]",
        "null",
        "access_token=at&token_type=bearer",
        "<html>",
        "{",
        "{}x",
        "\u{feff}{}",
    ] {
        let refused = redeemed(&[], answer(200, "application/json", body));
        assert_eq!(verdict(&refused), "misbehaved.json", "{body}");
    }
    for status in [201, 204, 206, 100, 418] {
        let refused = redeemed(&[], answer(status, "application/json", good().to_string()));
        assert_eq!(verdict(&refused), "misbehaved.status", "{status}");
    }
}

/// Proves: BND-15
#[test]
fn a_life_is_read_whatever_its_spelling() {
    let year = 365 * 24 * 3600;
    for (given, expected) in [
        (json!(3600), Some(3600)),
        (json!(3599.9), Some(3599)),
        (json!("3600"), Some(3600)),
        (json!("3600.7"), Some(3600)),
        (json!(0), Some(0)),
        (json!(-5), Some(0)),
        (json!("-5"), Some(0)),
        (json!(-0.5), Some(0)),
        (json!(1e300), Some(year)),
        (json!(u64::MAX), Some(year)),
        (json!("99999999999999999999"), Some(year)),
        (json!(null), None),
    ] {
        let body = json_answer(&with(good(), "expires_in", given.clone()));
        let tokens = redeemed(&["openid"], body).unwrap();
        let life = SignedDuration::from_secs(expected.unwrap_or(300));
        assert_eq!(tokens.expires_at, now() + life, "{given}");
        assert_eq!(tokens.expires_known, expected.is_some(), "{given}");
    }
    let silent = redeemed(&["openid"], json_answer(&without(good(), "expires_in"))).unwrap();
    assert_eq!(
        (silent.expires_at, silent.expires_known),
        (now() + SignedDuration::from_mins(5), false)
    );
    for bad in [
        json!(""),
        json!("1h"),
        json!("0x10"),
        json!("1e3"),
        json!("inf"),
        json!("NaN"),
        json!("--5"),
        json!("5."),
        json!(".5"),
        json!(" 5"),
        json!(true),
        json!([5]),
        json!("9".repeat(99)),
    ] {
        check(&with(good(), "expires_in", bad), "misbehaved.member");
    }
}

/// Proves in part: ACT-17 (the status of the action and that nothing is stored are the flow's)
#[test]
fn only_bearer_tokens_are_accepted() {
    for (kind, expected) in [
        ("Bearer", "ok"),
        ("bearer", "ok"),
        ("BEARER", "ok"),
        ("bEaReR", "ok"),
        ("DPoP", "unsupported.token_type"),
        ("mac", "unsupported.token_type"),
        ("N_A", "unsupported.token_type"),
        ("", "unsupported.token_type"),
        ("Bearer ", "unsupported.token_type"),
        ("bearer,mac", "unsupported.token_type"),
        ("ʙearer", "unsupported.token_type"),
    ] {
        check(&with(good(), "token_type", json!(kind)), expected);
    }
}

/// Proves in part: BND-8 (the values; that they are stored with the attempt is the store's)
#[test]
fn the_token_request_repeats_the_redirect_address_byte_for_byte() {
    let (provider, client) = (provider(), client(ClientAuth::None));
    let scopes = texts(&["openid"]);
    let seeds = Seeds {
        state: [1; 32],
        nonce: [2; 32],
        verifier: [3; 32],
    };
    for redirect_uri in [
        REDIRECT,
        "http://localhost/oauth-callback",
        "https://usher.example/oauth-callback/a%2Fb/c",
        "https://usher.example:443/x/",
        "https://USHER.example",
    ] {
        let ask = Ask {
            provider: &provider,
            client_id: "usher",
            redirect_uri,
            scopes: &scopes,
            prompt: None,
            extras: &[],
            hints: &[],
        };
        let authorization = oauth::authorize::begin(&ask, &seeds).unwrap();
        let asked = pairs(authorization.url.query().unwrap());
        let code = secret("c&d=e");
        let verifier = &authorization.verifier;
        let code = Code {
            code: &code,
            redirect_uri,
            verifier,
            scopes: &scopes,
        };
        let (request, _) = sent(redeem(&caller(&provider, &client, 1), &code).unwrap());
        let form = form(&request);
        assert_eq!(value(&form, "redirect_uri"), value(&asked, "redirect_uri"));
        assert_eq!(value(&form, "redirect_uri"), [redirect_uri]);
        assert_eq!(value(&form, "code"), ["c&d=e"]);
        assert_eq!(value(&form, "code_verifier"), [verifier.expose_secret()]);
        assert_eq!(request.url, provider.token_endpoint);
    }
}

#[test]
fn a_refresh_asks_with_the_refresh_token_alone() {
    let (provider, client) = (provider(), client(ClientAuth::None));
    let begun = refresh(
        &caller(&provider, &client, 1),
        &secret("old"),
        &texts(&["a"]),
    )
    .unwrap();
    let (request, _) = sent(begun);
    let expected = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "old"),
        ("client_id", "usher"),
    ];
    assert_eq!(
        form(&request),
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

/// Proves in part: ACT-12 (an absent scope is the asked one)
#[test]
fn what_a_refresh_leaves_out_stays_as_it_was() {
    let body = json!({ "access_token": "new", "token_type": "bearer" });
    let tokens = refreshed(&["openid", "email"], json_answer(&body)).unwrap();
    assert_eq!(tokens.scopes, ["openid", "email"]);
    assert!(tokens.refresh_token.is_none() && tokens.id_token.is_none());
    for empty in ["", "null"] {
        let empty = if empty.is_empty() {
            json!("")
        } else {
            json!(null)
        };
        let body = with(body.clone(), "refresh_token", empty);
        assert!(
            refreshed(&[], json_answer(&body))
                .unwrap()
                .refresh_token
                .is_none()
        );
    }
    let narrowed = with(body, "scope", json!("email"));
    assert_eq!(
        refreshed(&["openid", "email"], json_answer(&narrowed))
            .unwrap()
            .scopes,
        ["email"]
    );
}

/// Proves in part: BND-12 (what was not granted is known)
#[test]
fn a_partial_consent_is_noticed() {
    for (scope, required, lacking) in [
        (json!("openid email"), &["openid", "email"][..], &[][..]),
        (json!("openid"), &["openid", "email"], &["email"]),
        (json!("openid email files.read"), &["email"], &[]),
        (json!("  email   openid "), &["openid", "email"], &[]),
        (json!(["openid", "email"]), &["openid", "email"], &[]),
        (json!(""), &["openid"], &[]),
        (json!("Email"), &["email"], &["email"]),
    ] {
        let body = with(good(), "scope", scope.clone());
        let tokens = redeemed(&["openid"], json_answer(&body)).unwrap();
        assert_eq!(
            tokens.lacks(&texts(required), &quirks::NONE),
            lacking,
            "{scope}"
        );
    }
}

#[test]
fn a_refusal_says_who_can_mend_it() {
    let refused = |status: u16, error: &str| {
        let body = json!({ "error": error, "error_description": "x" }).to_string();
        refreshed(&[], answer(status, "application/json", body))
    };
    for (status, error, expected) in [
        (400, "invalid_grant", "refused.invalid_grant"),
        (401, "invalid_client", "rejected.client"),
        (400, "invalid_client", "rejected.client"),
        (400, "unauthorized_client", "rejected.client"),
        (400, "invalid_request", "rejected.request"),
        (400, "invalid_scope", "unsupported.scope"),
        (400, "unsupported_grant_type", "unsupported.grant_type"),
        (400, "interaction_required", "refused.needs_person"),
        (400, "temporarily_unavailable", "unavailable"),
        (200, "bad_verification_code", "refused.other"),
        (503, "invalid_grant", "unavailable"),
        (500, "", "unavailable"),
        (429, "slow_down", "unavailable"),
        (302, "invalid_grant", "misbehaved.redirected"),
    ] {
        assert_eq!(
            verdict(&refused(status, error)),
            expected,
            "{status} {error}"
        );
    }
    let bare = |status| verdict(&refreshed(&[], answer(status, "text/html", "<html>")));
    assert_eq!(
        (bare(401), bare(404)),
        ("rejected.unexplained", "misbehaved.status")
    );
}

#[test]
fn a_busy_provider_says_when_to_come_back() {
    for (header, expected) in [
        (None, None),
        (Some("120"), Some(120)),
        (Some("0"), Some(0)),
        (Some("999999999"), Some(86_400)),
        (Some("Thu, 01 Jan 2026 00:01:00 GMT"), Some(60)),
        (Some("Wed, 31 Dec 2025 23:00:00 GMT"), Some(0)),
        (Some("soon"), None),
        (Some("-1"), None),
    ] {
        let mut busy = answer(503, "text/plain", "");
        busy.headers
            .extend(header.map(|text| ("retry-after".to_owned(), text.to_owned())));
        let retry_after = expected.map(SignedDuration::from_secs);
        let expected = Error::Unavailable {
            status: 503,
            retry_after,
        };
        assert_eq!(refreshed(&[], busy).unwrap_err(), expected, "{header:?}");
    }
}

#[test]
fn our_own_tokens_are_asked_for_without_a_person() {
    let (provider, client) = (provider(), client(ClientAuth::None));
    let begun = client_credentials(&caller(&provider, &client, 1), &texts(&["a", "b"])).unwrap();
    let (request, _) = sent(begun);
    let form = form(&request);
    assert_eq!(value(&form, "grant_type"), ["client_credentials"]);
    assert_eq!(value(&form, "scope"), ["a b"]);
}

#[test]
fn a_life_at_the_end_of_time_does_not_overflow() {
    let (provider, client) = (provider(), client(ClientAuth::None));
    let (_, exchange) = sent(refresh(&caller(&provider, &client, 1), &secret("old"), &[]).unwrap());
    let done = oauth::Exchange::receive(exchange, json_answer(&good()), Timestamp::MAX);
    let Ok(oauth::Progress::Done(tokens)) = done else {
        panic!("{done:?}")
    };
    assert_eq!(tokens.expires_at, Timestamp::MAX);
}
