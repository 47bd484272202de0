//! The honest provider: what it does for a client that does everything right, and refuses otherwise.

use crate::play::{CALLBACK, Callback, ISSUER, Play, SCOPES, SECRET, VERIFIER, part, text};
use jose::Alg;
use rehearsal::{
    Behaviour, Client, ClientAuth, Config, Endpoint, Error, NoRedirect, Provider, Request, Rotation,
};
use serde_json::{Value, json};

#[test]
fn a_code_becomes_tokens_whose_id_token_verifies() {
    for alg in [Alg::ES256, Alg::EdDSA, Alg::RS256, Alg::PS256, Alg::HS256] {
        let mut play = Play::with(|config| config.id_token_alg = alg);
        let back = play.sign_in("ann");
        assert_eq!(back.one("state"), Some("the-state"));
        assert_eq!(back.one("iss"), Some(ISSUER));
        let answer = play.redeem(&back.need("code")).json();
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 3600);
        assert_eq!(answer["scope"], SCOPES);

        let verified = play.verify(&text(&answer, "id_token"), alg).unwrap();
        let claim = |name: &str| verified.claims.get(name).unwrap_or_default();
        assert_eq!(claim("iss"), ISSUER);
        assert_eq!(claim("aud"), "usher");
        assert_eq!(claim("sub"), "person-ann");
        assert_eq!(claim("nonce"), "the-nonce");
        assert_eq!(claim("email"), "ann@people.example");
        assert_eq!(claim("iat"), play.now.as_second());
        assert_eq!(
            claim("at_hash"),
            jose::half_hash(alg, &text(&answer, "access_token"))
        );
    }
}

#[test]
fn a_code_works_once_and_its_second_use_kills_the_tokens() {
    let mut play = Play::new();
    let code = play.sign_in("ann").need("code");
    let tokens = play.redeem(&code).json();
    let access = text(&tokens, "access_token");
    assert_eq!(play.bearer(Endpoint::Api, "", &access).status, 200);

    let second = play.redeem(&code);
    assert_eq!(
        (second.status, text(&second.json(), "error").as_str()),
        (400, "invalid_grant")
    );
    assert_eq!(play.bearer(Endpoint::Api, "", &access).status, 401);
    assert_eq!(play.refresh(&text(&tokens, "refresh_token")).status, 400);
}

#[test]
fn a_code_lives_sixty_seconds() {
    for (seconds, status) in [(59, 200), (60, 400)] {
        let mut play = Play::new();
        let code = play.sign_in("ann").need("code");
        play.wait(seconds);
        assert_eq!(play.redeem(&code).status, status, "{seconds} s");
    }
}

#[test]
fn a_code_is_bound_to_its_verifier_and_redirect_address() {
    let usual = [("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    let other = "other-other-other-other-other-other-other-other";
    for (form, status) in [
        (usual.to_vec(), 200),
        (vec![usual[0], ("code_verifier", other)], 400),
        (vec![usual[0], ("code_verifier", "short")], 400),
        (vec![usual[0]], 400),
        (
            vec![
                (
                    "redirect_uri",
                    "https://usher.example/oauth-callback/acme/other",
                ),
                usual[1],
            ],
            400,
        ),
        (vec![usual[1]], 400),
        ([&usual[..], &usual[..1]].concat(), 400),
    ] {
        let mut play = Play::new();
        let code = play.sign_in("ann").need("code");
        let form = [
            &[("grant_type", "authorization_code"), ("code", &code)],
            &form[..],
        ]
        .concat();
        let answer = play.post(Endpoint::Token, &form);
        assert_eq!(answer.status, status, "{form:?}");
    }
}

#[test]
fn a_request_with_an_unknown_client_or_redirect_address_goes_nowhere() {
    for change in [
        [("client_id", "stranger")],
        [("client_id", "")],
        [("redirect_uri", "")],
        [(
            "redirect_uri",
            "https://usher.example/oauth-callback/acme/corp/",
        )],
        [("redirect_uri", "https://evil.example/")],
    ] {
        let mut play = Play::new();
        let ask = play.ask(&change);
        let Err(NoRedirect::Page(page)) = play.provider.authorize_as(&ask, "ann", play.now) else {
            panic!("{change:?} was sent on");
        };
        assert_eq!(page.status, 400, "{change:?}");
    }
}

#[test]
fn a_request_with_another_flaw_is_refused_to_the_client() {
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("request", "e30"), "request_not_supported"),
        (("request_uri", "urn:x"), "request_uri_not_supported"),
    ] {
        let mut play = Play::new();
        let ask = play.ask(&[change]);
        let back = Callback::read(&play.provider.authorize_as(&ask, "ann", play.now).unwrap());
        assert_eq!(back.one("error"), Some(error), "{change:?}");
        assert_eq!(
            (back.one("state"), back.one("iss")),
            (Some("the-state"), Some(ISSUER))
        );
        assert_eq!(back.one("code"), None);
    }
    let mut play = Play::new();
    let ask = format!("{}&nonce=again", play.ask(&[]));
    let back = Callback::read(&play.provider.authorize_as(&ask, "ann", play.now).unwrap());
    assert_eq!(back.one("error"), Some("invalid_request"));
}

