//! The signature: which key may serve which algorithm, and bytes that only look like one.

use jose::sign::{Error, SigningKey};
use jose::{Alg, Fault, KeySet, Kind, MAX_BYTES, Part, Policy, base64url, verify};
use serde_json::{Value, json};

use crate::support::{SECRET, check, fault, jwk, key, keys_for, published, token, with};

/// One algorithm of each family of keys.
const FAMILIES: [Alg; 6] = [
    Alg::RS256,
    Alg::ES256,
    Alg::ES384,
    Alg::ES512,
    Alg::EdDSA,
    Alg::HS256,
];

fn family(alg: Alg) -> &'static str {
    match alg {
        Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 | Alg::PS384 | Alg::PS512 => "RSA",
        Alg::ES256 => "P-256",
        Alg::ES384 => "P-384",
        Alg::ES512 => "P-521",
        Alg::EdDSA => "Ed25519",
        Alg::HS256 | Alg::HS384 | Alg::HS512 => "secret",
    }
}

/// Proves: JWT-5
#[test]
fn each_algorithm_fits_its_own_keys_only() {
    for owner in FAMILIES {
        let keys = keys_for(owner);
        for alg in Alg::ALL {
            let expected = (family(alg) != family(owner)).then_some(Fault::KeyMisfit);
            let outcome = fault(check(&token(alg), &keys));
            assert_eq!(outcome, expected, "{alg} with a key for {owner}");
        }
    }
}

/// Proves: JWT-5
#[test]
fn a_header_that_names_another_algorithm_than_signed_it_fails() {
    for signed in Alg::ALL {
        for named in Alg::ALL.into_iter().filter(|named| *named != signed) {
            let header = json!({"alg": named.as_str(), "kid": "k"});
            let token = key(signed).sign_with_header(&header, &json!({})).unwrap();
            for owner in [signed, named] {
                let outcome = check(&token, &keys_for(owner));
                assert!(
                    outcome.is_err(),
                    "{signed} named {named} with a key for {owner}"
                );
            }
        }
    }
}

/// Proves: JWT-5
#[test]
fn a_header_can_only_agree_with_what_is_permitted() {
    for alg in Alg::ALL {
        let (token, keys) = (token(alg), keys_for(alg));
        let outcome = |algs: &[Alg]| {
            let policy = Policy {
                kind: Kind::IdToken,
                algs,
                max_bytes: MAX_BYTES,
            };
            fault(verify(&token, &policy, &keys))
        };
        let others: Vec<Alg> = Alg::ALL.into_iter().filter(|other| *other != alg).collect();
        assert_eq!(outcome(&[alg]), None, "{alg}");
        assert_eq!(outcome(&others), Some(Fault::AlgNotPermitted), "{alg}");
        assert_eq!(outcome(&[]), Some(Fault::AlgNotPermitted), "{alg}");
        let by_default = [Alg::RS256, Alg::PS256, Alg::ES256, Alg::EdDSA].contains(&alg);
        let expected = (!by_default).then_some(Fault::AlgNotPermitted);
        assert_eq!(outcome(&Alg::DEFAULT), expected, "{alg} by default");
    }
}

/// Proves: JWT-5
#[test]
fn a_key_serves_no_other_algorithm_than_its_own() {
    for owner in FAMILIES {
        for own in Alg::ALL {
            if family(owner) == "secret" {
                continue;
            }
            let keys = published(&[with(&jwk(owner), "alg", Some(own.as_str().into()))]);
            assert_eq!(
                keys.is_empty(),
                family(own) != family(owner),
                "{own} on {owner}"
            );
            for alg in Alg::ALL
                .into_iter()
                .filter(|alg| family(*alg) == family(owner))
            {
                let expected = match (keys.is_empty(), own == alg) {
                    (true, _) => Some(Fault::UnknownKid),
                    (false, true) => None,
                    (false, false) => Some(Fault::KeyMisfit),
                };
                let outcome = fault(check(&token(alg), &keys));
                assert_eq!(outcome, expected, "{alg} with a key for {own}");
            }
        }
    }
}

/// Proves: JWT-5
#[test]
fn the_new_name_of_ed25519_means_the_same() {
    for (named, own) in [
        ("Ed25519", "EdDSA"),
        ("EdDSA", "Ed25519"),
        ("Ed25519", "Ed25519"),
    ] {
        let header = json!({"alg": named, "kid": "k"});
        let token = key(Alg::EdDSA)
            .sign_with_header(&header, &json!({}))
            .unwrap();
        let keys = published(&[with(&jwk(Alg::EdDSA), "alg", Some(own.into()))]);
        assert_eq!(
            fault(check(&token, &keys)),
            None,
            "{named} with a key for {own}"
        );
    }
}

