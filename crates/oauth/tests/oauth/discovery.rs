use jose::Alg;
use oauth::discovery::{Endpoints, begin, begin_elsewhere, begin_for_tenants};
use oauth::http::{Request, Response};
use oauth::{Error, Exchange as _, Misbehavior, Progress, Provider, Rules};
use serde_json::{Value, json};

use crate::scene::{
    ISSUER, STRICT, answer, json_answer, metadata, now, texts, verdict, with, without,
};

const DEVELOPMENT: Rules = Rules { development: true };

/// Plays the provider: answers each address that is asked for, and lists them.
fn discover(
    begun: Result<Progress<oauth::discovery::Discovery>, Error>,
    mut respond: impl FnMut(&Request) -> Response,
) -> (Result<Provider, Error>, Vec<String>) {
    let mut asked = Vec::new();
    let mut progress = begun;
    loop {
        progress = match progress {
            Ok(Progress::Send(request, discovery)) => {
                asked.push(request.url.to_string());
                discovery.receive(respond(&request), now())
            }
            Ok(Progress::Done(provider)) => return (Ok(provider), asked),
            Err(error) => return (Err(error), asked),
        }
    }
}

fn nothing() -> Response {
    answer(404, "text/html", "<html>")
}

fn read(document: &Value) -> Result<Provider, Error> {
    discover(begin(ISSUER, &STRICT), |_| json_answer(document)).0
}

fn check(document: &Value, expected: &str) {
    assert_eq!(verdict(&read(document)), expected, "{document}");
}

/// Proves: MIX-4
#[test]
fn metadata_are_looked_for_in_order() {
    let places = |address: &str| discover(begin(address, &STRICT), |_| nothing()).1;
    assert_eq!(
        places("https://h.example/p"),
        [
            "https://h.example/.well-known/oauth-authorization-server/p",
            "https://h.example/.well-known/openid-configuration/p",
            "https://h.example/p/.well-known/openid-configuration",
        ]
    );
    assert_eq!(
        places("https://h.example/p"),
        places("https://h.example/p/")
    );
    assert_eq!(
        places("https://h.example"),
        [
            "https://h.example/.well-known/oauth-authorization-server",
            "https://h.example/.well-known/openid-configuration",
        ]
    );
    let typed = "https://h.example/p/.well-known/openid-configuration";
    assert_eq!(places(typed)[0], typed);
    assert_eq!(places(typed).len(), 3);
}

/// Proves in part: CFG-1 (the console that shows it is to come)
#[test]
fn a_discovery_address_fills_the_endpoints_and_a_wrong_one_is_refused_with_the_reason() {
    let (provider, asked) = discover(begin(ISSUER, &STRICT), |request| match request.url.path() {
        "/.well-known/openid-configuration" => json_answer(&metadata()),
        _ => nothing(),
    });
    let provider = provider.unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(
        provider.authorization_endpoint.as_str(),
        "https://id.example/authorize"
    );
    assert_eq!(provider.token_endpoint.as_str(), "https://id.example/token");
    assert_eq!(
        provider.userinfo_endpoint.unwrap().as_str(),
        "https://id.example/userinfo"
    );
    assert_eq!(
        provider.jwks_uri.unwrap().as_str(),
        "https://id.example/jwks"
    );
    assert_eq!(provider.id_token_algs, [Alg::RS256]);

    for (address, expected) in [
        ("", "discovery: empty"),
        ("id.example", "discovery: not an absolute address"),
        ("http://id.example", "discovery: not https"),
        ("ftp://id.example", "discovery: not https"),
        (
            "https://user:pw@id.example",
            "discovery: holds a user name or password",
        ),
        ("https://id.example/#x", "discovery: holds a fragment"),
        ("https://id.example/?x=1", "issuer: holds a query"),
        (
            "https://id.example /",
            "discovery: holds a character that may not stand there",
        ),
    ] {
        let refused = begin(address, &STRICT).unwrap_err();
        assert_eq!(refused.code(), "rejected.address", "{address}");
        assert_eq!(
            std::error::Error::source(&refused).unwrap().to_string(),
            expected,
            "{address}"
        );
    }
    let (nowhere, _) = discover(begin(ISSUER, &STRICT), |_| nothing());
    let reason = std::error::Error::source(&nowhere.unwrap_err())
        .unwrap()
        .to_string();
    assert_eq!(
        reason,
        "no metadata at https://id.example/.well-known/oauth-authorization-server, \
         https://id.example/.well-known/openid-configuration"
    );
    let (page, _) = discover(begin(ISSUER, &STRICT), |_| {
        answer(200, "text/html", "<html>{}")
    });
    assert_eq!(verdict(&page), "unsupported.no_metadata");
    let (busy, asked) = discover(begin(ISSUER, &STRICT), |_| answer(503, "text/html", ""));
    assert_eq!((verdict(&busy), asked.len()), ("unavailable", 2));
    let other = with(metadata(), "issuer", json!("https://other.example"));
    let reason = std::error::Error::source(&read(&other).unwrap_err())
        .unwrap()
        .to_string();
    assert_eq!(
        reason,
        r#"the answer is from "https://other.example", not from "https://id.example""#
    );
}

