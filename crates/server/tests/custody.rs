//! Where tokens are, and where they never come (features 9).

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a helper fails its test"
)]

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use testkit::{Chat, Files, PUBLIC_URL, World, json as answer_json, rehearsal::Endpoint};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

/// Proves: TOK-1
#[tokio::test]
async fn a_token_stays_with_its_conversation_unless_the_connection_shares_it() {
    for shares in [false, true] {
        let setting = format!("client_id: usher\nshare_between_conversations: {shares}");
        let path = "organizations/acme/connections/corp.yaml";
        let files = Files::acme()
            .replacing(path, "client_id: usher", &setting)
            .agent("probe", "variables: { answer: null }", ASK_ONCE);
        let world = World::with(files).await;
        let browser = world.browser();
        let mut first = browser.chat("acme", "probe").await;
        first.sign_in("ann").await;
        assert_eq!(first.said().await, ["called"]);
        let calls = world.provider().count(Endpoint::Api);
        assert_eq!(calls, 1);

        // Another conversation of the same person.
        let mut second = browser.new_chat("acme", "probe").await;
        world.settle().await;
        assert_ne!(first.id, second.id);
        assert_eq!(second.prompts().await.len(), usize::from(!shares));
        assert_eq!(
            world.provider().count(Endpoint::Api),
            calls + u64::from(shares)
        );
        if shares {
            assert_eq!(second.said().await, ["called"]);
            let provider = world.provider();
            let mut subjects: Vec<_> = provider
                .seen_at(Endpoint::Api)
                .map(|seen| seen.subject.clone())
                .collect();
            subjects.dedup();
            assert_eq!(subjects, [Some("person-ann".to_owned())]);
        }

        // A conversation of somebody else.
        let mut stranger = world.browser().chat("acme", "probe").await;
        assert_eq!(stranger.prompts().await.len(), 1);
    }
}

const ASK_ONCE: &str = r#"  - id: sign_in
    when: "[[ChatUser]].SSOToken == null"
    sign_in: { connection: corp }
  - id: call
    http: { connection: corp, get: "https://api.acme.example/api/trips", into: answer }
  - id: called
    message: called"#;

/// Proves in part: TOK-1 (sharing is shown above)
#[tokio::test]
async fn a_call_in_another_conversation_has_no_token() {
    let call = "  - id: wait
    ask: { into: answer }
  - id: call
    http: { connection: corp, get: \"https://api.acme.example/api/trips\" }
    on_exception: told
  - id: never
    message: never
    next: end
  - id: told
    message: \"{{ SystemError.Code }}: {{ SystemError.Detail }}\"";
    let files = Files::examples().agent("probe", "variables: { answer: null }", call);
    let world = World::with(files).await;
    let browser = world.browser();
    let mut first = browser.chat("acme", "travel").await;
    first.sign_in("ann").await;
    let calls = world.provider().count(Endpoint::Api);
    let mut second = browser.chat("acme", "probe").await;
    second.say("call").await;
    assert_eq!(second.said().await, ["401: not signed in"]);
    assert_eq!(world.provider().count(Endpoint::Api), calls);
}

const TWO_AND_ONE: &str = r#"  - id: who
    sign_in: { connection: corp }
  - id: first
    http: { connection: corp, get: "https://api.acme.example/first", into: answer }
  - id: second
    http: { connection: corp, get: "https://api.acme.example/second", into: answer }
  - id: both
    message: both
  - id: third
    http: { connection: other, get: "https://api.acme.example/third", into: answer }
    on_exception: told
  - id: never
    message: never
    next: end
  - id: told
    message: "{{ SystemError.Code }}: {{ SystemError.Detail }}""#;

/// Proves: TOK-2
#[tokio::test]
async fn calls_bound_to_one_connection_share_its_sign_in_and_others_do_not() {
    let other = "https://login.other.example";
    let variables = "variables: { answer: null }";
    let files = Files::acme()
        .connection("other", other)
        .agent("probe", variables, TWO_AND_ONE);
    let path = "organizations/acme/connections/other.yaml";
    let files = files.replacing(path, &format!("[{other}]"), "[https://api.acme.example]");
    let world = World::new().await;
    world.add_provider(other, "other");
    world.publish(files).await.unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&calls);
    world.script("https://api.acme.example", move |request, _| {
        let bearer = request.header("authorization").map(str::to_owned);
        log.lock().unwrap().push((request.path.clone(), bearer));
        answer_json(200, &json!({}))
    });

    let mut chat = world.browser().chat("acme", "probe").await;
    chat.sign_in("ann").await;
    assert_eq!(chat.said().await, ["both", "401: not signed in"]);
    let bearer = Some(format!("Bearer {}", world.tokens()[0]));
    let expected = [
        ("/first".to_owned(), bearer.clone()),
        ("/second".to_owned(), bearer),
    ];
    assert_eq!(*calls.lock().unwrap(), expected);
}

