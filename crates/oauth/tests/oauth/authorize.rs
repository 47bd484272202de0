use oauth::Provider;
use oauth::authorize::{Ask, Authorization, Seeds, begin, challenge};
use secrecy::ExposeSecret as _;

use crate::scene::{REDIRECT, pairs, provider, texts, value, verdict};

const SEEDS: Seeds = Seeds {
    state: [1; 32],
    nonce: [2; 32],
    verifier: [3; 32],
};

fn ask<'a>(provider: &'a Provider, scopes: &'a [String]) -> Ask<'a> {
    Ask {
        provider,
        client_id: "usher",
        redirect_uri: REDIRECT,
        scopes,
        prompt: None,
        extras: &[],
        hints: &[],
    }
}

fn query(authorization: &Authorization) -> Vec<(String, String)> {
    pairs(authorization.url.query().unwrap())
}

fn named(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[test]
fn a_request_asks_for_exactly_what_it_should() {
    let provider = provider();
    let scopes = texts(&["openid", "email"]);
    let asked = begin(
        &Ask {
            prompt: Some("consent"),
            ..ask(&provider, &scopes)
        },
        &SEEDS,
    )
    .unwrap();
    insta::assert_snapshot!(asked.url, @"https://id.example/authorize?response_type=code&client_id=usher&redirect_uri=https%3A%2F%2Fusher.example%2Foauth-callback%2Facme%2Fcorp&scope=openid%20email&state=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE&nonce=AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI&code_challenge=g77gcvvTQj90gfwWOCFjatjPtz-u8N0FgfOXnqDHMbk&code_challenge_method=S256&prompt=consent");
}

/// Proves in part: BND-1 (its shape; only its digest is stored, by the store)
#[test]
fn state_is_256_bits_of_the_seed_and_nothing_else() {
    let provider = provider();
    let scopes = texts(&["openid"]);
    let state = |byte: u8, redirect_uri: &str, client_id: &str| {
        let seeds = Seeds {
            state: [byte; 32],
            ..SEEDS
        };
        let ask = Ask {
            redirect_uri,
            client_id,
            ..ask(&provider, &scopes)
        };
        begin(&ask, &seeds)
            .unwrap()
            .state
            .expose_secret()
            .to_owned()
    };
    let first = state(7, REDIRECT, "usher");
    assert_eq!(first.len(), 43);
    assert_eq!(jose::base64url::decode(&first).unwrap(), [7; 32]);
    assert_eq!(
        first,
        state(7, "https://elsewhere.example/", "another"),
        "it has no meaning"
    );
    assert_ne!(first, state(8, REDIRECT, "usher"));
}

/// Proves in part: BND-5 (the request and the refusal; an injected code is tried in the whole system)
#[test]
fn every_request_carries_a_challenge_by_s256() {
    let scopes = texts(&["email"]);
    for (methods, expected) in [
        (None, "ok"),
        (Some(vec!["S256"]), "ok"),
        (Some(vec!["plain", "S256"]), "ok"),
        (Some(vec!["plain"]), "unsupported.pkce"),
        (Some(vec!["s256"]), "unsupported.pkce"),
        (Some(vec![]), "unsupported.pkce"),
    ] {
        let provider = Provider {
            pkce_methods: methods.as_deref().map(texts),
            ..provider()
        };
        let begun = begin(&ask(&provider, &scopes), &SEEDS);
        assert_eq!(verdict(&begun), expected, "{methods:?}");
        let Ok(begun) = begun else { continue };
        let verifier = begun.verifier.expose_secret();
        assert_eq!(verifier.len(), 43);
        assert_eq!(jose::base64url::decode(verifier).unwrap(), SEEDS.verifier);
        let query = query(&begun);
        assert_eq!(value(&query, "code_challenge"), [challenge(verifier)]);
        assert_eq!(value(&query, "code_challenge_method"), ["S256"]);
        assert!(!begun.url.as_str().contains(verifier));
    }
    // RFC 7636, appendix B.
    let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

/// Proves: BND-6
#[test]
fn a_nonce_goes_out_whenever_an_id_token_comes_back() {
    let provider = provider();
    for (scopes, expected) in [
        (texts(&["openid"]), true),
        (texts(&["email", "openid"]), true),
        (texts(&["email", "openid2"]), false),
        (texts(&[]), false),
    ] {
        let begun = begin(&ask(&provider, &scopes), &SEEDS).unwrap();
        let nonce = begun
            .nonce
            .as_ref()
            .map(|nonce| nonce.expose_secret().to_owned());
        assert_eq!(nonce.is_some(), expected, "{scopes:?}");
        assert_eq!(
            value(&query(&begun), "nonce").first().copied(),
            nonce.as_deref()
        );
        assert!(nonce.is_none_or(|nonce| nonce.len() == 43));
    }
}

/// Proves: BND-11
#[test]
fn nothing_replaces_a_parameter_of_ours() {
    let provider = provider();
    let scopes = texts(&["openid"]);
    let with_extra = |name: &str, value: &str| {
        let extras = named(name, value);
        begin(
            &Ask {
                extras: &extras,
                ..ask(&provider, &scopes)
            },
            &SEEDS,
        )
    };
    let with_hint = |name: &str, value: &str| {
        let hints = named(name, value);
        begin(
            &Ask {
                hints: &hints,
                ..ask(&provider, &scopes)
            },
            &SEEDS,
        )
    };
    for name in [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
        "resource",
        "iss",
        "Redirect_URI",
        " state",
        "SCOPE ",
    ] {
        assert_eq!(
            verdict(&with_extra(name, "x")),
            "rejected.reserved_parameter",
            "{name}"
        );
        assert_eq!(
            verdict(&with_hint(name, "x")),
            "rejected.parameter",
            "{name}"
        );
    }
    for name in ["audience", "access_type", "hd", "claims", "login_hint "] {
        assert_eq!(
            verdict(&with_hint(name, "x")),
            "rejected.parameter",
            "{name}"
        );
        assert_eq!(verdict(&with_extra(name, "x")), "ok", "{name}");
    }
    for name in [
        "login_hint",
        "ui_locales",
        "prompt",
        "max_age",
        "acr_values",
        "domain_hint",
    ] {
        for hostile in [
            "x&redirect_uri=https://evil",
            "x#f",
            "x y+z%26",
            "ä\r\n\0",
            "x;state=y",
        ] {
            let begun = with_hint(name, hostile).unwrap();
            let query = query(&begun);
            assert_eq!(value(&query, name), [hostile], "{name}");
            assert_eq!(value(&query, "redirect_uri"), [REDIRECT]);
            assert_eq!(value(&query, "state").len(), 1);
            assert_eq!(begun.url.fragment(), None);
        }
        assert_eq!(verdict(&with_hint(name, &"x".repeat(512))), "ok");
        assert_eq!(
            verdict(&with_hint(name, &"x".repeat(513))),
            "rejected.parameter_too_long"
        );
    }
}

#[test]
fn a_flow_speaks_before_the_connection_and_nobody_speaks_twice() {
    let provider = provider();
    let scopes = texts(&["openid"]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let (extras, hints) = (
        [pair("login_hint", "a"), pair("hd", "b")],
        [pair("login_hint", "c"), pair("prompt", "none")],
    );
    let both = Ask {
        extras: &extras,
        hints: &hints,
        prompt: Some("login"),
        ..ask(&provider, &scopes)
    };
    let query = query(&begin(&both, &SEEDS).unwrap());
    assert_eq!(value(&query, "login_hint"), ["c"]);
    assert_eq!(value(&query, "prompt"), ["none"]);
    assert_eq!(value(&query, "hd"), ["b"]);
    for twice in [
        [pair("hd", "a"), pair("hd", "b")],
        [pair("prompt", "a"), pair("prompt", "b")],
    ] {
        let ask = Ask {
            extras: &twice,
            ..ask(&provider, &scopes)
        };
        assert_eq!(verdict(&begin(&ask, &SEEDS)), "rejected.parameter");
    }
}

#[test]
fn an_endpoint_keeps_its_own_query_unless_it_speaks_for_us() {
    let scopes = texts(&["openid"]);
    for (query, expected) in [
        ("p=b2c&x=1", "ok"),
        ("redirect_uri=https://evil.example", "misbehaved.member"),
        ("a=b&st%61te=x", "misbehaved.member"),
    ] {
        let mut provider = provider();
        provider.authorization_endpoint.set_query(Some(query));
        let begun = begin(&ask(&provider, &scopes), &SEEDS);
        assert_eq!(verdict(&begun), expected, "{query}");
        if let Ok(begun) = begun {
            assert!(
                begun
                    .url
                    .query()
                    .unwrap()
                    .starts_with("p=b2c&x=1&response_type=code")
            );
        }
    }
}

#[test]
fn lasting_access_is_asked_for_in_the_provider_s_own_way() {
    let google = Provider {
        issuer: Some("https://accounts.google.com".to_owned()),
        ..provider()
    };
    let scopes = texts(&["openid", "offline_access"]);
    let begun = query(&begin(&ask(&google, &scopes), &SEEDS).unwrap());
    assert_eq!(value(&begun, "scope"), ["openid"]);
    assert_eq!(value(&begun, "access_type"), ["offline"]);
    let extras = named("access_type", "online");
    let ask = Ask {
        extras: &extras,
        ..ask(&google, &scopes)
    };
    let begun = query(&begin(&ask, &SEEDS).unwrap());
    assert_eq!(
        value(&begun, "access_type"),
        ["online"],
        "the connection's word wins"
    );
}
