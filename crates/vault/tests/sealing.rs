//! What is sealed opens at its own place only, and nothing else ever opens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use secrecy::SecretSlice;
use vault::{DataKey, KeyRing, OpenFault, Place, code, same};

const PLACE: Place<'static> = Place {
    organization: "acme",
    table: "grants",
    column: "sealed",
    row: "grn_1",
    owner: "con_1",
};

fn data_key(id: &str, fill: u8) -> DataKey {
    DataKey::from_random(id, [fill; 32]).unwrap()
}

fn opened(key: &DataKey, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, OpenFault> {
    key.open(place, sealed).map(|plain| plain.to_vec())
}

/// Proves in part: SEA-1 (which columns are sealed is the store's and the app's to show)
#[test]
fn a_sealed_value_shows_nothing_and_differs_each_time() {
    let key = data_key("d1", 7);
    for secret in [b"canary-4f1c".as_slice(), b"", &[0; 1000]] {
        let once = key.seal(&PLACE, secret, [1; 12]).unwrap();
        let again = key.seal(&PLACE, secret, [2; 12]).unwrap();
        assert_ne!(once, again);
        assert!(secret.is_empty() || !once.windows(secret.len()).any(|bytes| bytes == secret));
        assert_eq!(opened(&key, &PLACE, &once).unwrap(), secret);
        assert_eq!(opened(&key, &PLACE, &again).unwrap(), secret);
    }
}

/// Every place that differs from [`PLACE`] in one component, and those that move a boundary between two.
fn elsewhere() -> Vec<Place<'static>> {
    vec![
        Place {
            organization: "evil",
            ..PLACE
        },
        Place {
            table: "attempts",
            ..PLACE
        },
        Place {
            column: "other",
            ..PLACE
        },
        Place {
            row: "grn_2",
            ..PLACE
        },
        Place {
            owner: "con_2",
            ..PLACE
        },
        Place {
            organization: "acmeg",
            table: "rants",
            ..PLACE
        },
        Place {
            column: "sealedgrn",
            row: "_1",
            ..PLACE
        },
        Place {
            row: "grn_1con_1",
            owner: "",
            ..PLACE
        },
        Place {
            organization: "",
            table: "acmegrants",
            ..PLACE
        },
        Place {
            organization: "Acme",
            ..PLACE
        },
        Place {
            row: "grn_1\0",
            ..PLACE
        },
    ]
}

/// Proves in part: SEA-2 (marking the row corrupt and the alert are the app's)
#[test]
fn a_value_moved_to_another_place_does_not_open() {
    let key = data_key("d1", 7);
    let here = key.seal(&PLACE, b"token", [1; 12]).unwrap();
    for place in elsewhere() {
        assert_eq!(
            opened(&key, &place, &here),
            Err(OpenFault::NotGenuine),
            "{place:?}"
        );
        let there = key.seal(&place, b"token", [1; 12]).unwrap();
        assert_eq!(
            opened(&key, &PLACE, &there),
            Err(OpenFault::NotGenuine),
            "{place:?}"
        );
    }
    // The same bytes of key under another id, with the id in the value forged to match.
    let twin = data_key("d2", 7);
    let mut relabelled = here.clone();
    relabelled[3] = b'2';
    assert_eq!(DataKey::key_id_of(&relabelled), Ok("d2"));
    assert_eq!(
        opened(&twin, &PLACE, &relabelled),
        Err(OpenFault::NotGenuine)
    );
    assert_eq!(
        opened(&data_key("d1", 8), &PLACE, &here),
        Err(OpenFault::NotGenuine)
    );
}