/// Proves: JWT-5
#[test]
fn a_public_key_is_never_a_secret() {
    for owner in FAMILIES {
        if family(owner) == "secret" {
            continue;
        }
        let keys = keys_for(owner);
        let labelled = published(&[key(owner).public_jwk()]);
        for secret in public_forms(owner) {
            for alg in [Alg::HS256, Alg::HS384, Alg::HS512] {
                let Ok(forger) = SigningKey::hmac(alg, "k", &secret) else {
                    assert!(secret.len() < 64, "only short forms cannot be tried");
                    continue;
                };
                let named = forger.sign(None, &json!({"sub": "mia"})).unwrap();
                let header = json!({"alg": alg.as_str()});
                let unnamed = forger.sign_with_header(&header, &json!({})).unwrap();
                for keys in [&keys, &labelled] {
                    assert_eq!(fault(check(&named, keys)), Some(Fault::KeyMisfit), "{alg}");
                    assert_eq!(
                        fault(check(&unnamed, keys)),
                        Some(Fault::NoKeyVerifies),
                        "{alg}"
                    );
                }
            }
        }
    }
}

/// The public key as PEM, DER, JWK text and raw bytes: all that a forger could take for the secret.
fn public_forms(alg: Alg) -> Vec<Vec<u8>> {
    let jwk = jwk(alg);
    let raw: Vec<u8> = ["n", "x", "y"]
        .iter()
        .filter_map(|name| jwk.get(name)?.as_str())
        .flat_map(|text| base64url::decode(text).unwrap())
        .collect();
    let der = spki(alg, &raw);
    let body = standard_base64(&der);
    let lines: Vec<&str> = (0..body.len())
        .step_by(64)
        .map(|start| &body[start..body.len().min(start + 64)])
        .collect();
    let pem = |end: &str| {
        let lines = lines.join("\n");
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----{end}").into_bytes()
    };
    let set = json!({ "keys": [jwk] }).to_string().into_bytes();
    let uncompressed = [&[4], raw.as_slice()].concat();
    let jwk = jwk.to_string().into_bytes();
    vec![pem("\n"), pem(""), der, set, jwk, uncompressed, raw]
}

/// RFC 5280 `SubjectPublicKeyInfo`.
fn spki(alg: Alg, raw: &[u8]) -> Vec<u8> {
    let point = || [&[0, 4], raw].concat();
    let (oids, bits): (&[u8], _) = match family(alg) {
        "RSA" => {
            let numbers = [tlv(2, &[&[0], raw].concat()), tlv(2, &[1, 0, 1])].concat();
            let bits = [&[0], tlv(0x30, &numbers).as_slice()].concat();
            (
                b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00",
                bits,
            )
        }
        "P-256" => (
            b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
            point(),
        ),
        "P-384" => (
            b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
            point(),
        ),
        "P-521" => (
            b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23",
            point(),
        ),
        _ => (b"\x06\x03\x2b\x65\x70", [&[0], raw].concat()),
    };
    tlv(0x30, &[tlv(0x30, oids), tlv(3, &bits)].concat())
}

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let [.., high, low] = length.to_be_bytes();
    let head = match length {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), contents].concat()
}

fn standard_base64(bytes: &[u8]) -> String {
    let text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    let padding = (4 - text.len() % 4) % 4;
    text + &"=".repeat(padding)
}

/// Proves: JWT-6
#[test]
fn a_secret_serves_only_hashes_it_is_long_enough_for() {
    for (alg, needed) in [(Alg::HS256, 32), (Alg::HS384, 48), (Alg::HS512, 64)] {
        let long = SigningKey::hmac(alg, "", SECRET).unwrap();
        let token = long.sign(None, &json!({})).unwrap();
        for length in [0, 1, 31, 32, 47, 48, 63, 64] {
            let secret = &SECRET[..length];
            let expected = match length {
                _ if length < needed => Some(Fault::WeakSecret),
                64 => None,
                _ => Some(Fault::BadSignature),
            };
            let outcome = fault(check(&token, &KeySet::from_secret(secret)));
            assert_eq!(outcome, expected, "{alg} with {length} bytes");

            let Ok(signer) = SigningKey::hmac(alg, "", secret) else {
                assert!(length < needed);
                continue;
            };
            let token = signer.sign(None, &json!({})).unwrap();
            let outcome = fault(check(&token, &KeySet::from_secret(secret)));
            assert_eq!(outcome, None, "{alg} signed with {length} bytes");
        }
    }
}

