//! Key sets: which keys of them are used, and which of those for a token.

use jose::sign::SigningKey;
use jose::{Alg, Fault, KeyAlert, KeySet, KeySetFault, MAX_KEY_SET_BYTES, Unusable, base64url};
use serde_json::{Value, json};

use crate::signatures::forged;
use crate::support::{check, fault, jwk, key, published, token, with};

/// Proves: JWK-1
#[test]
fn odd_keys_are_skipped_and_the_others_used() {
    let named = |alg: Alg, kid: &str| with(&jwk(alg), "kid", Some(kid.into()));
    let with_extras = {
        let mut jwk = named(Alg::ES384, "p384");
        jwk["x5c"] = json!(["MIIB"]);
        jwk["x-own"] = json!({"deep": [[[{"a": null}]]]});
        jwk
    };
    let set = json!({
        "keys": [
            named(Alg::RS256, "rsa"),
            named(Alg::ES256, "p256"),
            {"kty": "EC", "crv": "secp256k1", "kid": "koblitz", "x": "AA", "y": "AA"},
            named(Alg::EdDSA, "ed"),
            {"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AA"},
            {"kty": "OKP", "crv": "Ed448", "kid": "448", "x": "AA"},
            {"kty": "AKP", "alg": "ML-DSA-65", "kid": "pq", "pub": "AA"},
            with(&named(Alg::RS256, "enc"), "use", Some("enc".into())),
            with(&named(Alg::RS256, "oaep"), "alg", Some("RSA-OAEP".into())),
            with(&named(Alg::ES256, "none"), "alg", Some("none".into())),
            {"kty": 5}, {}, null, "key", 7, [], [[[[]]]],
            {"kty": "RSA"}, {"kty": "RSA", "n": 5, "e": "AQAB"}, {"kty": "rsa"},
            with_extras,
            named(Alg::ES512, "p521"),
        ],
        "issuer": "https://issuer.example",
    });
    let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!(keys.len(), 5);
    for kid in ["rsa", "p256", "ed", "p384", "p521"] {
        assert!(keys.has(kid), "{kid}");
    }
    for alg in [
        Alg::RS256,
        Alg::PS512,
        Alg::ES256,
        Alg::ES384,
        Alg::ES512,
        Alg::EdDSA,
    ] {
        let header = json!({"alg": alg.as_str()});
        let token = key(alg).sign_with_header(&header, &json!({})).unwrap();
        assert_eq!(fault(check(&token, &keys)), None, "{alg}");
    }
    let reasons: Vec<_> = keys
        .unused()
        .iter()
        .map(|unused| (unused.index, unused.why))
        .collect();
    assert_eq!(
        reasons,
        [
            (2, Unusable::UnknownCurve),
            (4, Unusable::UnknownCurve),
            (5, Unusable::UnknownCurve),
            (6, Unusable::UnknownType),
            (7, Unusable::Use),
            (8, Unusable::UnknownAlg),
            (9, Unusable::UnknownAlg),
            (10, Unusable::BadMember("kty")),
            (11, Unusable::BadMember("kty")),
            (12, Unusable::NotAnObject),
            (13, Unusable::NotAnObject),
            (14, Unusable::NotAnObject),
            (15, Unusable::NotAnObject),
            (16, Unusable::NotAnObject),
            (17, Unusable::BadMember("n")),
            (18, Unusable::BadMember("n")),
            (19, Unusable::UnknownType),
        ]
    );
    assert_eq!(keys.alerts(), []);
}