#[test]
fn each_person_does_what_they_always_do() {
    let mut play = Play::new();
    assert_eq!(play.sign_in("carol").one("error"), Some("access_denied"));
    let tokens = play.tokens("dave");
    assert_eq!(text(&tokens, "scope"), "openid profile offline_access");
    assert!(!part(&text(&tokens, "id_token"), 1).contains("email"));

    let ask = play.ask(&[]);
    assert_eq!(
        play.provider.authorize_as(&ask, "erin", play.now),
        Err(NoRedirect::Left)
    );

    let claims = |play: &mut Play, person: &str| -> Value {
        let token = text(&play.tokens(person), "id_token");
        play.verify(&token, Alg::ES256).unwrap();
        serde_json::from_str(&part(&token, 1)).unwrap()
    };
    assert_eq!(claims(&mut play, "ben")["email_verified"], false);
    assert_eq!(
        claims(&mut play, "frank")["groups"]
            .as_array()
            .unwrap()
            .len(),
        300
    );
    let gus = claims(&mut play, "gus");
    assert_eq!(
        (gus.get("email"), &gus["name"]),
        (None, &json!("Gus Gardner"))
    );
}

#[test]
fn the_sign_in_page_is_a_form_without_script_that_leads_back() {
    let mut play = Play::with(|config| {
        config.clients[0].name = "Travel <assistant>".into();
    });
    let ask = play.ask(&[
        ("login_hint", "ben@people.example"),
        ("scope", "openid email trips"),
    ]);
    let page = play.send(&Request::get(&ask));
    let html = page.text();
    assert_eq!(page.status, 200);
    assert!(html.contains("Rehearsal provider</b> - plays a sign-in page for demos and tests"));
    assert!(html.contains("Travel &lt;assistant&gt;") && !html.contains("<assistant>"));
    assert!(html.contains("see your e-mail address") && html.contains("see your trips"));
    assert!(html.contains(r#"class="person hinted" name="person" value="ben""#));
    assert!(!html.contains("<script"));
    let style = html
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains(&sha256_base64(style)), "{policy}");
    assert!(play.provider.seen_at(Endpoint::Token).next().is_none());

    let form = [("shown", "yes"), ("scope", "trips"), ("person", "ann")];
    let back = play.send(&Request::post(&ask, &form));
    assert_eq!(back.status, 303);
    let code = Callback::read(back.header("location").unwrap()).need("code");
    assert_eq!(play.redeem(&code).json()["scope"], "openid trips");

    let back = play.send(&Request::post(&ask, &[("shown", "yes"), ("deny", "yes")]));
    assert_eq!(
        Callback::read(back.header("location").unwrap()).one("error"),
        Some("access_denied")
    );
}

fn sha256_base64(text: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text))
}

#[test]
fn a_program_can_pass_the_page_by_hint_or_by_setting() {
    let mut play = Play::with(|config| config.hint_signs_in = true);
    let ask = play.ask(&[("login_hint", "ann")]);
    assert_eq!(play.send(&Request::get(&ask)).status, 303);
    let ask = play.ask(&[]);
    assert_eq!(play.send(&Request::get(&ask)).status, 200);
    let silent = play.ask(&[("prompt", "none")]);
    let refused = play.send(&Request::get(&silent));
    assert!(
        refused
            .header("location")
            .unwrap()
            .contains("error=login_required")
    );
    play.provider.sign_in_as(Some("ann"));
    assert!(
        play.send(&Request::get(&ask))
            .header("location")
            .unwrap()
            .contains("code=")
    );
}

