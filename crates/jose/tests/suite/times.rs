//! The claims of a verified token, read by type.

use jiff::{SignedDuration, Timestamp};
use jose::{Alg, ClaimFault, Claims, LEEWAY};
use serde_json::{Value, json};

use crate::support::{check, key, keys_for};

/// A moment of 2026.
const NOW: i64 = 1_795_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The claims in this text, by way of a signature.
fn claims(text: &str) -> Claims {
    let header = r#"{"alg":"ES256","kid":"k"}"#;
    let token = key(Alg::ES256).sign_text(header, text).unwrap();
    check(&token, &keys_for(Alg::ES256)).unwrap().claims
}

fn times(claims: &Value) -> Option<ClaimFault> {
    self::claims(&claims.to_string()).check_times(at(NOW)).err()
}

/// Proves: JWT-11
#[test]
fn clocks_may_differ_by_a_minute_either_way() {
    assert_eq!(LEEWAY, SignedDuration::from_secs(60));
    for (offset, expired, ahead) in [
        (-61, true, false),
        (-60, true, false),
        (-59, false, false),
        (0, false, false),
        (60, false, false),
        (61, false, true),
    ] {
        let date = NOW + offset;
        let fault = |is: bool, fault| is.then_some(fault);
        let later = NOW + 3600;
        assert_eq!(
            times(&json!({"exp": date})),
            fault(expired, ClaimFault::Expired),
            "{offset}"
        );
        let not_yet = fault(ahead, ClaimFault::NotYetValid);
        assert_eq!(
            times(&json!({"exp": later, "nbf": date})),
            not_yet,
            "{offset}"
        );
        let issued_ahead = fault(ahead, ClaimFault::IssuedAhead);
        assert_eq!(
            times(&json!({"exp": later, "iat": date})),
            issued_ahead,
            "{offset}"
        );
        let issued = claims(&json!({"iat": date}).to_string());
        let outcome = issued
            .check_issued(SignedDuration::from_mins(10), at(NOW))
            .err();
        assert_eq!(outcome, issued_ahead, "{offset}");
    }
    // Fractions are not cut off.
    let outcome = |exp: &str| {
        claims(&format!("{{\"exp\":{exp}}}"))
            .check_times(at(NOW))
            .err()
    };
    assert_eq!(outcome("1794999940.5"), None);
    assert_eq!(outcome("1794999939.5"), Some(ClaimFault::Expired));
}

/// Proves: JWT-11
#[test]
fn an_expiry_is_always_required() {
    let missing = ClaimFault::Missing("exp".to_owned());
    assert_eq!(times(&json!({})), Some(missing.clone()));
    assert_eq!(times(&json!({"iat": NOW, "nbf": NOW})), Some(missing));
}

/// Proves: JWT-11
#[test]
fn a_date_is_a_number_within_bounds_or_a_fault() {
    let wrong_type = || Some(ClaimFault::WrongType("exp".to_owned()));
    let no_date = || Some(ClaimFault::NotADate("exp".to_owned()));
    for (text, expected) in [
        ("\"1795000000\"", wrong_type()),
        ("null", wrong_type()),
        ("true", wrong_type()),
        ("[1795000000]", wrong_type()),
        ("{}", wrong_type()),
        ("-1", no_date()),
        ("-0.5", no_date()),
        ("-1e-300", no_date()),
        ("1e300", no_date()),
        ("1e19", no_date()),
        ("18446744073709551615", no_date()),
        ("18446744073709551616", no_date()),
        ("9007199254740993", no_date()),
        ("9007199254740992", None),
        ("9007199254740992.0", None),
        ("9223372036", None),
        ("9223372037", None),
        ("9.223372037e9", None),
        ("253402300800", None),
        ("1795000000", None),
        ("1795000000.25", None),
        ("1.795e9", None),
        ("1.795E+9", None),
    ] {
        let claims = claims(&format!("{{\"exp\":{text}}}"));
        assert_eq!(claims.instant("exp").err(), expected, "{text}");
        assert_eq!(claims.check_times(at(NOW)).err(), expected, "{text}");
    }
    // The same for the dates that may be absent: a wrong one is not an absent one.
    for name in ["nbf", "iat"] {
        for bad in ["\"0\"", "null", "-1", "1e300"] {
            let claims = claims(&format!("{{\"exp\":2000000000,\"{name}\":{bad}}}"));
            assert!(claims.check_times(at(NOW)).is_err(), "{name} {bad}");
            let age = claims.check_issued(SignedDuration::MAX, at(NOW));
            assert!(name == "nbf" || age.is_err(), "{name} {bad}");
        }
    }
}

