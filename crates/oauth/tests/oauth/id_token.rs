use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use jose::sign::SigningKey;
use jose::{Alg, KeySet, half_hash};
use oauth::Misbehavior;
use oauth::id_token::{Expected, FirstLogin, IdToken, verify, verify_refreshed};
use serde_json::{Value, json};

use crate::scene::{ISSUER, at, key_set, now, texts, with, without};

const NONCE: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";

static KEY: LazyLock<SigningKey> = LazyLock::new(crate::scene::key);
static KEYS: LazyLock<KeySet> = LazyLock::new(|| key_set(&KEY));

fn good() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "usher", "nonce": NONCE,
        "iat": now().as_second(), "exp": at(300).as_second(),
    })
}

const EXPECTED: Expected<'static> = Expected {
    issuer: ISSUER,
    tenants: &[],
    client_id: "usher",
    trusted_audiences: &[],
    algs: &[Alg::ES256],
    nonce: Some(NONCE),
    access_token: Some("at"),
    code: Some("code"),
    state: Some("state"),
    issued_within: oauth::id_token::MAX_AGE,
    authenticated_within: None,
    acr: &[],
};

fn signed(claims: &Value) -> String {
    KEY.sign(None, claims).unwrap()
}

fn verdict(result: &Result<IdToken, Misbehavior>) -> &str {
    match result {
        Ok(_) => "ok",
        Err(misbehavior) => misbehavior
            .code()
            .strip_prefix("misbehaved.id_token.")
            .unwrap(),
    }
}

fn check_with(claims: &Value, expected: &Expected<'_>, verdict_expected: &str) {
    let got = verify(&signed(claims), expected, &KEYS, now());
    assert_eq!(verdict(&got), verdict_expected, "{claims}");
}

fn check(claims: &Value, verdict: &str) {
    check_with(claims, &EXPECTED, verdict);
}

#[test]
fn an_honest_token_is_believed() {
    let id_token = verify(&signed(&good()), &EXPECTED, &KEYS, now()).unwrap();
    assert_eq!(id_token.subject(), "alice");
    assert_eq!(id_token.claims().get("iss").unwrap(), ISSUER);
}

/// Proves: IDT-2
#[test]
fn a_token_of_another_issuer_is_refused() {
    for bad in [
        "https://id.example/",
        "https://ID.example",
        "https://id.example:443",
        "http://id.example",
        "https://evil.example",
        "",
        " https://id.example",
    ] {
        check(&with(good(), "iss", json!(bad)), "issuer");
    }
    for bad in [
        json!([ISSUER]),
        json!([ISSUER, "x"]),
        json!(null),
        json!(1),
        json!({}),
    ] {
        check(&with(good(), "iss", bad), "claim");
    }
    check(&without(good(), "iss"), "claim");
    check(&good(), "ok");
}

#[test]
fn a_template_lets_in_the_tenants_that_are_listed() {
    let tenants = texts(&["t1", "t2"]);
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let expected = Expected {
        issuer: template,
        tenants: &tenants,
        ..EXPECTED
    };
    for (iss, verdict) in [
        ("https://login.microsoftonline.com/t1/v2.0", "ok"),
        ("https://login.microsoftonline.com/t2/v2.0", "ok"),
        ("https://login.microsoftonline.com/t3/v2.0", "issuer"),
        ("https://login.microsoftonline.com/T1/v2.0", "issuer"),
        (template, "issuer"),
    ] {
        check_with(&with(good(), "iss", json!(iss)), &expected, verdict);
    }
    let nobody = Expected {
        tenants: &[],
        ..expected
    };
    check_with(&with(good(), "iss", json!(template)), &nobody, "issuer");
}