/// Proves: MIX-4
#[test]
fn metadata_of_another_issuer_are_refused() {
    for got in [
        "https://other.example",
        "https://id.example/",
        "https://ID.example",
        "https://id.example:443",
        "HTTPS://id.example",
        "https://id.example/p",
        "https://id.example?",
        "https://id.example#",
        "http://id.example",
        "",
        "https://id.%65xample",
        "{tenantid}",
    ] {
        check(
            &with(metadata(), "issuer", json!(got)),
            "misbehaved.issuer_mismatch",
        );
    }
    for got in [
        json!(["https://id.example"]),
        json!(1),
        json!({}),
        json!(null),
    ] {
        check(&with(metadata(), "issuer", got), "misbehaved.member");
    }
    check(&without(metadata(), "issuer"), "misbehaved.member");
    for body in [
        "[]",
        r#"[{"issuer":"https://id.example"}]"#,
        r#"{"issuer":"https://id.example","issuer":"x"}"#,
        "{",
    ] {
        let (refused, _) = discover(begin(ISSUER, &STRICT), |_| {
            answer(200, "application/json", body)
        });
        assert_eq!(verdict(&refused), "misbehaved.json", "{body}");
    }
    check(&metadata(), "ok");

    // Whatever address it was fetched from.
    let elsewhere = |issuer| {
        let begun = begin_elsewhere("https://cdn.example/meta.json", issuer, &STRICT);
        let (found, asked) = discover(begun, |_| json_answer(&metadata()));
        assert_eq!(asked, ["https://cdn.example/meta.json"]);
        verdict(&found)
    };
    assert_eq!(elsewhere("https://id.example"), "ok");
    assert_eq!(
        elsewhere("https://cdn.example"),
        "misbehaved.issuer_mismatch"
    );

    // A document address names its issuer, but for the slash that was taken off to form it.
    for (address, issuer, expected) in [
        (
            "https://id.example/.well-known/openid-configuration",
            "https://id.example",
            "ok",
        ),
        (
            "https://id.example/.well-known/openid-configuration",
            "https://id.example/",
            "ok",
        ),
        (
            "https://id.example/.well-known/openid-configuration",
            "https://id.example/p",
            "misbehaved.issuer_mismatch",
        ),
        (
            "https://id.example/.well-known/openid-configuration",
            "https://other.example",
            "misbehaved.issuer_mismatch",
        ),
        (
            "https://id.example/p/.well-known/openid-configuration",
            "https://id.example/p",
            "ok",
        ),
        (
            "https://id.example/p/.well-known/openid-configuration",
            "https://id.example",
            "misbehaved.issuer_mismatch",
        ),
        (
            "https://id.example/.well-known/oauth-authorization-server/p",
            "https://id.example/p",
            "ok",
        ),
        (
            "https://id.example/.well-known/oauth-authorization-server/p",
            "https://id.example/q",
            "misbehaved.issuer_mismatch",
        ),
    ] {
        let document = with(metadata(), "issuer", json!(issuer));
        let (found, _) = discover(begin(address, &STRICT), |_| json_answer(&document));
        assert_eq!(verdict(&found), expected, "{address} {issuer}");
        assert!(found.is_err() || found.unwrap().issuer.as_deref() == Some(issuer));
    }
}