/// Proves: SEA-5
#[test]
fn what_is_not_sealed_by_us_never_opens() {
    let key = data_key("d1", 7);
    let secret = SecretSlice::from((100..132).collect::<Vec<u8>>());
    let ring = KeyRing::new("k1", vec![("k1".to_owned(), secret)]).unwrap();
    for (name, blob) in hostile_blobs() {
        assert!(key.open(&PLACE, &blob).is_err(), "{name}");
        assert!(ring.unwrap("acme", &blob).is_err(), "{name}");
    }
    let sealed = key.seal(&PLACE, b"token", [1; 12]).unwrap();
    for at in 0..sealed.len() {
        assert!(
            key.open(&PLACE, &sealed[..at]).is_err(),
            "cut to {at} bytes"
        );
        for bit in 0..8 {
            let mut altered = sealed.clone();
            altered[at] ^= 1 << bit;
            assert!(
                key.open(&PLACE, &altered).is_err(),
                "bit {bit} of byte {at} altered"
            );
        }
    }
    let longer = [sealed.as_slice(), b"\0"].concat();
    assert_eq!(opened(&key, &PLACE, &longer), Err(OpenFault::NotGenuine));
}

/// Proves: SEA-5
#[test]
fn the_error_says_which_version_or_key_is_unknown() {
    let key = data_key("d1", 7);
    let sealed = key.seal(&PLACE, b"token", [1; 12]).unwrap();
    let newer = [&[2], &sealed[1..]].concat();
    assert_eq!(
        opened(&key, &PLACE, &newer),
        Err(OpenFault::UnknownVersion { version: 2 })
    );
    assert_eq!(
        opened(&key, &PLACE, b"token"),
        Err(OpenFault::UnknownVersion { version: b't' })
    );
    let unknown = OpenFault::UnknownKey {
        id: "d1".to_owned(),
    };
    assert_eq!(opened(&data_key("d2", 7), &PLACE, &sealed), Err(unknown));
    assert_eq!(DataKey::key_id_of(&sealed), Ok("d1"));
}

/// A reader of the first version must read this for ever.
#[test]
fn the_sealed_form_is_this() {
    let sealed = data_key("d1", 7).seal(&PLACE, b"token", [1; 12]).unwrap();
    insta::assert_snapshot!(hex(&sealed));
    let secret = SecretSlice::from((100..132).collect::<Vec<u8>>());
    let ring = KeyRing::new("k1", vec![("k1".to_owned(), secret)]).unwrap();
    insta::assert_snapshot!(hex(&ring
        .wrap("acme", &data_key("d1", 7), [1; 12])
        .unwrap()));
}

/// Proves in part: SEA-8 (which columns hold digests is the store's to show)
#[test]
fn a_typed_code_is_kept_under_a_key_and_for_one_place() {
    let code = |text| code::shape(text).unwrap();
    let key = data_key("d1", 7);
    let kept = key.code_digest(&PLACE, &code("BCDF-GHJK"));
    assert!(same(&kept, &key.code_digest(&PLACE, &code("bcdfghjk"))));
    assert!(!same(&kept, &key.code_digest(&PLACE, &code("BCDFGHJL"))));
    assert!(!same(
        &kept,
        &data_key("d1", 8).code_digest(&PLACE, &code("BCDFGHJK"))
    ));
    assert!(!same(&kept, &vault::digest(b"BCDFGHJK")));
    for place in elsewhere() {
        assert!(
            !same(&kept, &key.code_digest(&place, &code("BCDFGHJK"))),
            "{place:?}"
        );
    }
}

#[test]
fn a_derived_key_is_another_for_each_place_and_data_key() {
    let key = data_key("d1", 7);
    let here = key.derive(&PLACE);
    assert_eq!(here, data_key("d1", 7).derive(&PLACE));
    assert_ne!(here, data_key("d1", 8).derive(&PLACE));
    assert_ne!(*here, [7; 32]);
    for place in elsewhere() {
        assert_ne!(here, key.derive(&place), "{place:?}");
    }
}

fn hostile_blobs() -> Vec<(&'static str, Vec<u8>)> {
    let lines = include_str!("hostile_blobs.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(':').unwrap())
        .map(|(name, hex)| (name, unhex(hex.trim())))
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