#[test]
fn a_client_proves_itself_in_its_registered_way_only() {
    type Prove = fn(Request) -> Request;
    let ways: [(&str, Prove); 4] = [
        ("basic", |request| request.basic("usher", SECRET)),
        ("wrong", |request| request.basic("usher", "wrong")),
        ("raw", |request| {
            request.with("authorization", "Basic dXNoZXI6YSBzZWNyZXQmPQ==")
        }),
        ("none", |request| request),
    ];
    let basic = ClientAuth::Basic(SECRET.into());
    let post = ClientAuth::Post(SECRET.into());
    for (auth, posted, way, status) in [
        (&basic, false, "basic", 200),
        (&basic, false, "wrong", 401),
        (&basic, false, "raw", 400),
        (&basic, true, "none", 401),
        (&basic, true, "basic", 400),
        (&basic, false, "none", 401),
        (&post, true, "none", 200),
        (&post, false, "basic", 401),
        (&post, false, "none", 401),
        (&ClientAuth::None, false, "none", 200),
        (&ClientAuth::None, true, "none", 401),
        (&ClientAuth::None, false, "basic", 401),
    ] {
        let mut play = Play::with(|config| config.clients[0].auth = auth.clone());
        let code = play.sign_in("ann").need("code");
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", "usher"),
        ];
        if posted {
            form.push(("client_secret", SECRET));
        }
        let (_, prove) = ways.iter().find(|(name, _)| *name == way).unwrap();
        let address = play.provider.address(Endpoint::Token);
        let answer = play.send(&prove(Request::post(&address, &form)));
        assert_eq!(
            answer.status,
            status,
            "{auth:?} posted={posted} {way}: {}",
            answer.text()
        );
    }
}

#[test]
fn a_client_assertion_is_checked_and_used_once() {
    let key = jose::sign::SigningKey::generate(Alg::ES256, "client-key").unwrap();
    let keys = json!({ "keys": [key.public_jwk()] });
    let mut play = Play::with(|config| config.clients[0].auth = ClientAuth::PrivateKeyJwt(keys));
    let now = play.now.as_second();
    let good = json!({ "iss": "usher", "sub": "usher", "aud": ISSUER, "jti": "1", "iat": now, "exp": now + 60 });
    let mut check = |member: &str, value: Value, error: &str| {
        let mut claims = good.clone();
        claims[member] = value;
        let assertion = key.sign(Some("JWT"), &claims).unwrap();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", "unknown"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ];
        let address = play.provider.address(Endpoint::Token);
        let answer = play.send(&Request::post(&address, &form)).json();
        assert_eq!(answer["error"], error, "{member}");
    };
    // Whoever proves itself gets as far as to hear that the refresh token is unknown.
    check("jti", json!("2"), "invalid_grant");
    check("jti", json!("2"), "invalid_client");
    check("aud", json!([ISSUER]), "invalid_client");
    check("aud", json!("https://other.example"), "invalid_client");
    check("sub", json!("other"), "invalid_client");
    check("iss", json!("other"), "invalid_client");
    check("exp", json!(now), "invalid_client");
    check("exp", json!(now + 3600), "invalid_client");
    check("jti", Value::Null, "invalid_client");
    check("jti", json!("3"), "invalid_grant");
}

#[test]
fn a_refresh_does_to_the_refresh_token_what_the_rotation_says() {
    // What each of three refreshes with the first token gets, and whether the newest still works.
    for (rotation, statuses, newest_works) in [
        (Rotation::Keep, [200, 200, 200], true),
        (Rotation::Rotate, [200, 400, 400], true),
        (Rotation::DetectReuse, [200, 400, 400], false),
        (Rotation::Sometimes, [200, 200, 400], false),
    ] {
        let mut play = Play::with(|config| config.rotation = rotation);
        let first = text(&play.tokens("ann"), "refresh_token");
        let mut newest = first.clone();
        for status in statuses {
            let answer = play.refresh(&first);
            assert_eq!(answer.status, status, "{rotation:?}");
            if let Some(token) = answer.json()["refresh_token"].as_str() {
                newest = token.to_owned();
            }
        }
        assert_eq!(
            play.refresh(&newest).status == 200,
            newest_works,
            "{rotation:?}"
        );
    }
}

#[test]
fn a_refresh_may_narrow_the_scope_and_never_widen_it() {
    let mut play = Play::with(|config| config.rotation = Rotation::DetectReuse);
    let token = text(&play.tokens("ann"), "refresh_token");
    let form = |scope| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str()),
            ("scope", scope),
        ]
    };
    let wider = play.post(Endpoint::Token, &form("openid trips"));
    assert_eq!(text(&wider.json(), "error"), "invalid_scope");
    let narrower = play.post(Endpoint::Token, &form("openid"));
    assert_eq!(text(&narrower.json(), "scope"), "openid");
}