/// Proves: JWT-6
#[test]
fn a_mac_of_the_wrong_length_is_a_plain_refusal() {
    for alg in [Alg::HS256, Alg::HS384, Alg::HS512] {
        let keys = keys_for(alg);
        let token = token(alg);
        let (input, signature) = token.rsplit_once('.').unwrap();
        let mac = base64url::decode(signature).unwrap();
        let outcome =
            |mac: &[u8]| fault(check(&format!("{input}.{}", base64url::encode(mac)), &keys));
        assert_eq!(outcome(&mac), None);
        assert_eq!(outcome(&[]), Some(Fault::EmptyPart(Part::Signature)));
        let padded = [mac.as_slice(), &[0; 1000]].concat();
        for length in [1, 31, 33, mac.len() - 1, mac.len() + 1, 256, 1000] {
            let outcome = outcome(&padded[..length]);
            let is_whole_mac = length == mac.len();
            assert!(
                !is_whole_mac && outcome == Some(Fault::SignatureLength),
                "{alg} {length}"
            );
        }
        for index in 0..mac.len() {
            let mut spoilt = mac.clone();
            spoilt[index] ^= 0x10;
            assert_eq!(
                outcome(&spoilt),
                Some(Fault::BadSignature),
                "{alg} byte {index}"
            );
        }
    }
}

/// Proves: JWT-6
#[test]
fn a_mac_counts_only_where_the_connection_says_so() {
    let keys = KeySet::from_secret(SECRET);
    for alg in [Alg::HS256, Alg::HS384, Alg::HS512] {
        let policy = Policy {
            kind: Kind::IdToken,
            algs: &Alg::DEFAULT,
            max_bytes: MAX_BYTES,
        };
        let outcome = fault(verify(&token(alg), &policy, &keys));
        assert_eq!(outcome, Some(Fault::AlgNotPermitted), "{alg}");
    }
    // There is one secret, so a `kid` selects nothing.
    let header = json!({"alg": "HS256", "kid": "whatever"});
    let token = key(Alg::HS256)
        .sign_with_header(&header, &json!({}))
        .unwrap();
    assert_eq!(fault(check(&token, &keys)), None);
}

/// Proves: JWT-13
#[test]
fn forged_rsa_and_ed25519_signatures_fail() {
    let vectors = forged();
    let cases = vectors["cases"].as_array().unwrap();
    let mut good = 0;
    for case in cases {
        let keys = published(std::slice::from_ref(&case["jwk"]));
        assert_eq!(keys.len(), 1);
        let outcome = fault(check(case["token"].as_str().unwrap(), &keys));
        let verifies = case["verifies"].as_bool().unwrap();
        assert_eq!(outcome.is_none(), verifies, "{}: {outcome:?}", case["name"]);
        good += usize::from(verifies);
    }
    assert_eq!((good, cases.len()), (4, 44));
}

pub(crate) fn forged() -> Value {
    serde_json::from_str(include_str!("../vectors/forged.json")).unwrap()
}

/// Proves: JWT-13
#[test]
fn a_flipped_bit_anywhere_spoils_every_signature() {
    for alg in Alg::ALL {
        let keys = keys_for(alg);
        let token = token(alg);
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        for index in (0..signature.len()).step_by(signature.len() / 16) {
            let mut spoilt = signature.clone();
            spoilt[index] ^= 1;
            let token = format!("{input}.{}", base64url::encode(spoilt));
            assert_eq!(
                fault(check(&token, &keys)),
                Some(Fault::BadSignature),
                "{alg} {index}"
            );
        }
        let other = input.replacen('.', ".e30", 1);
        let token = format!("{other}.{}", base64url::encode(&signature));
        assert!(check(&token, &keys).is_err(), "{alg}");
    }
}

/// Proves: JWT-13
#[test]
fn a_signature_is_exactly_as_long_as_its_key_has_it() {
    for alg in Alg::ALL {
        let keys = keys_for(alg);
        let token = token(alg);
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        let last = signature.len() - 1;
        let mut variants = vec![
            signature[..last].to_vec(),
            signature[1..].to_vec(),
            [signature.as_slice(), &[0]].concat(),
            [&[0], signature.as_slice()].concat(),
            [signature.as_slice(), &signature].concat(),
            vec![0],
            vec![0; 1024],
            vec![0; 2048],
        ];
        if matches!(alg, Alg::ES256 | Alg::ES384 | Alg::ES512) {
            variants.push(ecdsa_der(&signature));
        }
        for variant in variants {
            let token = format!("{input}.{}", base64url::encode(&variant));
            let outcome = fault(check(&token, &keys));
            assert_eq!(
                outcome,
                Some(Fault::SignatureLength),
                "{alg} {}",
                variant.len()
            );
        }
    }
}

