//! ID tokens, user information and access tokens against whoever lies, forges or fishes
//! (`security.md` sections 4, 5, 7, 13 and 21).

mod logged;

use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::{
    Answer, Chat, Files, World,
    jose::Alg,
    json as answer_json,
    rehearsal::{
        Endpoint, Fault,
        fault::{Http, IdToken, Json, Part},
    },
    status,
};

use self::logged::Logged;

const CORP: &str = "organizations/acme/connections/corp.yaml";
const EVIL: &str = "https://evil.example";

/// Signs in and says what is known.
const PROBE: &str = "  - id: who
    sign_in: { connection: corp }
    on_exception: failed
  - id: in
    message: \"in <{{ Auth.email }}>\"
    next: end
  - id: failed
    message: \"{{ SystemError.Code }} <{{ Auth.email }}{{ Auth.sub }}>\"";

fn probe() -> Files {
    Files::acme().agent("probe", "", PROBE)
}

/// A new chat whose sign-in met this fault: the last page, and the chat.
async fn met(world: &World, faults: &[IdToken]) -> (Answer, Chat) {
    for fault in faults {
        world.provider().faults.once(fault.clone());
    }
    let mut chat = world.browser().chat("acme", "probe").await;
    let page = chat.sign_in("ann").await;
    assert!(world.provider().faults.is_empty(), "{faults:?} was played");
    (page, chat)
}

async fn assert_refused(world: &World, faults: &[IdToken]) {
    let (page, mut chat) = met(world, faults).await;
    assert_eq!(page.title(), "The sign-in did not work", "{faults:?}");
    assert_eq!(chat.said().await, ["provider_error <>"], "{faults:?}");
    assert_eq!(chat.status().await["signed_in"], false, "{faults:?}");
    let session = json!(world.session(&chat).await);
    assert_eq!(session["auth"], Value::Null, "{faults:?}");
}

async fn assert_believed(world: &World, faults: &[IdToken]) {
    let (page, mut chat) = met(world, faults).await;
    assert_eq!(page.title(), "You are signed in", "{faults:?}");
    let said = chat.said().await;
    assert_eq!(said, ["in <ann@people.example>"], "{faults:?}");
}

/// Requests of the server to this host.
fn sent_to(world: &World, host: &str) -> Vec<String> {
    let sent = world.sent().into_iter().map(|sent| sent.url);
    sent.filter(|url| url.host_str().is_some_and(|its| its.contains(host)))
        .map(String::from)
        .collect()
}

/// Proves: IDT-1, IDN-8
#[tokio::test]
async fn one_flipped_bit_anywhere_in_an_id_token_fails_the_sign_in_whatever_signed_it() {
    for alg in [Alg::RS256, Alg::PS256, Alg::ES256, Alg::EdDSA, Alg::HS256] {
        let algorithms = format!("algorithms: [{}]\nallowed_origins", alg.as_str());
        let files = probe().replacing(CORP, "allowed_origins", &algorithms);
        let world = World::with(files).await;
        world.provider().sign_with(alg).unwrap();
        assert_believed(&world, &[]).await;
        for part in [Part::Header, Part::Payload, Part::Signature] {
            assert_refused(&world, &[IdToken::Altered(part)]).await;
        }
        assert_refused(&world, &[IdToken::Unsigned]).await;
        if alg != Alg::HS256 {
            assert_refused(&world, &[IdToken::ForeignKey]).await;
            assert_refused(&world, &[IdToken::HmacWithPublicKey]).await;
        }
        assert_believed(&world, &[]).await;
    }
}

/// Proves: JWT-7
#[tokio::test]
async fn a_token_that_brings_or_points_to_its_own_key_is_refused_and_the_place_never_asked() {
    let world = World::with(probe()).await;
    world.script(EVIL, |_, _| answer_json(200, &json!({ "keys": [] })));
    for (name, value) in [
        ("jku", json!(format!("{EVIL}/jwks"))),
        ("x5u", json!(format!("{EVIL}/chain.pem"))),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("c29tZSB0aHVtYnByaW50")),
        ("jwk", json!({ "kty": "oct", "k": "AAAA" })),
    ] {
        let points = IdToken::Header(name.to_owned(), value);
        assert_refused(&world, &[IdToken::UnknownKey, points.clone()]).await;
        assert_refused(&world, &[IdToken::ForeignKey, points.clone()]).await;
        // Signed by a published key: the pointer is not looked at.
        assert_believed(&world, &[points]).await;
    }
    assert_refused(&world, &[IdToken::EmbeddedKey]).await;
    assert_eq!(sent_to(&world, "evil"), Vec::<String>::new());
}

