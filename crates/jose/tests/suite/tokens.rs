//! The token itself: its form, its encoding, its header, and what it is used as.

use jose::json::JsonFault;
use jose::{
    Alg, Fault, HOST_TYP, Kind, MAX_BYTES, MAX_ID_TOKEN_BYTES, Part, Policy, base64url, verify,
};
use serde_json::{Value, json};

use crate::support::{
    KID, check, check_as, fault, jwk, key, keys_for, published, token, token_with_header,
};

const ES256: &[Alg] = &[Alg::ES256];

/// Proves: JWT-1
#[test]
fn only_the_compact_form_of_three_full_parts_is_read() {
    let good = token(Alg::ES256);
    let keys = keys_for(Alg::ES256);
    assert_eq!(fault(check(&good, &keys)), None);

    let [header, payload, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let empty = Fault::EmptyPart;
    let json_form = json!({"protected": header, "payload": payload, "signature": signature});
    for (token, expected) in [
        (String::new(), Fault::NotThreeParts),
        (header.to_owned(), Fault::NotThreeParts),
        (format!("{header}.{payload}"), Fault::NotThreeParts),
        (format!("{good}."), Fault::NotThreeParts),
        (format!(".{good}"), Fault::NotThreeParts),
        (format!("{good}.{payload}"), Fault::NotThreeParts),
        (
            format!("{header}..{payload}.{signature}.{signature}"),
            Fault::NotThreeParts,
        ),
        (json_form.to_string(), Fault::NotThreeParts),
        ("..".to_owned(), empty(Part::Header)),
        (format!(".{payload}.{signature}"), empty(Part::Header)),
        (format!("{header}..{signature}"), empty(Part::Payload)),
        (format!("{header}.{payload}."), empty(Part::Signature)),
    ] {
        assert_eq!(fault(check(&token, &keys)), Some(expected), "{token}");
    }
}

/// Proves: JWT-1
#[test]
fn sizes_are_checked_before_anything_is_decoded() {
    let keys = keys_for(Alg::ES256);
    let outcome = |token: &str, max_bytes| {
        let policy = Policy {
            kind: Kind::IdToken,
            algs: ES256,
            max_bytes,
        };
        fault(verify(token, &policy, &keys))
    };
    // Not base64url anywhere: whoever decoded first would say so.
    let filled = |length: usize| format!("{}.!.!", "!".repeat(length - 4));
    assert_eq!(
        outcome(&filled(1024 * 1024), MAX_ID_TOKEN_BYTES),
        Some(Fault::TooLong)
    );
    assert_eq!(
        outcome(&filled(MAX_BYTES + 1), MAX_BYTES),
        Some(Fault::TooLong)
    );
    assert_eq!(
        outcome(&filled(MAX_BYTES), MAX_BYTES),
        Some(Fault::HeaderTooLong)
    );
    assert_eq!(
        outcome(&filled(4 * 1024 + 5), MAX_BYTES),
        Some(Fault::HeaderTooLong)
    );
    assert_eq!(
        outcome(&filled(4 * 1024 + 4), MAX_BYTES),
        Some(Fault::Encoding(Part::Header))
    );

    let groups = "g".repeat(45 * 1024);
    let large = key(Alg::ES256)
        .sign(None, &json!({"groups": groups}))
        .unwrap();
    assert!(large.len() > 60 * 1024 && large.len() < MAX_ID_TOKEN_BYTES);
    assert_eq!(outcome(&large, MAX_ID_TOKEN_BYTES), None);
    assert_eq!(outcome(&large, MAX_BYTES), Some(Fault::TooLong));
}

/// Proves: JWT-2
#[test]
fn each_part_has_one_spelling_only() {
    let good = token(Alg::ES256);
    let keys = keys_for(Alg::ES256);
    let parts: Vec<&str> = good.split('.').collect();
    for (index, part) in [Part::Header, Part::Payload, Part::Signature]
        .into_iter()
        .enumerate()
    {
        for spoilt in misspellings(parts[index]) {
            let mut parts = parts.clone();
            parts[index] = &spoilt;
            let token = parts.join(".");
            assert_eq!(
                fault(check(&token, &keys)),
                Some(Fault::Encoding(part)),
                "{token}"
            );
        }
    }
}

/// The same bytes in other spellings, and such as are no bytes at all.
fn misspellings(part: &str) -> Vec<String> {
    let mut spellings = vec![
        format!("{part}="),
        format!("{part}=="),
        format!("{part} "),
        format!(" {part}"),
        format!("{part}\n"),
        format!("{part}?"),
        format!("{part}+"),
        format!("{part}/"),
        format!("{part}%3D"),
        format!("{part}\u{e9}"),
        format!("{}A", &part[..part.len() / 4 * 4]),
    ];
    spellings.extend(nonzero_tail(part));
    spellings
}

/// The last character with its unused bits set; all parts of our tokens have such.
fn nonzero_tail(part: &str) -> Option<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = part.split_at_checked(part.len() - 1)?;
    let value = ALPHABET.find(last)?;
    let tail = ALPHABET.get(value + 1..value + 2)?;
    (!part.len().is_multiple_of(4)).then(|| format!("{start}{tail}"))
}