#[test]
fn a_refreshed_id_token_is_about_the_same_sign_in() {
    let mut play = Play::new();
    let first = play.tokens("ann");
    play.wait(600);
    let second = play.refresh(&text(&first, "refresh_token")).json();
    let before = play
        .verify(&text(&first, "id_token"), Alg::ES256)
        .unwrap()
        .claims;
    let after = play
        .verify(&text(&second, "id_token"), Alg::ES256)
        .unwrap()
        .claims;
    for claim in ["iss", "sub", "aud", "auth_time", "nonce"] {
        assert_eq!(before.get(claim), after.get(claim), "{claim}");
    }
    assert_ne!(before.get("iat"), after.get("iat"));
}

#[test]
fn no_refresh_token_without_offline_access() {
    let mut play = Play::new();
    let ask = play.ask(&[("scope", "profile")]);
    let back = Callback::read(&play.provider.authorize_as(&ask, "ann", play.now).unwrap());
    let answer = play.redeem(&back.need("code")).json();
    assert_eq!(
        (answer.get("refresh_token"), answer.get("id_token")),
        (None, None)
    );
    play.provider.config_mut().always_refresh_token = true;
    let back = Callback::read(&play.provider.authorize_as(&ask, "ann", play.now).unwrap());
    assert!(play.redeem(&back.need("code")).json()["refresh_token"].is_string());
}