/// Proves: JWT-12
#[tokio::test]
async fn every_bad_token_gets_one_answer_outside_and_its_own_check_in_the_log() {
    let set = |name: &str, value: Value| IdToken::Set(name.to_owned(), value);
    let header = |name: &str, value: Value| IdToken::Header(name.to_owned(), value);
    let at = |name: &str, seconds| IdToken::At(name.to_owned(), SignedDuration::from_secs(seconds));
    let forged = IdToken::Altered(Part::Signature);
    let table = [
        (vec![forged.clone()], "the signature is wrong"),
        (vec![IdToken::ForeignKey], "the signature is wrong"),
        (vec![IdToken::UnknownKey], "the key is unknown"),
        (vec![IdToken::Unsigned], "EmptyPart|is empty"),
        (
            vec![IdToken::HmacWithPublicKey],
            "the algorithm is not permitted",
        ),
        (vec![header("crit", json!(["b64"]))], "critical"),
        (vec![header("typ", json!("logout+jwt"))], "another type"),
        (vec![IdToken::Raw("a.b".to_owned())], "three parts"),
        (
            vec![set("iss", json!("https://other.example"))],
            "misbehaved.id_token.issuer",
        ),
        (
            vec![set("aud", json!("other"))],
            "misbehaved.id_token.audience",
        ),
        (
            vec![set("azp", json!("other"))],
            "misbehaved.id_token.azp_mismatch",
        ),
        (
            vec![set("nonce", json!("other"))],
            "misbehaved.id_token.nonce",
        ),
        (vec![set("sub", json!(""))], "misbehaved.id_token.subject"),
        (vec![IdToken::WrongAtHash], "misbehaved.id_token.at_hash"),
        (vec![at("exp", -360)], "misbehaved.id_token.claim"),
        // A forger who is wrong about claims too learns, and is told of, the signature alone.
        (
            vec![
                set("aud", json!("other")),
                at("exp", -360),
                set("nonce", json!(1)),
                forged,
            ],
            "the signature is wrong",
        ),
    ];
    let (log, _guard) = Logged::begin();
    let world = World::with(probe()).await;
    let mut outside = Vec::new();
    for (faults, check) in table {
        log.take("");
        let before = world.answered().len();
        let (page, mut chat) = met(&world, &faults).await;
        let said = chat.said().await;
        let status = chat.status().await;
        outside.push((page.status, page.text(), said, status["signed_in"].clone()));
        // The redirect to the page names the attempt and nothing else.
        let answered = &world.answered()[before..];
        let callback = answered
            .iter()
            .find(|answer| answer.starts_with("GET /oauth-callback"));
        let (_, page) = callback.unwrap().split_once("/signed-in/acme/").unwrap();
        let (attempt, _) = page.split_once('"').unwrap();
        let told = log.take(attempt);
        let precise = |line: &String| check.split('|').any(|check| line.contains(check));
        assert!(told.iter().any(precise), "{faults:?}: {told:?}");
    }
    outside.dedup();
    assert_eq!(outside.len(), 1, "{outside:#?}");
}

/// Proves: IDT-7
#[tokio::test]
async fn a_token_from_another_time_is_refused() {
    let world = World::with(probe()).await;
    let at = |name: &str, seconds| {
        [IdToken::At(
            name.to_owned(),
            SignedDuration::from_secs(seconds),
        )]
    };
    for (claim, seconds) in [
        ("iat", -7 * 86_400),
        ("iat", -601),
        ("iat", 61),
        ("iat", 365 * 86_400),
        ("exp", -360),
        ("exp", -60),
        ("nbf", 61),
    ] {
        assert_refused(&world, &at(claim, seconds)).await;
    }
    for (claim, seconds) in [("iat", -600), ("iat", 60), ("exp", -59), ("nbf", 60)] {
        assert_believed(&world, &at(claim, seconds)).await;
    }
    for claim in ["iat", "exp"] {
        assert_refused(&world, &[IdToken::Unset(claim.to_owned())]).await;
    }
}

