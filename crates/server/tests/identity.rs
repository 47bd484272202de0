//! Who the person is, as a flow sees it (features 4).

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a helper fails its test"
)]

use std::sync::{Arc, Mutex};

use flow::Status;
use serde_json::{Value, json};
use testkit::{
    Chat, Files, World, json as answer_json,
    rehearsal::{
        Endpoint, Fault,
        fault::{Http, IdToken, Part},
    },
};

const CORP: &str = "organizations/acme/connections/corp.yaml";

/// Signs in, says where it failed, and stays at its last step.
const PROBE: &str = "  - id: who
    sign_in: { connection: corp, get_user_identity: true }
    on_exception: failed
  - id: hello
    message: \"{{ Auth.name }} <{{ Auth.email }}>\"
    next: wait
  - id: failed
    message: \"failed {{ SystemError.Code }} <{{ Auth.email }}{{ Auth.sub }}>\"
  - id: wait
    ask: { text: Well?, into: answer }";

fn probe() -> Files {
    Files::acme().agent("probe", "variables: { answer: null }", PROBE)
}

/// What the session knows under this name: `auth`, `chat_user`.
async fn known(world: &World, chat: &Chat, what: &str) -> Value {
    json!(world.session(chat).await.unwrap())[what].clone()
}

fn give(world: &World, person: &str, claim: &str, value: Value) {
    let mut provider = world.provider();
    let people = &mut provider.config_mut().people;
    let found = people.iter_mut().find(|candidate| candidate.key == person);
    found.unwrap().claims.insert(claim.to_owned(), value);
}

/// Proves: IDN-2
#[tokio::test]
async fn the_connections_mapping_says_which_field_takes_which_value() {
    let world = World::with(probe()).await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "probe").await;
    chat.sign_in("ann").await;
    let user = known(&world, &chat, "chat_user").await;
    assert_eq!(
        (&user["FirstName"], &user["LastName"]),
        (&json!("Ann"), &json!("Archer"))
    );
    assert_eq!(user["Email"], "ann@people.example");

    let swapped = probe().replacing(
        CORP,
        "ChatUser.FirstName: given_name",
        "ChatUser.Nickname: given_name",
    );
    world.publish(swapped).await.unwrap();
    let mut chat = browser.new_chat("acme", "probe").await;
    chat.sign_in("ann").await;
    let user = known(&world, &chat, "chat_user").await;
    assert_eq!(
        (&user["Nickname"], &user["FirstName"]),
        (&json!("Ann"), &Value::Null)
    );
}

/// Proves: IDN-3
#[tokio::test]
async fn a_verified_claim_reads_the_same_in_every_node() {
    let flow = r#"  - id: who
    sign_in: { connection: corp }
  - id: compare
    branch:
      - { when: "Auth.email == 'ann@people.example'", goto: tell }
      - { goto: end }
  - id: tell
    message: "message {{ Auth.email }}"
  - id: keep
    set: { kept: "{{ Auth.email }}" }
  - id: call
    http:
      post: https://elsewhere.example/people/{{ Auth.email }}
      headers: { x-person: "{{ Auth.email }}" }
      body: { person: "{{ Auth.email }}" }
  - id: question
    ask: { text: "ask {{ Auth.email }} {{ kept }}", into: answer }
  - id: again
    sign_in: { connection: corp, card: { text: "card {{ Auth.email }}" } }"#;
    let variables = "variables: { kept: null, answer: null }";
    let world = World::with(Files::acme().agent("probe", variables, flow)).await;
    let calls = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&calls);
    world.script("https://elsewhere.example", move |request, _| {
        let body = String::from_utf8(request.body.clone()).unwrap();
        let header = request.header("x-person").unwrap_or_default().to_owned();
        log.lock()
            .unwrap()
            .push((request.path.clone(), header, body));
        answer_json(200, &json!({}))
    });

    let mut chat = world.browser().chat("acme", "probe").await;
    chat.sign_in("ann").await;
    let email = "ann@people.example";
    assert_eq!(
        chat.said().await,
        [format!("message {email}"), format!("ask {email} {email}")]
    );
    chat.say("fine").await;
    assert_eq!(chat.prompt().await.text, format!("card {email}"));
    let calls = calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 1);
    let (path, header, body) = &calls[0];
    assert!(
        path.ends_with("/ann@people.example") || path.ends_with("/ann%40people.example"),
        "{path}"
    );
    assert_eq!(
        (header.as_str(), body.as_str()),
        (email, r#"{"person":"ann@people.example"}"#)
    );
}