#[test]
fn the_api_answers_the_trips_of_whoever_the_token_is_for() {
    let mut play = Play::new();
    let access = text(&play.tokens("ann"), "access_token");
    let trips = play
        .bearer(Endpoint::Api, "?for=ann%40people.example", &access)
        .json();
    assert_eq!(trips.as_array().unwrap().len(), 2);
    assert_eq!(
        trips[0],
        json!({ "from": "Vienna", "to": "Ljubljana", "on": "2026-11-25", "subject": "person-ann" })
    );
    let seen = play.provider.seen_at(Endpoint::Api).next_back().unwrap();
    assert_eq!(
        (seen.bearer(), seen.subject.as_deref()),
        (Some(access.as_str()), Some("person-ann"))
    );

    assert_eq!(play.bearer(Endpoint::Api, "?for=", &access).status, 200);
    assert_eq!(
        play.bearer(Endpoint::Api, "?for=ben%40people.example", &access)
            .status,
        403
    );
    assert_eq!(play.at(Endpoint::Api).status, 401);
    let in_query = format!("?access_token={access}");
    let address = format!("{}{in_query}", play.provider.address(Endpoint::Api));
    assert_eq!(play.send(&Request::get(&address)).status, 401);
    play.wait(3600);
    let late = play.bearer(Endpoint::Api, "", &access);
    assert_eq!(late.status, 401);
    assert!(
        late.header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
}

#[test]
fn user_information_follows_the_scopes() {
    let mut play = Play::new();
    let access = text(&play.tokens("dave"), "access_token");
    let claims = play.bearer(Endpoint::UserInfo, "", &access).json();
    assert_eq!(
        (&claims["sub"], &claims["name"]),
        (&json!("person-dave"), &json!("Dave Dyer"))
    );
    assert_eq!(claims.get("email"), None);
    assert_eq!(play.at(Endpoint::UserInfo).status, 401);
}

#[test]
fn tokens_die_by_revocation_withdrawal_and_decree() {
    type Kill = fn(&mut Play, &Value);
    let kills: [(&str, Kill, u16, u16); 4] = [
        (
            "revoked access token",
            |play, tokens| revoke(play, tokens, "access_token"),
            401,
            200,
        ),
        (
            "revoked refresh token",
            |play, tokens| revoke(play, tokens, "refresh_token"),
            401,
            400,
        ),
        (
            "withdrawn",
            |play, _| assert_eq!(play.provider.withdraw("ann"), 1),
            401,
            400,
        ),
        (
            "expired",
            |play, _| play.provider.expire_access_tokens(),
            401,
            200,
        ),
    ];
    for (name, kill, api, refresh) in kills {
        let mut play = Play::new();
        let tokens = play.tokens("ann");
        kill(&mut play, &tokens);
        assert_eq!(
            play.bearer(Endpoint::Api, "", &text(&tokens, "access_token"))
                .status,
            api,
            "{name}"
        );
        assert_eq!(
            play.refresh(&text(&tokens, "refresh_token")).status,
            refresh,
            "{name}"
        );
    }
    let mut play = Play::new();
    assert_eq!(
        play.post(Endpoint::Revocation, &[("token", "unknown")])
            .status,
        200
    );
}

fn revoke(play: &mut Play, tokens: &Value, name: &str) {
    assert_eq!(
        play.post(Endpoint::Revocation, &[("token", &text(tokens, name))])
            .status,
        200
    );
}

#[test]
fn rotated_keys_stay_published_until_they_are_retired() {
    let mut play = Play::new();
    let old = text(&play.tokens("ann"), "id_token");
    play.provider.rotate_keys().unwrap();
    let new = text(&play.tokens("ann"), "id_token");
    assert!(play.verify(&old, Alg::ES256).is_ok() && play.verify(&new, Alg::ES256).is_ok());
    assert_ne!(part(&old, 0), part(&new, 0));
    play.provider.retire_old_keys();
    assert!(play.verify(&old, Alg::ES256).is_err() && play.verify(&new, Alg::ES256).is_ok());
}

#[test]
fn discovery_is_found_at_each_of_its_addresses() {
    for (issuer, paths) in [
        (
            ISSUER,
            &[
                "/tenant/.well-known/openid-configuration",
                "/.well-known/openid-configuration/tenant",
                "/.well-known/oauth-authorization-server/tenant",
            ][..],
        ),
        (
            "http://127.0.0.1:4000",
            &[
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
            ],
        ),
    ] {
        let mut play = Play::with(|config| config.issuer = issuer.into());
        for path in paths {
            let document = play.send(&Request::get(path)).json();
            assert_eq!(document["issuer"], issuer, "{path}");
            assert_eq!(
                document["authorization_response_iss_parameter_supported"],
                true
            );
            for (member, endpoint) in [
                ("token_endpoint", Endpoint::Token),
                ("jwks_uri", Endpoint::Keys),
            ] {
                assert_eq!(document[member], play.provider.address(endpoint));
            }
        }
        assert_eq!(play.send(&Request::get("/elsewhere")).status, 404);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed: u8| {
        let mut play = Play::with(|config| config.seed = [seed; 32]);
        let tokens = play.tokens("ann");
        (
            text(&tokens, "access_token"),
            text(&tokens, "refresh_token"),
        )
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn what_was_seen_is_decoded_and_counted_and_not_shown() {
    let mut play = Play::new();
    let code = play.sign_in("ann").need("code");
    play.redeem(&code);
    assert_eq!(
        (
            play.provider.count(Endpoint::Authorize),
            play.provider.count(Endpoint::Token)
        ),
        (1, 1)
    );
    let seen = play.provider.seen_at(Endpoint::Token).next().unwrap();
    assert_eq!(
        (seen.form("code"), seen.form("redirect_uri")),
        (Some(code.as_str()), Some(CALLBACK))
    );
    assert_eq!((seen.status, seen.method.as_str()), (200, "POST"));
    assert_eq!(play.provider.seen()[0].query("state"), Some("the-state"));
    assert!(!format!("{:?}", play.provider.seen()).contains(&code));
    play.provider.forget_seen();
    assert_eq!(play.provider.count(Endpoint::Token), 0);
}

#[test]
fn a_provider_that_makes_no_sense_is_not_made() {
    let error = |change: fn(&mut Config)| {
        let mut config = Config::new(ISSUER, [0; 32]);
        change(&mut config);
        Provider::new(config).err()
    };
    assert!(matches!(
        error(|config| config.issuer = "login.example".into()),
        Some(Error::Issuer)
    ));
    assert!(matches!(
        error(|config| config.issuer = "https://a.example?b".into()),
        Some(Error::Issuer)
    ));
    let twice = error(|config| config.people.extend(rehearsal::people::scripted()));
    assert!(matches!(twice, Some(Error::Person(_))));
    let nobody = error(|config| drop(config.people[0].claims.remove("sub")));
    assert!(matches!(nobody, Some(Error::Person(_))));
    assert!(error(|_| {}).is_none());
}

#[test]
fn people_can_be_read_from_data() {
    let ann = json!({ "key": "zoe", "description": "New here.", "claims": { "sub": "z" }, "behaviour": { "unticks": "email" } });
    let person: rehearsal::Person = serde_json::from_value(ann).unwrap();
    assert_eq!(person.behaviour, Behaviour::Unticks("email".into()));
    let mut play = Play::with(|config| config.people.push(person));
    assert_eq!(
        text(&play.tokens("zoe"), "scope"),
        "openid profile offline_access"
    );
    play.provider
        .register(Client::new("second", ClientAuth::None, CALLBACK));
    let ask = play.ask(&[("client_id", "second")]);
    assert!(play.provider.authorize_as(&ask, "zoe", play.now).is_ok());
}

#[test]
fn a_provider_can_stand_behind_a_lock_of_any_runtime() {
    fn crosses_threads<T: Send + Sync + 'static>(_: &T) {}
    crosses_threads(&Play::new().provider);
}