/// Reads the conversation's stream over a real socket until it has shown all that was said.
async fn frames(world: &World, chat: &mut Chat) -> Vec<String> {
    let address = world.listen().await;
    let answer = chat.send(testkit::Call::get(&chat.address(""))).await;
    assert_eq!(
        answer.status, 404,
        "an address with a slash at its end is another one"
    );
    let joined = chat
        .send(testkit::Call::get(chat.address("").trim_end_matches('/')))
        .await;
    let stream = joined.json()["streamUrl"].as_str().unwrap().to_owned();
    let local = stream.replace("wss://usher.example", &format!("ws://{address}"));
    let mut request = local.into_client_request().unwrap();
    request
        .headers_mut()
        .insert("origin", PUBLIC_URL.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let all = chat.activities().await.len();
    let mut frames = Vec::new();
    let mut seen = 0;
    while seen < all {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            let set: serde_json::Value = serde_json::from_str(text.as_str()).unwrap();
            seen += set["activities"].as_array().unwrap().len();
            frames.push(text.as_str().to_owned());
        }
    }
    socket.send(Message::Close(None)).await.unwrap();
    frames
}

/// Proves: TOK-3, TOK-4
#[tokio::test]
async fn no_token_reaches_a_client_and_no_page_asks_for_a_password() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "travel").await;
    chat.sign_in("ann").await;
    // Expired tokens are renewed, a second pass calls again.
    world.advance(59 * 60).await;
    chat.reload().await;
    world.provider().expire_access_tokens();
    chat.say("my trips").await;
    // A sign-in by code, with its confirmation page and the page that shows the code.
    let mut by_code = world.direct_line("acme", "travel").await;
    let link = by_code.prompt().await.link;
    let stranger = world.browser();
    let code = stranger.sign_in(&link, "ben").await.shown_code().unwrap();
    by_code.say(&code).await;
    assert_eq!(by_code.status().await["signed_in"], true);
    // Pages of failures.
    let mut failing = world.browser().chat("acme", "explain").await;
    failing.sign_in("carol").await;
    for path in ["/", "/chat/acme/travel", "/sign-in/unknown", "/signed-in"] {
        world.browser().get(path).await;
    }
    failing.activities().await;
    let frames = frames(&world, &mut chat).await;
    assert!(frames.join("").contains("Ljubljana"), "a full run");

    let tokens = world.tokens();
    assert!(
        tokens.len() >= 8,
        "access, refresh and ID tokens of two people, one renewed"
    );
    let answers = world.answered();
    assert!(answers.len() > 30);
    for shown in answers.iter().chain(&frames) {
        for token in &tokens {
            assert!(!shown.contains(token.as_str()), "a token in {shown}");
        }
        for field in [
            "type=\"password\"",
            "type=password",
            "current-password",
            "name=\"password\"",
        ] {
            assert!(!shown.contains(field), "{shown}");
        }
    }
}

/// Proves in part: XCH-1 (redirects are followed nowhere; addresses are resolved by the network's own port)
#[tokio::test]
async fn a_token_goes_to_the_allowed_origins_alone() {
    let addresses = [
        "https://api.acme.example.evil.example/x",
        "https://evil-api.acme.example/x",
        "https://evil.example/api.acme.example",
        "https://api.acme.example:8443/x",
        "https://acme.example/x",
        "https://sub.api.acme.example/x",
    ];
    for address in addresses {
        let steps = format!(
            "  - id: who
    sign_in: {{ connection: corp }}
  - id: call
    http: {{ connection: corp, get: \"{address}\" }}
    on_exception: told
  - id: never
    message: never
    next: end
  - id: told
    message: \"{{{{ SystemError.Code }}}}\""
        );
        let world = World::with(Files::acme().agent("probe", "", &steps)).await;
        let origin = url::Url::parse(address)
            .unwrap()
            .origin()
            .ascii_serialization();
        world.script(&origin, |_, _| answer_json(200, &json!({})));
        let mut chat = world.browser().chat("acme", "probe").await;
        chat.sign_in("ann").await;
        assert_eq!(chat.said().await, ["origin_not_allowed"], "{address}");
        let went = world
            .sent()
            .into_iter()
            .filter(|sent| sent.url.origin().ascii_serialization() == origin);
        assert_eq!(went.count(), 0, "{address}: nothing was sent");
    }
}