/// Proves: JWK-1
#[test]
fn a_key_that_is_odd_json_spoils_no_other() {
    let good = jwk(Alg::ES256).to_string();
    let repeated = good.replacen('{', r#"{"kid":"other","#, 1);
    let nested = r#"{"kty":"RSA","n":"AA","e":"AA","x":{"a":1,"a":2}}"#;
    let huge = r#"{"kty":"EC","x":1e999,"y":-1e999}"#;
    let members: Vec<_> = (0..500).map(|index| format!("\"m{index}\":0")).collect();
    let wide = format!("{{{}}}", members.join(","));
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    for odd in [repeated.as_str(), nested, huge, &wide, &deep] {
        let set = format!("{{\"keys\":[{odd},{good}]}}");
        let keys = KeySet::parse(set.as_bytes()).unwrap();
        assert_eq!(keys.len(), 1, "{odd}");
        assert_eq!(fault(check(&token(Alg::ES256), &keys)), None, "{odd}");
    }
    let keys = KeySet::parse(format!("{{\"keys\":[{repeated}]}}").as_bytes()).unwrap();
    assert_eq!(keys.unused()[0].why, Unusable::RepeatedMember);
}

/// Proves: JWK-1
#[test]
fn only_a_set_that_is_none_is_refused() {
    let refused = |text: &str| KeySet::parse(text.as_bytes()).err();
    for text in [
        "",
        "[]",
        "null",
        "\"keys\"",
        "{",
        "{\"keys\":[}",
        "{\"keys\":[]} x",
        "\u{feff}{}",
    ] {
        assert!(
            matches!(refused(text), Some(KeySetFault::Json(_))),
            "{text}"
        );
    }
    for text in [
        "{}",
        r#"{"Keys":[]}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":"[]"}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[],"k\u0065ys":[]}"#,
    ] {
        assert_eq!(refused(text), Some(KeySetFault::NoKeys), "{text}");
    }
    assert!(KeySet::parse(b"\xff{\"keys\":[]}").is_err());

    let set = |count: usize| json!({ "keys": vec![json!({}); count] }).to_string();
    assert_eq!(refused(&set(100)), None);
    assert_eq!(refused(&set(101)), Some(KeySetFault::TooManyKeys));

    let filled = |length: usize| {
        let text = r#"{"keys":[],"fill":""}"#;
        text.replace("\"\"", &format!("\"{}\"", "x".repeat(length - text.len())))
    };
    assert_eq!(refused(&filled(MAX_KEY_SET_BYTES)), None);
    assert_eq!(
        refused(&filled(MAX_KEY_SET_BYTES + 1)),
        Some(KeySetFault::TooLong)
    );

    let empty = KeySet::parse(br#"{"keys":[]}"#).unwrap();
    assert!(empty.is_empty());
    assert_eq!(
        fault(check(&token(Alg::ES256), &empty)),
        Some(Fault::UnknownKid)
    );
}

/// A copy of a key in which one member is another.
fn set(jwk: &Value, name: &str, value: impl Into<Value>) -> Value {
    with(jwk, name, Some(value.into()))
}

fn check_unused(cases: impl IntoIterator<Item = (Value, Unusable)>) {
    for (jwk, why) in cases {
        let keys = published(std::slice::from_ref(&jwk));
        let reasons: Vec<_> = keys.unused().iter().map(|unused| unused.why).collect();
        assert_eq!(reasons, [why], "{jwk}");
        assert!(keys.is_empty(), "{jwk}");
        for alg in [Alg::RS256, Alg::ES256, Alg::EdDSA] {
            let outcome = fault(check(&token(alg), &keys));
            assert_eq!(outcome, Some(Fault::UnknownKid), "{jwk}");
        }
    }
}

/// Proves: JWK-2
#[test]
fn a_key_for_another_use_is_not_used() {
    let [rsa, ec, ed] = [Alg::RS256, Alg::ES256, Alg::EdDSA].map(jwk);
    let long = "k".repeat(257);
    check_unused([
        (set(&rsa, "use", "enc"), Unusable::Use),
        (set(&rsa, "use", ""), Unusable::Use),
        (set(&rsa, "use", json!(["sig"])), Unusable::BadMember("use")),
        (set(&rsa, "key_ops", json!(["sign"])), Unusable::KeyOps),
        (set(&rsa, "key_ops", json!([])), Unusable::KeyOps),
        (
            set(&rsa, "key_ops", "verify"),
            Unusable::BadMember("key_ops"),
        ),
        (set(&rsa, "alg", "ES256"), Unusable::AlgMisfit),
        (set(&rsa, "alg", "HS256"), Unusable::AlgMisfit),
        (set(&ec, "alg", "ES384"), Unusable::AlgMisfit),
        (set(&ed, "alg", "ES256"), Unusable::AlgMisfit),
        (set(&rsa, "alg", json!(null)), Unusable::BadMember("alg")),
        (set(&rsa, "kid", 7), Unusable::BadMember("kid")),
        (set(&rsa, "kid", long), Unusable::BadMember("kid")),
        (
            json!({"kty": "oct", "kid": "k", "k": "AAAA"}),
            Unusable::Symmetric,
        ),
        (set(&rsa, "d", "AQAB"), Unusable::PrivateParts),
        (set(&rsa, "p", "AQAB"), Unusable::PrivateParts),
        (set(&ec, "d", "AQAB"), Unusable::PrivateParts),
        (set(&ed, "d", json!(null)), Unusable::PrivateParts),
    ]);
}

/// An odd number of this many bytes, in base64url.
fn modulus(first: u8, length: usize) -> String {
    let mut n = vec![0xfb; length];
    n[0] = first;
    base64url::encode(n)
}

/// Proves: JWK-2
#[test]
fn a_weak_rsa_key_is_not_used() {
    let rsa = jwk(Alg::RS256);
    let n = |n: String| set(&rsa, "n", n);
    let e = |bytes: &[u8]| set(&rsa, "e", base64url::encode(bytes));
    let mut even = base64url::decode(rsa["n"].as_str().unwrap()).unwrap();
    *even.last_mut().unwrap() &= 0xfe;
    let roca = forged()["roca_modulus"].as_str().unwrap().to_owned();
    check_unused([
        (n(modulus(0x7f, 256)), Unusable::ModulusSize),
        (n(modulus(0xff, 128)), Unusable::ModulusSize),
        (n(modulus(0x01, 1025)), Unusable::ModulusSize),
        (n(modulus(0xff, 2048)), Unusable::ModulusSize),
        (n(String::new()), Unusable::ModulusSize),
        (n(base64url::encode([0; 257])), Unusable::ModulusSize),
        (n(base64url::encode(even)), Unusable::EvenModulus),
        (n(roca), Unusable::Roca),
        (e(&[3]), Unusable::Exponent),
        (e(&[1]), Unusable::Exponent),
        (e(&[]), Unusable::Exponent),
        (e(&[0]), Unusable::Exponent),
        (e(&[1, 0, 0]), Unusable::Exponent),
        (e(&[0xff, 0xff]), Unusable::Exponent),
        (e(&[1, 0, 2]), Unusable::Exponent),
        (e(&[2, 0, 0, 0, 1]), Unusable::Exponent),
        (e(&[1, 0, 0, 0, 0, 0, 0, 0, 1]), Unusable::Exponent),
        (set(&rsa, "e", "AQAB="), Unusable::BadMember("e")),
    ]);
    let longest = published(&[n(modulus(0xff, 1024))]);
    assert_eq!(longest.len(), 1);
}

/// Proves: JWK-2
#[test]
fn a_point_that_is_none_of_its_curve_is_not_used() {
    let [ec, ed] = [Alg::ES256, Alg::EdDSA].map(jwk);
    let x = |jwk: &Value, bytes: &[u8]| set(jwk, "x", base64url::encode(bytes));
    let bytes = |jwk: &Value| base64url::decode(jwk["x"].as_str().unwrap()).unwrap();
    let shorter = |jwk: &Value| x(jwk, &bytes(jwk)[1..]);
    let longer = |jwk: &Value| x(jwk, &[&[0], bytes(jwk).as_slice()].concat());
    let zeros = base64url::encode([0; 32]);
    let both_zero = set(&x(&ec, &[0; 32]), "y", zeros);
    check_unused([
        (set(&ec, "y", ec["x"].clone()), Unusable::InvalidPoint),
        (both_zero, Unusable::InvalidPoint),
        (x(&ec, &[0xff; 32]), Unusable::InvalidPoint),
        (longer(&ec), Unusable::CoordinateLength),
        (shorter(&ec), Unusable::CoordinateLength),
        (x(&ec, &[]), Unusable::CoordinateLength),
        (set(&ec, "crv", "P-384"), Unusable::CoordinateLength),
        (set(&ec, "crv", "P-521"), Unusable::CoordinateLength),
        (with(&ec, "y", None), Unusable::BadMember("y")),
        (shorter(&ed), Unusable::CoordinateLength),
        (longer(&ed), Unusable::CoordinateLength),
        (x(&ed, &[0; 32]), Unusable::InvalidPoint),
        (x(&ed, &[0xff; 32]), Unusable::InvalidPoint),
    ]);
}

/// Proves: JWK-2
#[test]
fn a_suitable_key_may_say_so_in_every_way() {
    let rsa = jwk(Alg::RS256);
    for (name, value) in [
        ("use", json!("sig")),
        ("key_ops", json!(["sign", "verify"])),
        ("key_ops", json!(["verify", 5])),
        ("alg", json!("RS256")),
        ("kid", json!("k")),
    ] {
        let jwk = with(&rsa, name, Some(value));
        let keys = published(std::slice::from_ref(&jwk));
        assert_eq!(fault(check(&token(Alg::RS256), &keys)), None, "{jwk}");
    }
    // The two's complement of the number, as some providers write it.
    for name in ["n", "e"] {
        let number = base64url::decode(rsa[name].as_str().unwrap()).unwrap();
        let padded = base64url::encode([&[0], number.as_slice()].concat());
        let keys = published(&[with(&rsa, name, Some(padded.into()))]);
        assert_eq!(fault(check(&token(Alg::RS256), &keys)), None, "{name}");
    }
}

/// Proves: JWK-2
#[test]
fn a_key_of_another_algorithm_is_not_used() {
    let keys = published(&[with(&jwk(Alg::RS256), "alg", Some("PS256".into()))]);
    assert_eq!(
        fault(check(&token(Alg::RS256), &keys)),
        Some(Fault::KeyMisfit)
    );
    assert_eq!(fault(check(&token(Alg::PS256), &keys)), None);
}

/// Proves: JWK-2
#[test]
fn a_published_secret_raises_an_alert() {
    let good = jwk(Alg::ES256);
    let named = |kid: &str, jwk: &Value| with(jwk, "kid", Some(kid.into()));
    let keys = published(&[
        good.clone(),
        json!({"kty": "oct", "kid": "shared", "k": "AAAA", "use": "enc"}),
        with(&named("own", &jwk(Alg::RS256)), "d", Some("AQAB".into())),
        with(&with(&good, "d", Some("AA".into())), "kid", None),
        with(
            &with(&named("ecdh", &good), "d", Some("AA".into())),
            "use",
            Some("enc".into()),
        ),
        json!({"kty": "AKP", "kid": "pq", "priv": "AA"}),
    ]);
    let private = |kid: Option<&str>| KeyAlert::PrivateParts {
        kid: kid.map(str::to_owned),
    };
    assert_eq!(
        keys.alerts(),
        [
            KeyAlert::Symmetric {
                kid: Some("shared".to_owned())
            },
            private(Some("own")),
            private(None),
            private(Some("ecdh")),
            private(Some("pq")),
        ]
    );
    assert_eq!(keys.len(), 1);
    assert_eq!(published(&[good]).alerts(), []);
    assert_eq!(format!("{keys:?}"), "KeySet { len: 1, unused: 5, .. }");
}

/// A fresh key of P-256 under this name.
fn fresh(kid: &str) -> SigningKey {
    SigningKey::generate(Alg::ES256, kid).unwrap()
}

/// Proves: JWK-3
#[test]
fn a_named_key_is_the_only_one_tried() {
    let [ours, other] = [fresh("ours"), fresh("other")];
    let keys = published(&[other.public_jwk(), ours.public_jwk()]);
    let signed = |signer: &SigningKey, kid: &str| {
        let header = json!({"alg": "ES256", "kid": kid});
        signer.sign_with_header(&header, &json!({})).unwrap()
    };
    assert_eq!(fault(check(&signed(&ours, "ours"), &keys)), None);
    assert_eq!(fault(check(&signed(&other, "other"), &keys)), None);
    assert_eq!(
        fault(check(&signed(&ours, "other"), &keys)),
        Some(Fault::BadSignature)
    );
    assert_eq!(
        fault(check(&signed(&ours, "unknown"), &keys)),
        Some(Fault::UnknownKid)
    );
    // A key without a name is not one that the token named.
    let nameless = published(&[with(&ours.public_jwk(), "kid", None)]);
    assert_eq!(
        fault(check(&signed(&ours, "ours"), &nameless)),
        Some(Fault::UnknownKid)
    );
}

/// Proves: JWK-3
#[test]
fn two_different_keys_of_one_name_and_type_are_both_left_out() {
    let [first, second, third] = [fresh("twin"), fresh("twin"), fresh("own")];
    let (one, two) = (first.public_jwk(), second.public_jwk());
    for order in [[&one, &two], [&two, &one]] {
        let keys = published(&[order[0].clone(), third.public_jwk(), order[1].clone()]);
        for signer in [&first, &second] {
            let named = signer.sign(None, &json!({})).unwrap();
            assert_eq!(fault(check(&named, &keys)), Some(Fault::AmbiguousKid));
            let unnamed = signer
                .sign_with_header(&json!({"alg": "ES256"}), &json!({}))
                .unwrap();
            assert_eq!(fault(check(&unnamed, &keys)), Some(Fault::NoKeyVerifies));
        }
        assert_eq!(
            fault(check(&third.sign(None, &json!({})).unwrap(), &keys)),
            None
        );
        let alert = KeyAlert::Ambiguous {
            kid: "twin".to_owned(),
        };
        assert_eq!(keys.alerts(), [alert]);
    }
    // A third of that name does not make one of them right, nor does a curve or an `alg` apart.
    let p384 = with(&jwk(Alg::ES384), "kid", Some("twin".into()));
    let keys = published(&[one.clone(), p384, two]);
    assert!(keys.is_empty());
    // The same key twice is one key; under two algorithms it is one for each.
    let keys = published(&[one.clone(), one.clone()]);
    assert_eq!(keys.len(), 1);
    assert_eq!(
        fault(check(&first.sign(None, &json!({})).unwrap(), &keys)),
        None
    );
    let rsa = jwk(Alg::RS256);
    let labelled = |alg: &str| with(&rsa, "alg", Some(alg.into()));
    let keys = published(&[labelled("RS256"), labelled("PS256")]);
    assert_eq!(fault(check(&token(Alg::RS256), &keys)), None);
    assert_eq!(fault(check(&token(Alg::PS256), &keys)), None);
    assert_eq!(
        fault(check(&token(Alg::PS512), &keys)),
        Some(Fault::KeyMisfit)
    );
    // One name for keys of different types: the algorithm tells which is meant.
    let ec = with(&jwk(Alg::ES256), "kid", Some("k".into()));
    let keys = published(&[rsa, ec]);
    assert_eq!(fault(check(&token(Alg::RS256), &keys)), None);
    assert_eq!(fault(check(&token(Alg::ES256), &keys)), None);
    // An encryption key of the same name is no rival.
    let enc = with(&second.public_jwk(), "use", Some("enc".into()));
    let keys = published(&[enc, one]);
    assert_eq!(
        fault(check(&first.sign(None, &json!({})).unwrap(), &keys)),
        None
    );
}

/// Proves: JWK-3
#[test]
fn an_unnamed_key_is_looked_for_among_eight_at_most() {
    let signers: Vec<_> = (0..9).map(|index| fresh(&format!("key {index}"))).collect();
    let jwks: Vec<_> = signers.iter().map(SigningKey::public_jwk).collect();
    let header = json!({"alg": "ES256"});
    let unnamed = |signer: &SigningKey| signer.sign_with_header(&header, &json!({})).unwrap();
    let first = unnamed(&signers[0]);

    assert_eq!(
        fault(check(&first, &published(&[]))),
        Some(Fault::NoKeyVerifies)
    );
    assert_eq!(fault(check(&first, &published(&jwks[..1]))), None);
    for signer in &signers[..3] {
        assert_eq!(fault(check(&unnamed(signer), &published(&jwks[..3]))), None);
    }
    assert_eq!(
        fault(check(&unnamed(&signers[7]), &published(&jwks[..8]))),
        None
    );
    assert_eq!(
        fault(check(&first, &published(&jwks))),
        Some(Fault::TooManyKeys)
    );
    assert_eq!(
        fault(check(&first, &published(&jwks[1..]))),
        Some(Fault::NoKeyVerifies)
    );
    // Keys that do not fit the algorithm are no candidates.
    let mut mixed = jwks[..8].to_vec();
    mixed.push(jwk(Alg::RS256));
    mixed.push(jwk(Alg::ES384));
    assert_eq!(fault(check(&first, &published(&mixed))), None);
    // Named, a key is found among however many.
    assert_eq!(
        fault(check(
            &signers[8].sign(None, &json!({})).unwrap(),
            &published(&jwks)
        )),
        None
    );
}

/// JWK-4 asks for newer keys exactly where these could help.
#[test]
fn only_a_missing_key_is_a_reason_to_fetch_the_set_anew() {
    for fault in [Fault::UnknownKid, Fault::NoKeyVerifies] {
        assert!(fault.wants_fresh_keys(), "{fault}");
    }
    for fault in [
        Fault::BadSignature,
        Fault::TooManyKeys,
        Fault::AmbiguousKid,
        Fault::KeyMisfit,
    ] {
        assert!(!fault.wants_fresh_keys(), "{fault}");
    }
}