/// Proves: JWT-2
#[test]
fn all_parts_are_decoded_before_the_signature_counts() {
    let keys = keys_for(Alg::ES256);
    let signer = key(Alg::ES256);
    let header = base64url::encode(json!({"alg": "ES256", "kid": KID}).to_string());
    // Signed as they stand, so that nothing but the spelling is wrong with them.
    for payload in ["e30=", "e30 ", "e31", "e3+", "e"] {
        let input = format!("{header}.{payload}");
        let signature = base64url::encode(signer.sign_bytes(input.as_bytes()).unwrap());
        let outcome = fault(check(&format!("{input}.{signature}"), &keys));
        assert_eq!(outcome, Some(Fault::Encoding(Part::Payload)), "{payload}");
        // Wrong in two ways: the encoding is what is found.
        let outcome = fault(check(&format!("{input}.AAAA"), &keys));
        assert_eq!(outcome, Some(Fault::Encoding(Part::Payload)), "{payload}");
    }
}

/// Proves: JWT-2
#[test]
fn what_is_not_utf_8_is_refused() {
    let keys = keys_for(Alg::ES256);
    let signer = key(Alg::ES256);
    let sign = |header: &[u8], payload: &[u8]| {
        let input = format!(
            "{}.{}",
            base64url::encode(header),
            base64url::encode(payload)
        );
        let signature = base64url::encode(signer.sign_bytes(input.as_bytes()).unwrap());
        format!("{input}.{signature}")
    };
    let header = br#"{"alg":"ES256","kid":"k"}"#;
    for bad in [
        &b"\xff"[..],
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
    ] {
        let object = [br#"{"a":""#, bad, br#""}"#].concat();
        let outcome = fault(check(&sign(header, &object), &keys));
        assert_eq!(
            outcome,
            Some(Fault::Payload(JsonFault::NotUtf8)),
            "{bad:x?}"
        );
        let outcome = fault(check(&sign(&object, b"{}"), &keys));
        assert_eq!(outcome, Some(Fault::Header(JsonFault::NotUtf8)), "{bad:x?}");
    }
}

/// Proves: JWT-3
#[test]
fn header_and_payload_are_strict_objects() {
    let keys = keys_for(Alg::ES256);
    let signer = key(Alg::ES256);
    let deep = |levels: usize| {
        format!(
            "{{\"a\":{}{}}}",
            "[".repeat(levels - 1),
            "]".repeat(levels - 1)
        )
    };
    let wide = |members: usize| {
        let members: Vec<_> = (0..members)
            .map(|index| format!("\"m{index}\":0"))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    for (text, expected) in [
        (
            r#"{"sub":"a","sub":"b"}"#.to_owned(),
            JsonFault::DuplicateMember,
        ),
        (
            r#"{"sub":"a","sub":"a"}"#.to_owned(),
            JsonFault::DuplicateMember,
        ),
        (
            r#"{"sub":"a","s\u0075b":"b"}"#.to_owned(),
            JsonFault::DuplicateMember,
        ),
        (
            r#"{"anything":1,"anything":1}"#.to_owned(),
            JsonFault::DuplicateMember,
        ),
        (
            r#"{"a":{"b":[{"c":1,"d":2,"c":3}]}}"#.to_owned(),
            JsonFault::DuplicateMember,
        ),
        (r#"{"":0,"":0}"#.to_owned(), JsonFault::DuplicateMember),
        (
            format!("{{\"x\":0,{}", &wide(100)[1..]).replace("m99", "x"),
            JsonFault::DuplicateMember,
        ),
        (deep(17), JsonFault::TooDeep),
        (deep(5_000), JsonFault::TooDeep),
        (wide(257), JsonFault::TooManyMembers),
        (
            format!("{{\"a\":{},\"b\":{}}}", wide(127), wide(128)),
            JsonFault::TooManyMembers,
        ),
        (r#"{"exp":1e400}"#.to_owned(), JsonFault::NotFinite),
        (r#"{"a":[-1e999]}"#.to_owned(), JsonFault::NotFinite),
        (
            format!("{{\"a\":{}}}", "9".repeat(400)),
            JsonFault::NotFinite,
        ),
        ("[]".to_owned(), JsonFault::NotAnObject),
        ("\"{}\"".to_owned(), JsonFault::NotAnObject),
        ("null".to_owned(), JsonFault::NotAnObject),
        ("7".to_owned(), JsonFault::NotAnObject),
        ("\u{feff}{}".to_owned(), JsonFault::NotAnObject),
        (" ".to_owned(), JsonFault::NotAnObject),
        ("{".to_owned(), JsonFault::Syntax),
        ("{}{}".to_owned(), JsonFault::Syntax),
        ("{}\0".to_owned(), JsonFault::Syntax),
        (r#"{"a":NaN}"#.to_owned(), JsonFault::Syntax),
        (r#"{"a":Infinity}"#.to_owned(), JsonFault::Syntax),
        (r#"{"a":1,}"#.to_owned(), JsonFault::Syntax),
        (r"{'a':1}".to_owned(), JsonFault::Syntax),
    ] {
        let header = r#"{"alg":"ES256","kid":"k"}"#;
        let outcome = fault(check(&signer.sign_text(header, &text).unwrap(), &keys));
        assert_eq!(outcome, Some(Fault::Payload(expected)), "payload {text}");
        if text.len() < 3_000 {
            let outcome = fault(check(&signer.sign_text(&text, "{}").unwrap(), &keys));
            assert_eq!(outcome, Some(Fault::Header(expected)), "header {text}");
        }
    }
    let header = r#"{"alg":"ES256","kid":"k"}"#;
    for good in [
        deep(16),
        wide(256),
        r#"{"a":{"x":1},"b":{"x":1}}"#.to_owned(),
    ] {
        let outcome = fault(check(&signer.sign_text(header, &good).unwrap(), &keys));
        assert_eq!(outcome, None, "{good}");
    }
}

/// Proves: JWT-4
#[test]
fn an_unsigned_token_is_refused_whatever_is_permitted() {
    let keys = keys_for(Alg::ES256);
    let signer = key(Alg::ES256);
    let cases = [
        (None, Fault::AlgMissing),
        (Some(json!("")), Fault::AlgMissing),
        (Some(json!("none")), Fault::AlgNone),
        (Some(json!("None")), Fault::AlgNone),
        (Some(json!("NONE")), Fault::AlgNone),
        (Some(json!("nOnE")), Fault::AlgNone),
        (Some(json!(" none")), Fault::AlgUnknown),
        (Some(json!("none ")), Fault::AlgUnknown),
        (Some(json!("es256")), Fault::AlgUnknown),
        (Some(json!("ES256K")), Fault::AlgUnknown),
        (Some(json!("RSA-OAEP")), Fault::AlgUnknown),
        (Some(json!("dir")), Fault::AlgUnknown),
        (Some(json!(null)), Fault::HeaderType("alg")),
        (Some(json!(["ES256"])), Fault::HeaderType("alg")),
        (Some(json!({"ES256": true})), Fault::HeaderType("alg")),
        (Some(json!(256)), Fault::HeaderType("alg")),
    ];
    for (alg, expected) in cases {
        let mut header = json!({"kid": KID});
        if let Some(alg) = &alg {
            header["alg"] = alg.clone();
        }
        let token = signer
            .sign_with_header(&header, &json!({"sub": "mia"}))
            .unwrap();
        assert_eq!(fault(check(&token, &keys)), Some(expected), "{header}");
        // And with the signature left out, which is how such tokens come.
        let (input, _) = token.rsplit_once('.').unwrap();
        for unsigned in [format!("{input}."), format!("{input}.AA")] {
            assert!(check(&unsigned, &keys).is_err(), "{unsigned}");
        }
    }
}

/// Proves in part: JWT-7 (that the host of a `jku` sees no request is for the whole system to show)
#[test]
fn a_key_that_the_token_brings_is_never_used() {
    let attacker = jose::sign::SigningKey::generate(Alg::ES256, "evil").unwrap();
    let ours = published(&[jwk(Alg::ES256)]);
    let theirs = attacker.public_jwk();
    let members = [
        ("jwk", theirs.clone()),
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
    ];
    for (name, value) in &members {
        for (kid, expected) in [
            (Some("evil"), Fault::UnknownKid),
            (Some(KID), Fault::BadSignature),
            (None, Fault::NoKeyVerifies),
        ] {
            let mut header = json!({"alg": "ES256", *name: value});
            if let Some(kid) = kid {
                header["kid"] = kid.into();
            }
            let token = attacker
                .sign_with_header(&header, &json!({"sub": "mia"}))
                .unwrap();
            assert_eq!(fault(check(&token, &ours)), Some(expected), "{header}");
        }
        // They are ignored, not obeyed: our own key is not kept from verifying either.
        let token = token_with_header(&json!({ *name: value }));
        assert_eq!(fault(check(&token, &ours)), None, "{name}");
    }
}

/// Proves: JWT-8
#[test]
fn extensions_we_do_not_understand_are_refused() {
    let keys = keys_for(Alg::ES256);
    for (members, expected) in [
        (json!({"crit": ["exp"], "exp": 1}), Some(Fault::Crit)),
        (json!({"crit": ["b64"], "b64": false}), Some(Fault::Crit)),
        (json!({"crit": []}), Some(Fault::Crit)),
        (json!({"crit": null}), Some(Fault::Crit)),
        (json!({"crit": "alg"}), Some(Fault::Crit)),
        (json!({"b64": false}), Some(Fault::B64)),
        (json!({"b64": true}), Some(Fault::B64)),
        (json!({"b64": "false"}), Some(Fault::B64)),
        (json!({"zip": "DEF"}), Some(Fault::Zip)),
        (json!({"zip": null}), Some(Fault::Zip)),
        (json!({"cty": "JWT"}), Some(Fault::Nested)),
        (json!({"cty": "jwt"}), Some(Fault::Nested)),
        (json!({"cty": "application/jwt"}), Some(Fault::Nested)),
        (
            json!({"cty": "application/at+JwT; v=1"}),
            Some(Fault::Nested),
        ),
        (json!({"cty": ["JWT"]}), Some(Fault::HeaderType("cty"))),
        (json!({"cty": "json"}), None),
        (json!({"nonce": "x", "x-own": {"a": 1}}), None),
    ] {
        let token = token_with_header(&members);
        assert_eq!(fault(check(&token, &keys)), expected, "{members}");
    }
}

const KINDS: [(&str, Kind<'_>); 5] = [
    ("id", Kind::IdToken),
    ("logout", Kind::LogoutToken),
    ("user info", Kind::UserInfo),
    ("host", Kind::HostToken { typ: &HOST_TYP }),
    ("strict host", Kind::HostToken { typ: &["at+jwt"] }),
];

/// Proves: JWT-9
#[test]
fn every_type_of_token_goes_through_its_own_doors_only() {
    let keys = keys_for(Alg::ES256);
    let absent_or_jwt: &[&str] = &["id", "logout", "user info", "host"];
    let cases: &[(Value, &[&str])] = &[
        (json!(null), absent_or_jwt),
        (json!("JWT"), absent_or_jwt),
        (json!("jwt"), absent_or_jwt),
        (json!("application/jwt"), absent_or_jwt),
        (json!("Application/JWT"), absent_or_jwt),
        (json!("logout+jwt"), &["logout"]),
        (json!("Logout+JWT"), &["logout"]),
        (json!("application/logout+jwt"), &["logout"]),
        (json!("at+jwt"), &["host", "strict host"]),
        (json!("application/AT+jwt"), &["host", "strict host"]),
        (json!("dpop+jwt"), &[]),
        (json!("secevent+jwt"), &[]),
        (json!("oauth-authz-req+jwt"), &[]),
        (json!("token-introspection+jwt"), &[]),
        (json!("JOSE"), &[]),
        (json!("JWT "), &[]),
        (json!("text/jwt"), &[]),
        (json!("application/application/jwt"), &[]),
        (json!("application/"), &[]),
        (json!(""), &[]),
    ];
    for (typ, doors) in cases {
        let token = key(Alg::ES256)
            .sign(typ.as_str(), &json!({"sub": "mia"}))
            .unwrap();
        for (name, kind) in KINDS {
            let expected = (!doors.contains(&name)).then_some(Fault::Typ);
            assert_eq!(
                fault(check_as(kind, &token, &keys)),
                expected,
                "{typ} as {name}"
            );
        }
    }
    for typ in [json!(null), json!(["JWT"]), json!(5), json!({"JWT": 1})] {
        let token = token_with_header(&json!({ "typ": typ }));
        for (name, kind) in KINDS {
            let outcome = fault(check_as(kind, &token, &keys));
            assert_eq!(outcome, Some(Fault::HeaderType("typ")), "{typ} as {name}");
        }
    }
}

/// Proves: JWT-9
#[test]
fn a_claim_of_another_kind_of_token_betrays_it() {
    let keys = keys_for(Alg::ES256);
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let cases: &[(Value, &[&str], &'static str)] = &[
        (json!({"events": events}), &["id", "host"], "events"),
        (json!({"events": null}), &["id", "host"], "events"),
        (json!({"nonce": "n"}), &["logout"], "nonce"),
        (json!({"nonce": null}), &["logout"], "nonce"),
        (
            json!({"events": events, "nonce": "n"}),
            &["id", "host", "logout"],
            "?",
        ),
    ];
    for (claims, refused, claim) in cases {
        let token = key(Alg::ES256).sign(Some("JWT"), claims).unwrap();
        for (name, kind) in KINDS.into_iter().filter(|(name, _)| *name != "strict host") {
            let claim = match (*claim, name) {
                ("?", "logout") => "nonce",
                ("?", _) => "events",
                (claim, _) => claim,
            };
            let expected = refused.contains(&name).then_some(Fault::OtherKind(claim));
            assert_eq!(
                fault(check_as(kind, &token, &keys)),
                expected,
                "{claims} as {name}"
            );
        }
    }
}

/// Proves: JWT-10
#[test]
fn a_key_id_is_an_opaque_string() {
    let keys = keys_for(Alg::ES256);
    for (kid, expected) in [
        (json!("../../etc/passwd"), Fault::UnknownKid),
        (json!("' OR 1=1--"), Fault::UnknownKid),
        (json!("k\u{0}"), Fault::UnknownKid),
        (json!("\u{0}"), Fault::UnknownKid),
        (json!(""), Fault::UnknownKid),
        (json!("K"), Fault::UnknownKid),
        (json!(" k"), Fault::UnknownKid),
        (json!("%s%n{0}\r\n"), Fault::UnknownKid),
        (json!("https://attacker.example/k"), Fault::UnknownKid),
        (json!("a".repeat(256)), Fault::UnknownKid),
        (json!("a".repeat(257)), Fault::KidTooLong),
        (json!("\u{e9}".repeat(129)), Fault::KidTooLong),
        (json!("a".repeat(2_900)), Fault::KidTooLong),
        (json!("a".repeat(10_000)), Fault::HeaderTooLong),
        (json!(null), Fault::HeaderType("kid")),
        (json!(["k"]), Fault::HeaderType("kid")),
        (json!(1), Fault::HeaderType("kid")),
    ] {
        let outcome = fault(check(&token_with_header(&json!({ "kid": kid })), &keys));
        assert_eq!(outcome, Some(expected), "{kid}");
    }
    // Nothing of it is in what goes to the log.
    let shown = format!("{:?} {}", Fault::UnknownKid, Fault::UnknownKid);
    assert!(!shown.contains('%') && !shown.contains('{'), "{shown}");

    // A strange id that a key does have is found like any other.
    for kid in ["../../etc/passwd", "\u{0}", "", "' OR 1=1--"] {
        let mut jwk = jwk(Alg::ES256);
        jwk["kid"] = kid.into();
        let token = token_with_header(&json!({ "kid": kid }));
        assert_eq!(fault(check(&token, &published(&[jwk]))), None, "{kid}");
    }
}

#[test]
fn a_verified_token_shows_its_claims_and_where_they_came_from() {
    let verified = check(&token(Alg::ES256), &keys_for(Alg::ES256)).unwrap();
    assert_eq!(verified.alg, Alg::ES256);
    assert_eq!(verified.kid.as_deref(), Some(KID));
    assert_eq!(verified.claims.text("sub"), Ok(Some("mia")));
    assert_eq!(json!(verified.claims.to_map()), json!({"sub": "mia"}));
    let shown = format!("{verified:?}");
    assert!(shown.contains("sub") && !shown.contains("mia"), "{shown}");
}

/// Proves in part: JWT-12 (the order of the checks; the one answer outside is for the server)
#[test]
fn a_forger_learns_nothing_about_the_payload() {
    let keys = keys_for(Alg::ES256);
    let header = base64url::encode(json!({"alg": "ES256", "kid": KID}).to_string());
    let signature = base64url::encode([7; 64]);
    for payload in [
        "{}",
        "[]",
        "{\"a\":1,\"a\":1}",
        "not JSON",
        "{\"events\":{}}",
        "{\"exp\":0}",
    ] {
        let token = format!("{header}.{}.{signature}", base64url::encode(payload));
        assert_eq!(
            fault(check(&token, &keys)),
            Some(Fault::BadSignature),
            "{payload}"
        );
    }
}