/// Proves: IDT-3, IDT-4
#[test]
fn a_token_for_someone_else_is_refused() {
    for (aud, verdict) in [
        (json!("usher"), "ok"),
        (json!(["usher"]), "ok"),
        (json!("ushe"), "audience"),
        (json!("usher2"), "audience"),
        (json!("Usher"), "audience"),
        (json!("usher "), "audience"),
        (json!(""), "audience"),
        (json!(["x"]), "audience"),
        (json!("x usher"), "audience"),
        (json!([]), "claim"),
        (json!(5), "claim"),
        (json!(null), "claim"),
        (json!({ "usher": 1 }), "claim"),
        (json!(["usher", 5]), "claim"),
        (json!(["x", 5]), "claim"),
        (json!([["usher"]]), "claim"),
        (json!(["usher", null]), "claim"),
        (json!(vec!["usher"; 17]), "claim"),
    ] {
        check(&with(good(), "aud", aud), verdict);
    }
    check(&without(good(), "aud"), "claim");

    let trusted = texts(&["api", "api2"]);
    let trusting = Expected {
        trusted_audiences: &trusted,
        ..EXPECTED
    };
    for (aud, by_default, when_trusting) in [
        (json!(["usher", "api"]), "extra_audience", "ok"),
        (json!(["api2", "usher", "api"]), "extra_audience", "ok"),
        (
            json!(["usher", "other"]),
            "extra_audience",
            "extra_audience",
        ),
        (
            json!(["usher", "api", "other"]),
            "extra_audience",
            "extra_audience",
        ),
        (json!(["usher", "Api"]), "extra_audience", "extra_audience"),
        (json!(["api"]), "audience", "audience"),
    ] {
        let claims = with(with(good(), "azp", json!("usher")), "aud", aud);
        check(&claims, by_default);
        check_with(&claims, &trusting, when_trusting);
    }
}

/// Proves: IDT-5
#[test]
fn who_asked_must_be_us() {
    let trusted = texts(&["api"]);
    let trusting = Expected {
        trusted_audiences: &trusted,
        ..EXPECTED
    };
    for (aud, azp, verdict) in [
        (json!("usher"), Some(json!("usher")), "ok"),
        (json!("usher"), None, "ok"),
        (json!("usher"), Some(json!("api")), "azp_mismatch"),
        (json!("usher"), Some(json!("Usher")), "azp_mismatch"),
        (json!("usher"), Some(json!("")), "azp_mismatch"),
        (json!("usher"), Some(json!(5)), "claim"),
        (json!("usher"), Some(json!(null)), "claim"),
        (json!("usher"), Some(json!(["usher"])), "claim"),
        (json!(["usher", "api"]), Some(json!("usher")), "ok"),
        (json!(["usher", "api"]), Some(json!("api")), "azp_mismatch"),
        (json!(["usher", "api"]), None, "azp_missing"),
        (json!(["usher"]), None, "ok"),
    ] {
        let claims = with(good(), "aud", aud);
        let claims = match azp {
            Some(azp) => with(claims, "azp", azp),
            None => claims,
        };
        check_with(&claims, &trusting, verdict);
    }
}

/// Proves: IDT-6
#[test]
fn a_subject_must_be_one_that_can_be_kept() {
    for (sub, verdict) in [
        (json!("a"), "ok"),
        (json!("1"), "ok"),
        (json!(" a B "), "ok"),
        (json!("x".repeat(255)), "ok"),
        (json!("x".repeat(256)), "subject"),
        (json!(""), "subject"),
        (json!("a\u{0}"), "subject"),
        (json!("a\n"), "subject"),
        (json!("\u{7f}"), "subject"),
        (json!("ä"), "subject"),
        (json!(5), "claim"),
        (json!(null), "claim"),
        (json!(["a"]), "claim"),
    ] {
        check(&with(good(), "sub", sub), verdict);
    }
    check(&without(good(), "sub"), "claim");
    let kept = verify(
        &signed(&with(good(), "sub", json!(" a B "))),
        &EXPECTED,
        &KEYS,
        now(),
    );
    assert_eq!(kept.unwrap().subject(), " a B ");
}

/// Proves in part: IDT-7 (the table; clocks of the whole system are set elsewhere)
#[test]
fn a_token_counts_only_in_its_time() {
    let minutes = |minutes: i64| at(minutes * 60).as_second();
    for (name, value, verdict) in [
        ("exp", json!(at(-59).as_second()), "ok"),
        ("exp", json!(at(-60).as_second()), "claim"),
        ("exp", json!(minutes(-6)), "claim"),
        ("exp", json!("4102444800"), "claim"),
        ("exp", json!(null), "claim"),
        ("exp", json!(-1), "claim"),
        ("exp", json!(1e300), "claim"),
        ("exp", json!(4_102_444_800.5), "ok"),
        ("iat", json!(at(60).as_second()), "ok"),
        ("iat", json!(at(61).as_second()), "claim"),
        ("iat", json!(minutes(-10)), "ok"),
        ("iat", json!(minutes(-10) - 1), "claim"),
        ("iat", json!(minutes(-7 * 24 * 60)), "claim"),
        ("iat", json!(minutes(365 * 24 * 60)), "claim"),
        ("iat", json!("1767225600"), "claim"),
        ("nbf", json!(at(60).as_second()), "ok"),
        ("nbf", json!(at(61).as_second()), "claim"),
        ("nbf", json!(true), "claim"),
    ] {
        check(&with(good(), name, value), verdict);
    }
    check(&without(good(), "exp"), "claim");
    check(&without(good(), "iat"), "claim");
}