/// Proves: MIX-4
#[test]
fn a_template_counts_only_as_a_known_quirk_with_its_tenants_named() {
    let entra = "https://login.microsoftonline.com";
    let template = format!("{entra}/{{tenantid}}/v2.0");
    for (address, issuer, tenants, expected) in [
        ("/common/v2.0", template.as_str(), &["t1"][..], "ok"),
        (
            "/common/v2.0/.well-known/openid-configuration",
            &template,
            &["t1"],
            "ok",
        ),
        ("/common/v2.0", &template, &[], "misbehaved.issuer_mismatch"),
        (
            "/{tenantid}/v2.0",
            &template,
            &[],
            "misbehaved.issuer_mismatch",
        ),
        (
            "/a/b/v2.0",
            &template,
            &["t1"],
            "misbehaved.issuer_mismatch",
        ),
        (
            "/common/v1.0",
            &template,
            &["t1"],
            "misbehaved.issuer_mismatch",
        ),
        (
            "/common/v2.0",
            "https://evil.example/{tenantid}/v2.0",
            &["t1"],
            "misbehaved.issuer_mismatch",
        ),
        (
            "/common/v2.0",
            "https://login.microsoftonline.com/t1/v2.0",
            &["t1"],
            "misbehaved.issuer_mismatch",
        ),
        (
            "/common/v2.0",
            &template,
            &["t1", "a/b"],
            "rejected.address",
        ),
        ("/common/v2.0", &template, &[""], "rejected.address"),
    ] {
        let document = with(metadata(), "issuer", json!(issuer));
        let begun = begin_for_tenants(&format!("{entra}{address}"), &texts(tenants), &STRICT);
        let (found, _) = discover(begun, |_| json_answer(&document));
        assert_eq!(verdict(&found), expected, "{address} {issuer} {tenants:?}");
        assert!(found.is_err() || found.unwrap().tenants == tenants);
    }
    let (unknown, _) = discover(
        begin_for_tenants(&format!("{ISSUER}/common"), &texts(&["t1"]), &STRICT),
        |_| {
            json_answer(&with(
                metadata(),
                "issuer",
                json!("https://id.example/{tenantid}"),
            ))
        },
    );
    assert_eq!(
        verdict(&unknown),
        "misbehaved.issuer_mismatch",
        "no such quirk"
    );
}