/// Proves: IDT-10
#[tokio::test]
async fn nothing_is_used_of_a_refresh_whose_id_token_names_somebody_else() {
    let set = |name: &str, value: Value| IdToken::Set(name.to_owned(), value);
    let at = |name: &str, seconds| IdToken::At(name.to_owned(), SignedDuration::from_secs(seconds));
    for fault in [
        set("iss", json!("https://other.example")),
        set("sub", json!("somebody-else")),
        IdToken::Unset("sub".to_owned()),
        set("aud", json!("other")),
        set("aud", json!(["usher", "other"])),
        set("azp", json!("other")),
        set("azp", json!("usher")),
        set("auth_time", json!(1_600_000_000)),
        set("nonce", json!("of another attempt")),
        at("iat", 365 * 86_400),
        at("exp", -360),
        IdToken::WrongAtHash,
        IdToken::Altered(Part::Signature),
        IdToken::ForeignKey,
        IdToken::Unsigned,
    ] {
        let (log, _guard) = Logged::begin();
        let world = World::new().await;
        let mut chat = world.browser().chat("acme", "travel").await;
        chat.sign_in("ann").await;
        chat.said().await;
        let first = world.tokens();
        world.provider().expire_access_tokens();
        world.provider().forget_seen();
        world
            .provider()
            .faults
            .always(Fault::RefreshedIdToken(fault.clone()));

        chat.say("my trips").await;
        let fresh: Vec<String> = world.tokens().split_off(first.len());
        assert!(fresh.len() >= 2, "{fault:?}: there was an answer");
        assert_eq!(world.provider().count(Endpoint::Api), 1, "{fault:?}");
        assert_eq!(log.take("refresh.identity_changed").len(), 1, "{fault:?}");
        assert_eq!(chat.prompts().await.len(), 2, "{fault:?}: asked to sign in");
        assert_eq!(chat.status().await["signed_in"], false, "{fault:?}");

        // Neither then nor later does anything of that answer leave again.
        world.provider().faults.clear();
        chat.sign_in("ann").await;
        assert!(
            chat.said().await.last().unwrap().contains("2 trips"),
            "{fault:?}"
        );
        let requests = format!("{:?}", world.sent());
        for token in fresh {
            assert!(!requests.contains(&token), "{fault:?}");
        }
    }
}

/// Proves: IDT-12
#[tokio::test]
async fn claims_that_lie_elsewhere_are_neither_fetched_nor_believed() {
    let files = probe().replacing(CORP, "preferred_username, groups", "groups, _claim_names");
    let world = World::with(files).await;
    world.script(EVIL, |_, _| {
        answer_json(200, &json!({ "groups": ["Admins"] }))
    });
    let names = json!({ "groups": "far", "email": "near" });
    let inner = "eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImJvc3NAZXZpbC5leGFtcGxlIn0.";
    let sources = json!({
        "far": { "endpoint": format!("{EVIL}/groups"), "access_token": "abc" },
        "near": { "JWT": inner },
    });
    world
        .provider()
        .config_mut()
        .people
        .iter_mut()
        .for_each(|person| {
            person.claims.shift_remove("groups");
        });
    let faults = [
        IdToken::Set("_claim_names".to_owned(), names),
        IdToken::Set("_claim_sources".to_owned(), sources),
    ];
    let (_, chat) = met(&world, &faults).await;
    world.advance(60).await;
    let auth = json!(world.session(&chat).await)["auth"].clone();
    assert_eq!(auth["email"], "ann@people.example");
    assert_eq!(auth["groups"], Value::Null);
    assert!(!auth.to_string().contains("Admins") && !auth.to_string().contains("boss"));
    assert_eq!(sent_to(&world, "evil"), Vec::<String>::new());
}