/// Proves: IDT-8
#[test]
fn a_token_belongs_to_what_it_came_with() {
    for (name, value, fault) in [
        ("at_hash", "at", "at_hash"),
        ("c_hash", "code", "c_hash"),
        ("s_hash", "state", "s_hash"),
    ] {
        let right = half_hash(Alg::ES256, value);
        check(&with(good(), name, json!(right)), "ok");
        for wrong in [
            half_hash(Alg::ES256, "other"),
            half_hash(Alg::ES384, value),
            half_hash(Alg::EdDSA, value),
            right[..right.len() - 1].to_owned(),
            format!("{right}="),
            format!("{right}A"),
            right.to_uppercase(),
            String::new(),
        ] {
            check(&with(good(), name, json!(wrong)), fault);
        }
        for wrong in [json!(null), json!(5), json!([right])] {
            check(&with(good(), name, wrong), "claim");
        }
        let unknown = Expected {
            access_token: None,
            code: None,
            state: None,
            ..EXPECTED
        };
        check_with(&with(good(), name, json!(right)), &unknown, fault);
    }
}

/// Proves: IDT-8
#[test]
fn the_hash_is_that_of_the_token_s_own_algorithm() {
    for (alg, length) in [
        (Alg::RS256, 22),
        (Alg::ES256, 22),
        (Alg::ES384, 32),
        (Alg::PS512, 43),
        (Alg::EdDSA, 43),
    ] {
        let key = SigningKey::generate(alg, "k").unwrap();
        let algs = [alg];
        let expected = Expected {
            algs: &algs,
            ..EXPECTED
        };
        for (hashed_by, verdict_expected) in [
            (alg, "ok"),
            (
                if length == 22 { Alg::EdDSA } else { Alg::RS256 },
                "at_hash",
            ),
        ] {
            let hash = half_hash(hashed_by, "at");
            assert!(hashed_by != alg || hash.len() == length);
            let token = key
                .sign(None, &with(good(), "at_hash", json!(hash)))
                .unwrap();
            let got = verify(&token, &expected, &key_set(&key), now());
            assert_eq!(verdict(&got), verdict_expected, "{alg:?} {hashed_by:?}");
        }
    }
}

/// Proves: BND-6, IDT-9
#[test]
fn a_token_of_another_attempt_is_refused() {
    for (nonce, verdict) in [
        (json!(NONCE), "ok"),
        (json!("different"), "nonce"),
        (json!(&NONCE[..42]), "nonce"),
        (json!(format!("{NONCE}A")), "nonce"),
        (json!(NONCE.to_lowercase()), "nonce"),
        (json!(NONCE.to_uppercase()), "nonce"),
        (json!(""), "nonce"),
        (json!(5), "claim"),
        (json!(null), "claim"),
        (json!([NONCE]), "claim"),
    ] {
        check(&with(good(), "nonce", nonce), verdict);
    }
    check(&without(good(), "nonce"), "nonce");
    let forgotten = Expected {
        nonce: None,
        ..EXPECTED
    };
    check_with(&good(), &forgotten, "nonce");
    check_with(&without(good(), "nonce"), &forgotten, "nonce");

    // After a refresh it need not be there; if it is, it is the first one.
    let first = first_login(&good());
    for (claims, verdict) in [
        (good(), "ok"),
        (without(good(), "nonce"), "ok"),
        (
            with(good(), "nonce", json!("different")),
            "identity_changed",
        ),
        (
            with(good(), "nonce", json!(NONCE.to_lowercase())),
            "identity_changed",
        ),
        (with(good(), "nonce", json!(5)), "claim"),
    ] {
        check_refreshed(&claims, &first, now(), verdict);
    }
}