/// Proves: JWT-11
#[test]
fn dates_at_the_ends_of_time_saturate() {
    let far = claims(r#"{"exp":9007199254740992,"iat":9007199254740992}"#);
    let zero = claims(r#"{"exp":0,"iat":0,"nbf":-0.0}"#);
    for now in [
        Timestamp::MIN,
        at(0),
        at(NOW),
        at(9_223_372_036),
        at(9_223_372_037),
    ] {
        assert!(
            !far.instant("exp").unwrap().unwrap().has_passed(now),
            "{now}"
        );
        assert!(far.instant("iat").unwrap().unwrap().is_ahead(now), "{now}");
    }
    // At the last instant there is nothing later: a token that never expires does so then.
    assert!(
        far.instant("exp")
            .unwrap()
            .unwrap()
            .has_passed(Timestamp::MAX)
    );
    assert!(
        !far.instant("iat")
            .unwrap()
            .unwrap()
            .is_ahead(Timestamp::MAX)
    );
    assert!(
        zero.instant("exp")
            .unwrap()
            .unwrap()
            .has_passed(Timestamp::MAX)
    );
    assert!(
        zero.instant("iat")
            .unwrap()
            .unwrap()
            .is_ahead(Timestamp::MIN)
    );
    let age = |claims: &Claims, now| claims.check_issued(SignedDuration::MAX, now).err();
    assert_eq!(age(&zero, at(NOW)), None);
    assert_eq!(age(&zero, Timestamp::MAX), None);
    assert_eq!(age(&far, Timestamp::MIN), Some(ClaimFault::IssuedAhead));

    let exact = claims(r#"{"exp":9223372037.5}"#)
        .instant("exp")
        .unwrap()
        .unwrap();
    assert_eq!(
        exact.timestamp(),
        Timestamp::new(9_223_372_037, 500_000_000).unwrap()
    );
}

#[test]
fn an_old_token_is_told_by_its_issue() {
    let age = |iat: i64| {
        let claims = claims(&json!({ "iat": iat }).to_string());
        claims
            .check_issued(SignedDuration::from_mins(10), at(NOW))
            .err()
    };
    assert_eq!(age(NOW), None);
    assert_eq!(age(NOW - 600), None);
    assert_eq!(age(NOW - 601), Some(ClaimFault::TooOld));
    let missing = claims("{}")
        .check_issued(SignedDuration::MAX, at(NOW))
        .err();
    assert_eq!(missing, Some(ClaimFault::Missing("iat".to_owned())));
}

#[test]
fn a_claim_of_the_wrong_type_is_a_fault_and_not_absent() {
    let claims =
        claims(r#"{"text":"caf\u00e9","flag":true,"list":["a","b"],"mixed":["a",1],"no":null}"#);
    let wrong = |name: &str| Err(ClaimFault::WrongType(name.to_owned()));
    assert_eq!(claims.text("text"), Ok(Some("café")));
    assert_eq!(claims.required_text("text"), Ok("café"));
    assert_eq!(claims.text("absent"), Ok(None));
    assert_eq!(
        claims.required_text("absent"),
        Err(ClaimFault::Missing("absent".to_owned()))
    );
    for name in ["flag", "list", "no"] {
        assert_eq!(claims.text(name), wrong(name).map(|()| None));
    }
    assert_eq!(claims.flag("flag"), Ok(Some(true)));
    assert_eq!(claims.flag("text"), wrong("text").map(|()| None));
    assert_eq!(claims.texts("list"), Ok(Some(vec!["a", "b"])));
    assert_eq!(claims.texts("mixed"), wrong("mixed").map(|()| None));
    assert_eq!(claims.texts("text"), wrong("text").map(|()| None));
    assert!(claims.has("no") && !claims.has("absent"));
    assert_eq!(claims.get("mixed"), Some(json!(["a", 1])));
    assert_eq!(claims.get("absent"), None);
}

/// Proves in part: IDT-3 (the types alone; that the client is among them is for the caller)
#[test]
fn an_audience_is_a_string_or_a_short_list_of_them() {
    let audience = |text: &str| {
        let claims = claims(&format!("{{{text}}}"));
        claims.audience().map(|list| list.join(" "))
    };
    let sixteen = vec!["a"; 16];
    for (text, expected) in [
        (r#""aud":"one""#.to_owned(), Ok("one".to_owned())),
        (r#""aud":["one"]"#.to_owned(), Ok("one".to_owned())),
        (
            r#""aud":["one","two"]"#.to_owned(),
            Ok("one two".to_owned()),
        ),
        (format!("\"aud\":{}", json!(sixteen)), Ok(sixteen.join(" "))),
        (
            format!("\"aud\":{}", json!(vec!["a"; 17])),
            Err(ClaimFault::AudienceCount),
        ),
        (r#""aud":[]"#.to_owned(), Err(ClaimFault::AudienceCount)),
        (
            r#""aud":["x",5]"#.to_owned(),
            Err(ClaimFault::WrongType("aud".to_owned())),
        ),
        (
            r#""aud":[["x"]]"#.to_owned(),
            Err(ClaimFault::WrongType("aud".to_owned())),
        ),
        (
            r#""aud":5"#.to_owned(),
            Err(ClaimFault::WrongType("aud".to_owned())),
        ),
        (
            r#""aud":null"#.to_owned(),
            Err(ClaimFault::WrongType("aud".to_owned())),
        ),
        (String::new(), Err(ClaimFault::Missing("aud".to_owned()))),
    ] {
        assert_eq!(audience(&text), expected, "{text}");
    }
}