/// Signs in with the identity request, and says what came of it.
const IDENTITY: &str = "  - id: who
    sign_in: { connection: corp, get_user_identity: true }
    on_exception: failed
  - id: in
    message: \"in <{{ ChatUser.Email }}>\"
    next: end
  - id: failed
    message: \"{{ SystemError.Code }} <{{ ChatUser.Email }}{{ ChatUser.FirstName }}>\"";

async fn identity_met(times: u32, fault: Option<Fault>) -> (World, Chat) {
    let world = World::with(Files::acme().agent("probe", "", IDENTITY)).await;
    if let Some(fault) = fault {
        world.provider().faults.times(times, fault);
    }
    let mut chat = world.browser().chat("acme", "probe").await;
    chat.sign_in("ann").await;
    (world, chat)
}

/// Proves in part: UIN-1 (a connection without ID tokens names no attribute for the person yet)
#[tokio::test]
async fn user_information_about_somebody_else_fails_the_sign_in() {
    let (world, mut honest) = identity_met(0, None).await;
    assert_eq!(honest.said().await, ["in <ann@people.example>"]);
    let people = &world.provider().config_mut().people.clone();
    let ann = people.iter().find(|person| person.key == "ann").unwrap();
    let suffix = format!("{}x", ann.subject());
    let set = |value: Value| Json::Set("sub".to_owned(), value);
    for lie in [
        set(json!("ben")),
        set(json!(suffix)),
        set(json!(&suffix[..suffix.len() - 2])),
        set(json!(7)),
        set(json!(null)),
        set(json!([ann.subject()])),
        Json::Unset("sub".to_owned()),
        Json::Twice("sub".to_owned(), json!("ben")),
    ] {
        let (world, mut chat) =
            identity_met(1, Some(Fault::Json(Endpoint::UserInfo, lie.clone()))).await;
        assert_eq!(chat.said().await, ["identity_refused <>"], "{lie:?}");
        let session = json!(world.session(&chat).await);
        assert_eq!(session["chat_user"]["Email"], Value::Null, "{lie:?}");
        // Whose the access token is nobody knows: it is of no use either, unless JSON alone is wrong.
        let kept = matches!(lie, Json::Twice(..));
        assert_eq!(chat.status().await["signed_in"], kept, "{lie:?}");
    }
}

/// Proves: UIN-3
#[tokio::test]
async fn the_token_for_user_information_goes_in_the_header_to_one_address() {
    let elsewhere = Http::Redirect(format!("{EVIL}/userinfo"));
    for fault in [None, Some(Fault::Http(Endpoint::UserInfo, elsewhere))] {
        let redirected = fault.is_some();
        let (world, mut chat) = identity_met(1, fault).await;
        let token = world.tokens()[0].clone();
        let asked: Vec<_> = world
            .sent()
            .into_iter()
            .filter(|sent| sent.purpose == oauth::http::Purpose::UserInfo)
            .collect();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].url.as_str(), "https://login.acme.example/userinfo");
        let bearer = format!("Bearer {token}");
        assert_eq!(asked[0].header("authorization"), Some(bearer.as_str()));
        for sent in world.sent() {
            assert!(!sent.url.as_str().contains(&token));
        }
        assert_eq!(sent_to(&world, "evil"), Vec::<String>::new());
        let told = if redirected {
            "identity_refused <>"
        } else {
            "in <ann@people.example>"
        };
        assert_eq!(chat.said().await, [told]);
    }
}

/// Proves: UIN-4
#[tokio::test]
async fn a_401_costs_one_refresh_and_one_retry_and_nothing_else_does() {
    // (status, how often, requests, refreshes, what the flow is told)
    for (code, times, requests, refreshes, told) in [
        (401, 1, 2, 1, "in <ann@people.example>"),
        (401, 9, 2, 1, "401 <>"),
        (403, 9, 1, 0, "403 <>"),
        (429, 9, 1, 0, "429 <>"),
        (500, 9, 1, 0, "500 <>"),
        (503, 9, 1, 0, "503 <>"),
    ] {
        let fault = Http::Status {
            status: code,
            retry_after_s: Some(1),
        };
        let fault = Fault::Http(Endpoint::UserInfo, fault);
        let (world, mut chat) = identity_met(times, Some(fault)).await;
        world.advance(30).await;
        assert_eq!(chat.said().await, [told], "{code}");
        assert_eq!(
            world.provider().count(Endpoint::UserInfo),
            requests,
            "{code}"
        );
        assert_eq!(
            world.provider().count(Endpoint::Token),
            1 + refreshes,
            "{code}"
        );
    }
}