/// The ASN.1 form that other protocols use, of the same numbers.
fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let integer = |number: &[u8]| tlv(2, &[&[0], number].concat());
    tlv(0x30, &[integer(r), integer(s)].concat())
}

/// Proves: JWT-13
#[test]
fn both_numbers_of_an_ecdsa_signature_lie_within_the_order() {
    for (alg, order) in [
        (
            Alg::ES256,
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            Alg::ES384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
             581a0db248b0a77aecec196accc52973",
        ),
        (
            Alg::ES512,
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        ),
    ] {
        let keys = keys_for(alg);
        let order = hex(order);
        let token = token(alg);
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        let (r, s) = signature.split_at(signature.len() / 2);
        assert_eq!(order.len(), r.len());
        let zero = vec![0; r.len()];
        let mut above = order.clone();
        *above.last_mut().unwrap() += 1;
        let most = vec![0xff; r.len()];
        let same = |number: &[u8]| number.to_vec();
        for (r, s) in [
            (same(&zero), same(s)),
            (same(r), same(&zero)),
            (same(&zero), same(&zero)),
            (same(&order), same(s)),
            (same(r), same(&order)),
            (same(&order), same(&order)),
            (same(&above), same(s)),
            (same(r), same(&above)),
            (same(&most), same(s)),
            (same(r), same(&most)),
            (same(s), same(r)),
        ] {
            let token = format!("{input}.{}", base64url::encode([r, s].concat()));
            assert_eq!(
                fault(check(&token, &keys)),
                Some(Fault::BadSignature),
                "{alg}"
            );
        }
    }
}

/// Proves: JWT-13
#[test]
fn an_ecdsa_number_is_not_reduced_by_the_order() {
    // Of all three curves only P-521 leaves room for it: its order has 521 bit, its numbers 528.
    let keys = keys_for(Alg::ES512);
    let token = token(Alg::ES512);
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let order = hex(
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    );
    let (r, s) = signature.split_at(66);
    for (r, s) in [(plus(r, &order), s.to_vec()), (r.to_vec(), plus(s, &order))] {
        let token = format!("{input}.{}", base64url::encode([r, s].concat()));
        assert_eq!(fault(check(&token, &keys)), Some(Fault::BadSignature));
    }
}

/// Big-endian addition of numbers of one length, whose sum fits it.
fn plus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = u16::from(*a) + u16::from(*b) + carry;
            carry = digit >> 8;
            digit.to_le_bytes()[0]
        })
        .collect();
    assert_eq!(carry, 0);
    sum.reverse();
    sum
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn a_signing_key_survives_its_own_form_and_shows_nothing() {
    for alg in Alg::ALL {
        let signer = key(alg);
        assert_eq!(
            format!("{signer:?}"),
            format!("SigningKey {{ alg: {alg}, kid: \"k\", .. }}")
        );
        if alg.is_symmetric() {
            assert_eq!(signer.to_pkcs8().map(|_| ()), Err(Error::Symmetric));
            assert_eq!(signer.public_jwk(), Value::Null);
            continue;
        }
        let der = signer.to_pkcs8().unwrap();
        let again = SigningKey::from_pkcs8(alg, "other", &der).unwrap();
        assert_eq!(
            with(&again.public_jwk(), "kid", None),
            with(&signer.public_jwk(), "kid", None)
        );
        let token = again.sign(None, &json!({})).unwrap();
        assert_eq!(
            fault(check(&token, &published(&[again.public_jwk()]))),
            None,
            "{alg}"
        );
    }
}

#[test]
fn a_private_key_of_another_type_or_curve_is_refused() {
    for owner in FAMILIES {
        let Ok(der) = key(owner).to_pkcs8() else {
            continue;
        };
        for alg in Alg::ALL {
            let outcome = SigningKey::from_pkcs8(alg, "k", &der).map(|_| ()).err();
            let expected = match family(alg) {
                "secret" => Some(Error::Symmetric),
                other if other != family(owner) => Some(Error::KeyRejected),
                _ => None,
            };
            assert_eq!(outcome, expected, "{owner} as {alg}");
        }
    }
}