fn first_login(claims: &Value) -> FirstLogin {
    verify(&signed(claims), &EXPECTED, &KEYS, now())
        .unwrap()
        .first_login()
        .unwrap()
}

fn check_refreshed(claims: &Value, first: &FirstLogin, now: Timestamp, verdict_expected: &str) {
    let trusted = texts(&["api"]);
    let expected = Expected {
        nonce: None,
        code: None,
        state: None,
        trusted_audiences: &trusted,
        ..EXPECTED
    };
    let got = verify_refreshed(&signed(claims), &expected, first, &KEYS, now);
    assert_eq!(verdict(&got), verdict_expected, "{claims}");
}

/// Proves in part: IDT-10 (the table; that nothing of the answer is used is tried in the whole system)
#[test]
fn a_refreshed_token_is_about_the_same_sign_in() {
    let auth_time = at(-100).as_second();
    let before = with(good(), "auth_time", json!(auth_time));
    let first = first_login(&before);
    let much_later = at(30 * 24 * 3600);
    let after = |name: &str, value: Value| {
        let fresh = with(before.clone(), "iat", json!(much_later.as_second()));
        with(
            with(fresh, "exp", json!(much_later.as_second() + 300)),
            name,
            value,
        )
    };
    for (name, value, verdict) in [
        ("sub", json!("alice"), "ok"),
        ("aud", json!(["usher"]), "ok"),
        ("auth_time", json!(auth_time), "ok"),
        ("auth_time", json!(null), "ok"),
        ("name", json!("new"), "ok"),
        ("at_hash", json!(half_hash(Alg::ES256, "at")), "ok"),
        ("iat", json!(auth_time), "ok"),
        ("sub", json!("bob"), "identity_changed"),
        ("sub", json!("Alice"), "identity_changed"),
        ("auth_time", json!(auth_time + 1), "identity_changed"),
        ("auth_time", json!("yesterday"), "claim"),
        ("azp", json!("usher"), "identity_changed"),
        ("nonce", json!("other"), "identity_changed"),
        ("iss", json!("https://evil.example"), "issuer"),
        ("aud", json!("other"), "audience"),
        ("azp", json!("other"), "azp_mismatch"),
        ("sub", json!(""), "subject"),
        ("at_hash", json!(half_hash(Alg::ES256, "old")), "at_hash"),
        ("exp", json!(at(0).as_second()), "claim"),
        ("iat", json!(much_later.as_second() + 61), "claim"),
    ] {
        check_refreshed(&after(name, value), &first, much_later, verdict);
    }
    check_refreshed(
        &with(after("azp", json!("usher")), "aud", json!(["usher", "api"])),
        &first,
        much_later,
        "identity_changed",
    );
    check_refreshed(
        &without(after("x", json!(1)), "auth_time"),
        &first,
        much_later,
        "ok",
    );
    check_refreshed(
        &without(after("x", json!(1)), "iat"),
        &first,
        much_later,
        "claim",
    );
    let with_azp = first_login(&with(good(), "azp", json!("usher")));
    check_refreshed(&after("azp", json!("usher")), &with_azp, much_later, "ok");
    check_refreshed(
        &after("x", json!(1)),
        &with_azp,
        much_later,
        "identity_changed",
    );

    let widened = with(after("azp", json!("usher")), "aud", json!(["usher", "api"]));
    check_refreshed(&widened, &with_azp, much_later, "identity_changed");

    let stored = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<FirstLogin>(&stored).unwrap(), first);
    assert!(!stored.contains(NONCE), "only its digest is kept");
    let forged = SigningKey::generate(Alg::ES256, "k1")
        .unwrap()
        .sign(None, &before)
        .unwrap();
    let got = verify_refreshed(&forged, &EXPECTED, &first, &KEYS, now());
    assert_eq!(verdict(&got), "token");
}