/// Proves: UIN-4
#[tokio::test]
async fn an_apis_401_costs_one_refresh_and_one_retry_and_nothing_else_does() {
    for (code, times, requests, refreshes) in [
        (401, 1, 2, 1),
        (401, 9, 2, 1),
        (403, 9, 1, 0),
        (429, 9, 1, 0),
        (503, 9, 1, 0),
    ] {
        let world = World::new().await;
        let fault = Http::Status {
            status: code,
            retry_after_s: Some(1),
        };
        world
            .provider()
            .faults
            .times(times, Fault::Http(Endpoint::Api, fault));
        let mut chat = world.browser().chat("acme", "travel").await;
        chat.sign_in("ann").await;
        world.advance(30).await;
        assert_eq!(world.provider().count(Endpoint::Api), requests, "{code}");
        assert_eq!(
            world.provider().count(Endpoint::Token),
            1 + refreshes,
            "{code}"
        );
    }
}

/// Proves: XCH-1
#[tokio::test]
async fn a_token_goes_to_no_origin_that_only_looks_like_a_permitted_one() {
    let call = |address: &str| {
        format!(
            "  - id: who
    sign_in: {{ connection: corp }}
  - id: call
    http: {{ connection: corp, get: \"{address}\" }}
    on_exception: failed
  - id: in
    message: called
    next: end
  - id: failed
    message: \"{{{{ SystemError.Code }}}}\""
        )
    };
    let origins = "allowed_origins: [https://api.acme.example, \"https://*.wide.example\"]";
    let corp = "allowed_origins: [https://api.acme.example]";
    let files = Files::acme().replacing(CORP, corp, origins);
    let world = World::with(
        files
            .clone()
            .agent("probe", "", &call("https://api.acme.example/")),
    )
    .await;
    for (address, reached) in [
        ("https://api.acme.example/x", true),
        ("https://api.acme.example:443/x", true),
        ("https://API.acme.example/x", true),
        ("https://a.wide.example/x", true),
        ("https://api.acme.example.evil.tld/x", false),
        ("https://evil-api.acme.example/x", false),
        ("https://evilapi.acme.example/x", false),
        ("https://acme.example/x", false),
        ("https://b.api.acme.example/x", false),
        ("https://api.acme.example:8443/x", false),
        ("https://api-acme.example/x", false),
        ("https://wide.example/x", false),
        ("https://evilwide.example/x", false),
        ("https://a.wide.example.evil.tld/x", false),
        ("http://api.acme.example/x", false),
        ("https://api.acme.example@evil.tld/x", false),
        ("https://evil.tld\\@api.acme.example/x", false),
        ("https://api.acme.example%2eevil.tld/x", false),
        ("https://api.acme.example./x", false),
        ("//evil.tld/x", false),
    ] {
        let files = files.clone().agent("probe", "", &call(address));
        if let Err(refused) = world.publish(files).await {
            // Some forms are no address at all, and do not even get this far.
            assert!(!reached, "{address}: {refused}");
            continue;
        }
        for host in ["https://api.acme.example", "https://a.wide.example"] {
            world.script(host, |_, _| answer_json(200, &json!({})));
        }
        let before = world.sent().len();
        let mut chat = world.browser().new_chat("acme", "probe").await;
        chat.sign_in("ann").await;
        let calls = world.sent().split_off(before);
        let calls = calls
            .iter()
            .filter(|sent| sent.purpose == oauth::http::Purpose::Api);
        let told = if reached {
            "called"
        } else {
            "origin_not_allowed"
        };
        assert_eq!(chat.said().await, [told], "{address}");
        assert_eq!(calls.count(), usize::from(reached), "{address}");
    }
}

/// Writes the handle to every place that a flow can write to.
const EVERYWHERE: &str = "  - id: who
    sign_in: { connection: corp }
  - id: keep
    set: { kept: \"[[ChatUser]].SSOToken\", text: \"t=[[ChatUser]].SSOToken\" }
  - id: say
    message: \"{{ ChatUser.SSOToken }} {{ kept }} {{ text }} {{ [kept] }}\"
  - id: condition
    when: \"kept != null and kept == '[token]'\"
    message: never
  - id: call
    http:
      connection: corp
      post: \"https://api.acme.example/{{ kept }}?q={{ ChatUser.SSOToken }}\"
      headers: { X-Token: \"{{ kept }}\", X-Text: \"Bearer {{ kept }}\" }
      body: { whole: \"{{ kept }}\", inside: \"a {{ kept }}\", deep: [\"{{ kept }}\"] }
  - id: elsewhere
    http: { connection: corp, get: \"https://evil.example/\", headers: { X-Token: \"{{ kept }}\" } }
    on_exception: [{ goto: openly }]
  - id: openly
    http: { get: \"https://open.example/\", headers: { X-Token: \"{{ kept }}\" } }
    on_exception: [{ goto: masked }]
  - id: masked
    http: { get: \"https://open.example/{{ kept }}\", headers: { X-Text: \"is {{ kept }}\" } }
  - id: card
    ask: { text: \"{{ kept }}?\", choices: [\"{{ kept }}\", \"No\"], into: answer }
  - id: again
    sign_in: { connection: other, card: { text: \"{{ kept }}\", buttons: [
      { title: \"{{ kept }}\", value: \"[[ChatUser]].OauthAccessURL\" },
      { title: Say, value: \"{{ kept }}\" } ] } }";

/// Proves: TPL-3
#[tokio::test]
async fn a_token_prints_as_a_mask_wherever_a_flow_writes_it_but_in_a_header_of_its_connection() {
    let (log, _guard) = Logged::begin();
    let other = "https://login.other.example";
    let variables = "variables: { kept: null, text: null, answer: null }";
    let files = Files::acme()
        .connection("other", other)
        .agent("probe", variables, EVERYWHERE);
    let world = World::new().await;
    world.add_provider(other, "other");
    world.publish(files).await.unwrap();
    for host in ["https://api.acme.example", "https://open.example", EVIL] {
        world.script(host, |_, _| answer_json(200, &json!({})));
    }
    let mut chat = world.browser().chat("acme", "probe").await;
    chat.sign_in("ann").await;
    chat.say("No").await;
    let tokens = world.tokens();
    let access = &tokens[0];

    let mask = "[token]";
    let line = format!("{mask} {mask} t={mask} [\"{mask}\"]");
    assert_eq!(chat.said().await, [line, format!("{mask}?")]);
    let card = chat.prompt().await;
    let button = |index: usize| [&card.buttons[index].title, &card.buttons[index].value];
    // Cards are Markdown, in which brackets are escaped.
    for text in [&card.text, button(0)[0], button(1)[1]] {
        assert_eq!(text.replace('\\', ""), mask);
    }

    let calls: Vec<_> = world
        .sent()
        .into_iter()
        .filter(|sent| sent.purpose == oauth::http::Purpose::Api)
        .collect();
    let hosts: Vec<_> = calls
        .iter()
        .map(|call| call.url.host_str().unwrap())
        .collect();
    assert_eq!(hosts, ["api.acme.example", "open.example"]);
    let allowed = &calls[0];
    assert_eq!(
        allowed.header("x-token"),
        Some(access.as_str()),
        "its own connection's header"
    );
    assert_eq!(allowed.header("x-text"), Some("Bearer [token]"));
    assert_eq!(
        allowed.url.as_str(),
        "https://api.acme.example/%5Btoken%5D?q=%5Btoken%5D"
    );
    assert_eq!(
        allowed.body,
        r#"{"whole":"[token]","inside":"a [token]","deep":["[token]"]}"#
    );
    assert_eq!(calls[1].url.path(), "/%5Btoken%5D");
    assert_eq!(calls[1].header("x-text"), Some("is [token]"));

    // Not in the monitor, the session, the log, nor in anything a client got.
    let shown = format!("{:?}", world.steps(&chat).await);
    let session = json!(world.session(&chat).await).to_string();
    let everything = [
        shown,
        session,
        log.take("").join("\n"),
        world.answered().join("\n"),
    ];
    for token in &tokens {
        assert!(everything.iter().all(|text| !text.contains(token)));
    }
    let never = world.steps(&chat).await;
    assert!(
        never
            .iter()
            .any(|step| step.step == "condition" && step.status == flow::Status::Skipped)
    );
}

/// Proves in part: XCH-2 (a handle cannot leave its session at all: no flow writes to another one)
#[tokio::test]
async fn a_handle_of_one_connection_is_worth_nothing_in_a_call_of_another() {
    let other = "https://login.other.example";
    let steps = "  - id: first
    sign_in: { connection: corp }
  - id: keep
    set: { kept: \"[[ChatUser]].SSOToken\" }
  - id: second
    sign_in: { connection: other }
  - id: call
    http: { connection: other, get: \"https://login.other.example/api\", headers: { X-Token: \"{{ kept }}\" } }
    on_exception: failed
  - id: never
    message: never
    next: end
  - id: failed
    message: \"{{ SystemError.Code }} {{ SystemError.Detail }}\"";
    let variables = "variables: { kept: null }";
    let files = Files::acme()
        .connection("other", other)
        .agent("probe", variables, steps);
    let world = World::new().await;
    let second = world.add_provider(other, "other");
    world.publish(files).await.unwrap();
    let browser = world.browser();
    let mut chat = browser.new_chat("acme", "probe").await;
    chat.sign_in("ann").await;
    let link = chat.prompt().await.link;
    let address = browser.set_out(&link).await.provider();
    let back = second
        .lock()
        .unwrap()
        .authorize_as(&address, "ann", world.now())
        .unwrap();
    browser.come_back(&back).await;
    assert_eq!(chat.said().await, ["401 not signed in"]);
    let calls = world.sent();
    assert!(calls.iter().all(|sent| sent.url.path() != "/api"));
}

/// Proves: EGR-5
/// Proves in part: EGR-9 (an administrator has no page for it yet)
#[tokio::test]
async fn redirects_are_not_followed_and_what_they_said_is_told_to_nobody() {
    let canary = "canary-body-71c2";
    let targets = [
        format!("http://127.0.0.1:9/{canary}"),
        format!("http://169.254.169.254/{canary}"),
        format!("file:///etc/{canary}"),
        format!("{EVIL}/{canary}"),
    ];
    let steps = "  - id: who
    sign_in: { connection: corp, get_user_identity: true }
    on_exception: failed
  - id: call
    http: { connection: corp, get: \"https://api.acme.example/api/trips\", into: answer }
    on_exception: failed
  - id: in
    message: in
    next: end
  - id: failed
    message: \"{{ SystemError.Code }} {{ SystemError.Message }} {{ SystemError.Detail }}\"";
    for target in targets {
        for (endpoint, told) in [
            (Endpoint::Discovery, "no_configuration"),
            (Endpoint::Keys, "provider_down"),
            (Endpoint::Token, "provider_error"),
            (Endpoint::UserInfo, "identity_refused"),
            (Endpoint::Api, "302"),
        ] {
            let files = Files::acme().agent("probe", "variables: { answer: null }", steps);
            let world = World::with(files).await;
            for origin in ["http://127.0.0.1:9", "http://169.254.169.254", EVIL] {
                world.script(origin, |_, _| status(200));
            }
            let fault = Http::Redirect(target.clone());
            world.provider().faults.always(Fault::Http(endpoint, fault));
            let browser = world.browser();
            let mut chat = browser.chat("acme", "probe").await;
            let link = chat.prompt().await.link;
            browser.sign_in(&link, "ann").await;
            let said = chat.said().await;
            assert!(
                said.last().unwrap().starts_with(told),
                "{endpoint:?} {target}: {said:?}"
            );
            for sent in world.sent() {
                let host = sent.url.host_str().unwrap();
                assert!(
                    host.ends_with(".acme.example"),
                    "{endpoint:?}: {}",
                    sent.url
                );
            }
            let outside = world.answered().join("\n");
            assert!(!outside.contains(canary), "{endpoint:?} {target}");
        }
    }
}