/// Proves in part: IDN-4 (there is no logout node yet; the flow forgets the sign-in instead)
#[tokio::test]
async fn claims_last_as_long_as_the_session() {
    let flow = r#"  - id: first
    message: "<{{ Auth.name }}>"
  - id: who
    when: "[[ChatUser]].SSOToken == null"
    sign_in: { connection: corp }
  - id: long
    ask: { text: Well?, into: answer }
  - id: last
    message: "<{{ Auth.name }}>"
  - id: leave
    when: answer == "bye"
    set: { ChatUser.SSOToken: null }
  - id: after
    message: "<{{ Auth.name }}>""#;
    let world =
        World::with(Files::acme().agent("probe", "variables: { answer: null }", flow)).await;
    let mut chat = world.browser().chat("acme", "probe").await;
    chat.sign_in("ann").await;
    chat.said().await;
    world.advance(50 * 60).await;
    chat.reload().await;
    chat.say("still here").await;
    assert_eq!(chat.said().await, ["<Ann Archer>", "<Ann Archer>"]);

    world.advance(61 * 60).await;
    chat.reload().await;
    chat.say("the next session").await;
    assert_eq!(chat.said().await, ["<>"], "the next session knows nothing");
    assert_eq!(chat.prompts().await.len(), 2);

    chat.sign_in("ann").await;
    chat.said().await;
    chat.say("bye").await;
    assert_eq!(chat.said().await, ["<Ann Archer>", "<>"], "signed out");
}

/// Proves: IDN-5
#[tokio::test]
async fn name_and_email_are_there_without_being_listed() {
    let files = probe().replacing(CORP, "additional_claims: preferred_username, groups\n", "");
    let world = World::with(files).await;
    let mut chat = world.browser().chat("acme", "probe").await;
    chat.sign_in("ann").await;
    assert_eq!(chat.said().await[0], "Ann Archer <ann@people.example>");
}

/// Proves: IDN-6
#[tokio::test]
async fn listed_claims_are_added_and_no_others() {
    let usual = [
        "sub",
        "iss",
        "name",
        "given_name",
        "family_name",
        "email",
        "email_verified",
    ];
    for list in [
        "preferred_username, tid, groups",
        "preferred_username,tid,groups",
        " preferred_username ,tid,  groups ",
    ] {
        let listed = format!("additional_claims: \"{list}\"");
        let files = probe().replacing(
            CORP,
            "additional_claims: preferred_username, groups",
            &listed,
        );
        let world = World::with(files).await;
        give(&world, "ann", "tid", json!("tenant-1"));
        give(&world, "ann", "shoe_size", json!(38));
        let mut chat = world.browser().chat("acme", "probe").await;
        chat.sign_in("ann").await;

        let auth = known(&world, &chat, "auth").await;
        let mut names: Vec<&str> = auth
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        names.retain(|name| !usual.contains(name));
        names.sort_unstable();
        assert_eq!(names, ["groups", "preferred_username", "tid"], "{list}");
        assert_eq!(
            (&auth["preferred_username"], &auth["tid"]),
            (&json!("ann"), &json!("tenant-1"))
        );
        assert_eq!(auth["groups"], Value::Null, "listed and missing");
    }
}

/// Proves: IDN-7
#[tokio::test]
async fn an_unverified_address_is_refused_where_a_verified_one_is_demanded() {
    let demands = probe().replacing(
        CORP,
        "client_auth: basic",
        "client_auth: basic\nrequire_verified_email: true",
    );
    for (files, demanded) in [(demands, true), (probe(), false)] {
        let world = World::with(files).await;
        // Stated as true, stated as false, absent, and a text that only looks true.
        give(&world, "frank", "email_verified", json!("true"));
        for (person, verified) in [
            ("ann", true),
            ("ben", false),
            ("gus", false),
            ("frank", false),
        ] {
            let mut chat = world.browser().chat("acme", "probe").await;
            let page = chat.sign_in(person).await;
            let said = chat.said().await;
            if verified || !demanded {
                assert_eq!(page.title(), "You are signed in", "{person}");
                assert!(!said[0].starts_with("failed"), "{person}: {said:?}");
            } else {
                assert_eq!(
                    page.title(),
                    "Your e-mail address is not verified",
                    "{person}"
                );
                assert_eq!(said[0], "failed email_not_verified <>", "{person}");
            }
        }
    }
}