/// Proves in part: BND-12 (the checks; that the attempt fails is tried in the whole system)
#[test]
fn what_was_asked_beyond_that_is_held_to() {
    let fresh = Expected {
        authenticated_within: Some(SignedDuration::from_secs(300)),
        ..EXPECTED
    };
    for (auth_time, verdict) in [
        (json!(at(0).as_second()), "ok"),
        (json!(at(-360).as_second()), "ok"),
        (json!(at(-361).as_second()), "auth_time"),
        (json!(at(61).as_second()), "auth_time"),
        (json!(0), "auth_time"),
        (json!(null), "auth_time"),
        (json!("now"), "claim"),
    ] {
        check_with(&with(good(), "auth_time", auth_time), &fresh, verdict);
    }
    check_with(&good(), &fresh, "auth_time");
    let acr = texts(&["high", "higher"]);
    let strong = Expected {
        acr: &acr,
        ..EXPECTED
    };
    for (acr, verdict) in [
        (json!("high"), "ok"),
        (json!("higher"), "ok"),
        (json!("low"), "acr"),
        (json!(5), "claim"),
    ] {
        check_with(&with(good(), "acr", acr), &strong, verdict);
    }
    check_with(&good(), &strong, "acr");
}

/// Proves in part: IDT-1 (one algorithm; all of them are tried in `jose`)
#[test]
fn a_token_is_verified_before_anything_in_it_is_read() {
    // All of its claims are wrong, and yet the signature is what it fails by.
    let wrong = json!({ "iss": 5, "aud": [], "sub": "" });
    let forged = SigningKey::generate(Alg::ES256, "k1")
        .unwrap()
        .sign(None, &wrong)
        .unwrap();
    let got = verify(&forged, &EXPECTED, &KEYS, now());
    assert_eq!(verdict(&got), "token");
    let mut flipped = signed(&good()).into_bytes();
    for index in [0, flipped.len() / 2, flipped.len() - 2] {
        flipped[index] ^= 1;
        let token = String::from_utf8(flipped.clone()).unwrap();
        assert!(verify(&token, &EXPECTED, &KEYS, now()).is_err(), "{index}");
        flipped[index] ^= 1;
    }
}

/// Proves: IDT-11
#[test]
fn claims_come_out_of_verification_alone() {
    // That nothing else makes an `IdToken` is shown by the compile-fail examples of its module; here,
    // that what comes out is what was signed, to the last claim.
    let claims = with(good(), "groups", json!(["a", { "b": [1, null] }]));
    let id_token = verify(&signed(&claims), &EXPECTED, &KEYS, now()).unwrap();
    assert_eq!(Value::Object(id_token.claims().to_map()), claims);
}

/// Proves in part: IDT-12 (no request comes of it; the source's host is watched elsewhere)
#[test]
fn claims_elsewhere_stay_there() {
    let claims = json!({
        "_claim_names": { "email": "src1", "groups": "src2" },
        "_claim_sources": {
            "src1": { "JWT": signed(&json!({ "email": "ceo@acme.example" })) },
            "src2": { "endpoint": "https://evil.example/groups", "access_token": "x" },
        },
    });
    let mut all = good();
    all.as_object_mut()
        .unwrap()
        .extend(claims.as_object().unwrap().clone());
    let id_token = verify(&signed(&all), &EXPECTED, &KEYS, now()).unwrap();
    assert!(id_token.claims().get("email").is_none());
    assert!(id_token.claims().get("groups").is_none());
}

#[test]
fn only_a_missing_key_asks_for_fresh_ones() {
    let unknown = SigningKey::generate(Alg::ES256, "k2").unwrap();
    let got = verify(
        &unknown.sign(None, &good()).unwrap(),
        &EXPECTED,
        &KEYS,
        now(),
    )
    .unwrap_err();
    assert!(got.wants_fresh_keys());
    assert!(oauth::Error::from(got).wants_fresh_keys());
    let wrong = verify(
        &signed(&with(good(), "aud", json!("x"))),
        &EXPECTED,
        &KEYS,
        now(),
    );
    assert!(!wrong.unwrap_err().wants_fresh_keys());
}

#[test]
fn the_defaults_are_those_of_the_provider() {
    let provider = crate::scene::provider();
    let expected = Expected::of(&provider, "usher").unwrap();
    assert_eq!(
        (expected.issuer, expected.algs),
        (ISSUER, &Alg::DEFAULT[..])
    );
    assert!(expected.nonce.is_none() && expected.trusted_audiences.is_empty());
    let bare = oauth::Provider {
        issuer: None,
        ..provider
    };
    assert!(Expected::of(&bare, "usher").is_none());
}