/// Proves in part: MIX-5 (the table and the corpus; addresses are judged by the network's port)
#[test]
fn hostile_endpoints_are_refused() {
    let endpoints = [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "introspection_endpoint",
        "end_session_endpoint",
    ];
    for name in endpoints {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "/token",
            "token",
            "",
            "//id.example/token",
            "http://id.example/token",
            "http://127.0.0.1/token",
            "https://",
            "https://u:p@id.example/",
            "https://u@id.example/",
            "https://id.example/#f",
            "https://id.example/#",
            "https://id.example\\@evil.example/",
            "https://id.example/a b",
            "https://id.example/\u{0}",
            "ht\ntps://id.example/",
            " https://id.example/",
            "ws://id.example/",
            "https://[::1/",
        ] {
            check(&with(metadata(), name, json!(bad)), "misbehaved.member");
        }
        for bad in [
            json!(1),
            json!(["https://id.example/x"]),
            json!({}),
            json!(true),
        ] {
            check(&with(metadata(), name, bad), "misbehaved.member");
        }
        let long = |bytes: usize| format!("https://id.example/{}", "x".repeat(bytes - 19));
        check(&with(metadata(), name, json!(long(2048))), "ok");
        check(
            &with(metadata(), name, json!(long(2049))),
            "misbehaved.member",
        );
    }
    for name in ["authorization_endpoint", "token_endpoint"] {
        check(&without(metadata(), name), "misbehaved.member");
        check(&with(metadata(), name, json!(null)), "misbehaved.member");
    }
    for name in [
        "code_challenge_methods_supported",
        "id_token_signing_alg_values_supported",
        "token_endpoint_auth_methods_supported",
        "scopes_supported",
    ] {
        for bad in [json!("S256"), json!([1]), json!({}), json!(true)] {
            check(&with(metadata(), name, bad), "misbehaved.member");
        }
    }
    check(
        &with(
            metadata(),
            "authorization_response_iss_parameter_supported",
            json!("true"),
        ),
        "misbehaved.member",
    );
    check(
        &with(
            metadata(),
            "require_pushed_authorization_requests",
            json!(true),
        ),
        "unsupported.pushed_requests",
    );
}

/// Proves in part: MIX-5 (what is unknown is ignored)
#[test]
fn unknown_members_and_names_mean_nothing() {
    check(
        &with(metadata(), "made_up", json!({ "a": [1, null] })),
        "ok",
    );
    check(
        &with(
            metadata(),
            "response_types_supported",
            json!(["code", "nonsense", 5]),
        ),
        "ok",
    );
    for (announced, expected) in [
        (json!(["RS256", "made_up", "none"]), vec![Alg::RS256]),
        (json!(["ES256", "RS256"]), vec![Alg::RS256, Alg::ES256]),
        (json!(["Ed25519"]), vec![Alg::EdDSA]),
        (json!(["HS256", "none"]), Alg::DEFAULT.to_vec()),
        (json!([]), Alg::DEFAULT.to_vec()),
        (json!(null), Alg::DEFAULT.to_vec()),
    ] {
        let found = read(&with(
            metadata(),
            "id_token_signing_alg_values_supported",
            announced.clone(),
        ));
        assert_eq!(found.unwrap().id_token_algs, expected, "{announced}");
    }
}

/// Proves in part: BND-5 (such a provider is refused before a connection can be saved)
#[test]
fn a_provider_without_s256_cannot_be_saved() {
    for (methods, expected) in [
        (json!(["S256"]), "ok"),
        (json!(["plain", "S256"]), "ok"),
        (json!(null), "ok"),
        (json!(["plain"]), "unsupported.pkce"),
        (json!([]), "unsupported.pkce"),
    ] {
        check(
            &with(metadata(), "code_challenge_methods_supported", methods),
            expected,
        );
    }
    check(
        &without(metadata(), "code_challenge_methods_supported"),
        "ok",
    );
}

#[test]
fn plain_http_is_for_this_machine_in_development_only() {
    for (address, development, expected) in [
        ("http://localhost:7230", true, "ok"),
        ("http://127.0.0.1:7230", true, "ok"),
        ("http://[::1]:7230", true, "ok"),
        ("http://host.localhost:7230", true, "ok"),
        ("http://localhost:7230", false, "rejected.address"),
        ("http://10.0.0.1", true, "rejected.address"),
        ("http://localhost.evil.example", true, "rejected.address"),
        ("http://notlocalhost", true, "rejected.address"),
        ("http://id.example", true, "rejected.address"),
    ] {
        let rules = Rules { development };
        assert_eq!(
            verdict(&begin(address, &rules)),
            expected,
            "{address} {development}"
        );
    }
    let mut document = json!({ "issuer": "http://localhost:7230" });
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
    ] {
        document[name] = json!("http://localhost:7230/x");
    }
    let (found, _) = discover(begin("http://localhost:7230", &DEVELOPMENT), |_| {
        json_answer(&document)
    });
    assert_eq!(verdict(&found), "ok");
}