/// Proves: IDN-8
#[tokio::test]
async fn a_token_whose_signature_does_not_hold_leaves_no_claim_behind() {
    for spoiled in [
        IdToken::Altered(Part::Header),
        IdToken::Altered(Part::Payload),
        IdToken::Altered(Part::Signature),
        IdToken::UnknownKey,
        IdToken::ForeignKey,
        IdToken::EmbeddedKey,
        IdToken::Unsigned,
        IdToken::HmacWithPublicKey,
    ] {
        let world = World::with(probe()).await;
        world
            .provider()
            .faults
            .always(Fault::IdToken(spoiled.clone()));
        let mut chat = world.browser().chat("acme", "probe").await;
        let page = chat.sign_in("ann").await;
        assert_eq!(page.title(), "The sign-in did not work", "{spoiled:?}");
        assert_eq!(
            chat.said().await[0],
            "failed provider_error <>",
            "{spoiled:?}"
        );
        assert_eq!(
            known(&world, &chat, "auth").await,
            Value::Null,
            "{spoiled:?}"
        );
        assert_eq!(chat.status().await["signed_in"], false, "{spoiled:?}");
        assert_eq!(chat.status().await["account"], Value::Null, "{spoiled:?}");
        assert_eq!(world.provider().count(Endpoint::UserInfo), 0, "{spoiled:?}");
    }
}

/// Proves: IDN-9
#[tokio::test]
async fn the_example_greets_by_name_guards_a_step_and_branches_on_a_claim() {
    let world = World::new().await;
    let member = "Your last report was paid out.";
    let approver = "Two expense reports wait for your approval.";
    let question = "Shall I show where the money goes?";
    for (person, greeting, role, account) in [
        (
            "ann",
            "Hello Ann!",
            member,
            "It goes to the account on file for ann@people.example.",
        ),
        (
            "ben",
            "Hello Ben!",
            member,
            "Your address is not verified yet, so I may not show that.",
        ),
        (
            "frank",
            "Hello Frank!",
            approver,
            "It goes to the account on file for frank@people.example.",
        ),
    ] {
        let mut chat = world.browser().chat("acme", "claims").await;
        chat.sign_in(person).await;
        assert_eq!(chat.said().await, [greeting, role, question]);
        chat.say("Yes").await;
        assert_eq!(chat.said().await[0], account, "{person}");
    }
}

/// Proves: IDN-10
/// Proves in part: IDN-1 (the step's switch asks for the action)
#[tokio::test]
async fn the_access_token_fetches_the_identity_and_a_refusal_fails_the_sign_in() {
    let world = World::with(probe()).await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "probe").await;
    chat.sign_in("ann").await;
    {
        let provider = world.provider();
        let asked = provider.seen_at(Endpoint::UserInfo).next_back().unwrap();
        assert_eq!(asked.subject.as_deref(), Some("person-ann"));
        assert_eq!(asked.bearer(), world.tokens().first().map(String::as_str));
    }
    assert_eq!(known(&world, &chat, "chat_user").await["FirstName"], "Ann");
    let done: Vec<String> = world
        .steps(&chat)
        .await
        .into_iter()
        .filter(|step| step.status == Status::Done)
        .map(|step| step.kind)
        .collect();
    assert_eq!(done, ["sign_in", "get_user_identity", "message"]);

    let refused = Http::Status {
        status: 403,
        retry_after_s: None,
    };
    world
        .provider()
        .faults
        .always(Fault::Http(Endpoint::UserInfo, refused));
    let mut chat = browser.new_chat("acme", "probe").await;
    chat.sign_in("ann").await;
    assert!(chat.said().await[0].starts_with("failed 403"));
    assert_eq!(
        known(&world, &chat, "chat_user").await["FirstName"],
        Value::Null
    );
}