#[test]
fn oauth_metadata_are_completed_by_the_openid_ones_where_there_are_any() {
    let bare = without(
        without(metadata(), "userinfo_endpoint"),
        "id_token_signing_alg_values_supported",
    );
    let run = |openid: Option<Value>| {
        discover(begin(ISSUER, &STRICT), |request| {
            match (request.url.path(), &openid) {
                ("/.well-known/oauth-authorization-server", _) => json_answer(&bare),
                (_, Some(document)) => json_answer(document),
                (_, None) => nothing(),
            }
        })
    };
    let (completed, asked) = run(Some(metadata()));
    assert!(completed.unwrap().userinfo_endpoint.is_some());
    assert_eq!(asked.len(), 2);
    assert!(run(None).0.unwrap().userinfo_endpoint.is_none());
    let foreign = with(metadata(), "issuer", json!("https://evil.example"));
    assert_eq!(verdict(&run(Some(foreign)).0), "misbehaved.issuer_mismatch");
}

/// Proves in part: MIX-5 (typed addresses win)
#[test]
fn what_an_administrator_typed_wins() {
    let typed = Endpoints {
        token: Some("https://typed.example/token".to_owned()),
        userinfo: Some("https://typed.example/me".to_owned()),
        ..Endpoints::default()
    };
    let provider = read(&metadata())
        .unwrap()
        .with_endpoints(&typed, &STRICT)
        .unwrap();
    assert_eq!(
        provider.token_endpoint.as_str(),
        "https://typed.example/token"
    );
    assert_eq!(
        provider.userinfo_endpoint.as_ref().unwrap().as_str(),
        "https://typed.example/me"
    );
    assert_eq!(
        provider.authorization_endpoint.as_str(),
        "https://id.example/authorize"
    );

    let bare = |authorization: Option<&str>, token: Option<&str>| {
        let typed = Endpoints {
            authorization: authorization.map(str::to_owned),
            token: token.map(str::to_owned),
            ..Endpoints::default()
        };
        Provider::from_endpoints(&typed, &STRICT)
    };
    let good = "https://bare.example/x";
    let server = bare(Some(good), Some(good)).unwrap();
    assert_eq!((server.issuer, server.jwks_uri), (None, None));
    for (authorization, token) in [
        (None, Some(good)),
        (Some(good), None),
        (Some("javascript:x"), Some(good)),
        (Some(good), Some("http://bare.example")),
    ] {
        assert_eq!(verdict(&bare(authorization, token)), "rejected.address");
    }
}

#[test]
fn a_provider_survives_being_stored() {
    let provider = read(&with(
        metadata(),
        "authorization_response_iss_parameter_supported",
        json!(true),
    ))
    .unwrap();
    let stored = serde_json::to_value(&provider).unwrap();
    assert_eq!(
        serde_json::from_value::<Provider>(stored.clone()).unwrap(),
        provider
    );
    insta::assert_snapshot!(stored, @r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/authorize","token_endpoint":"https://id.example/token","userinfo_endpoint":"https://id.example/userinfo","revocation_endpoint":null,"introspection_endpoint":null,"end_session_endpoint":null,"jwks_uri":"https://id.example/jwks","sends_iss":true,"pkce_methods":["S256"],"id_token_algs":["RS256"],"client_auth_methods":null,"scopes":null}"#);
}

#[test]
fn a_long_foreign_issuer_is_cut_in_the_error() {
    let long = format!("https://evil.example/{}", "x".repeat(1000));
    let Err(Error::Misbehaved(Misbehavior::IssuerMismatch { got, .. })) =
        read(&with(metadata(), "issuer", json!(long)))
    else {
        panic!("accepted")
    };
    assert_eq!(got.chars().count(), 256);
}
