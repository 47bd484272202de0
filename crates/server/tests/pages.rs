//! What every response says about itself (`security.md` section 8).

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a helper fails its test"
)]

use serde_json::json;
use testkit::{Answer, Call, PUBLIC_URL, SetUp, World};

/// Headers that differ from one run to the next, or say how long a body is.
const PASSING: [&str; 2] = ["content-length", "date"];

/// Status and headers, sorted; what is random is named instead.
fn shown(what: &str, answer: &Answer) -> String {
    let mut lines: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !PASSING.contains(&name.as_str()))
        .map(|(name, value)| format!("  {name}: {}", masked(value.to_str().unwrap())))
        .collect();
    lines.sort();
    format!("{what}\n  {}\n{}\n\n", answer.status, lines.join("\n"))
}

/// Secrets, nonces and ids are random in a server, and follow from the seed here.
fn masked(value: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut out = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        let odd = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
        let shown = match token {
            token if token.starts_with("__Host-att-") => "__Host-att-…",
            token if token.len() >= 22 && token.contains(odd) => "…",
            token => token,
        };
        out.push_str(shown);
        let next = after.chars().next();
        out.extend(next);
        rest = &after[next.map_or(0, char::len_utf8)..];
    }
    out
}

type Shown = Vec<(&'static str, Answer)>;

/// One request for each route that needs nothing before it.
async fn plain_answers(world: &World) -> Shown {
    let mut answers = Vec::new();
    for path in [
        "/",
        "/nowhere",
        "/healthz",
        "/readyz",
        "/metrics",
        "/assets/nothing.js",
        "/sign-in/unknown",
        "/signed-in",
        "/signed-in/acme/unknown",
        "/oauth-callback/acme/corp?state=x&code=y",
        "/admin/v1/organizations/acme/versions",
    ] {
        answers.push((path, world.browser().get(path).await));
    }
    let long = format!("/{}", "x".repeat(9000));
    answers.push(("/ and 9,000 letters", world.browser().get(&long).await));
    answers
}

/// The answers of a sign-in by the chat's own browser.
async fn answers_in_the_chat(world: &World) -> Shown {
    let browser = world.browser();
    let conversation = Call::post("/chat/acme/explain/conversation")
        .header("x-usher", "1")
        .header("origin", PUBLIC_URL)
        .json(&json!({}));
    let opened = world.browser().send(conversation).await;
    let mut chat = browser.chat("acme", "explain").await;
    let link = chat.prompt().await.link;
    let redirect = browser.get(&link).await;
    let callback = world
        .at_provider(redirect.location().unwrap(), "ann")
        .unwrap();
    let taken = browser.get(&callback).await;
    let finished = browser.get(taken.location().unwrap()).await;
    let read = chat.send(Call::get(&chat.address("activities"))).await;
    let said = chat.post(&json!({ "type": "message", "text": "hi" })).await;
    let refused = world.send(Call::post("/v3/directline/conversations")).await;
    vec![
        ("POST /chat/acme/explain/conversation", opened),
        ("/sign-in/<link> with the chat's cookie", redirect),
        ("/oauth-callback/acme/corp with a code", taken),
        ("/signed-in/acme/<attempt>", finished),
        ("/v3/directline/…/activities", read),
        ("POST /v3/directline/…/activities", said),
        ("POST /v3/directline/conversations without a token", refused),
    ]
}

/// The answers of a sign-in by a browser that has no chat.
async fn answers_elsewhere(world: &World) -> Shown {
    let link = world
        .direct_line("acme", "explain")
        .await
        .prompt()
        .await
        .link;
    let browser = world.browser();
    let form = Call::post(&link).form(&[("decision", "continue")]);
    let refused = browser.send(form.header("origin", PUBLIC_URL)).await;
    let confirmation = browser.get(&link).await;
    let onward = browser.decide(&confirmation, "continue").await;
    let second = world.browser().get(&link).await;
    let callback = world.at_provider(&onward.onward().unwrap(), "ann").unwrap();
    let code = browser.come_back(&callback).await;
    assert!(code.shown_code().is_some(), "{}", code.text());
    vec![
        ("/sign-in/<link> without the chat's cookie", confirmation),
        ("POST /sign-in/<link> without its page", refused),
        ("POST /sign-in/<link>", onward),
        ("/sign-in/<link> in another browser", second),
        ("/signed-in/acme/<attempt> with a code to type", code),
    ]
}

/// Proves: PAG-3
/// Proves in part: PAG-1 (browsers' reports are the journeys'), PAG-2 (there is no embedded widget yet), PAG-5 (how the development switch is announced is the command line's)
#[tokio::test]
async fn every_response_has_the_headers_that_keep_it_safe() {
    let world = World::new().await;
    let mut answers = plain_answers(&world).await;
    answers.extend(answers_in_the_chat(&world).await);
    answers.extend(answers_elsewhere(&world).await);
    let snapshot: String = answers
        .iter()
        .map(|(what, answer)| shown(what, answer))
        .collect();
    insta::assert_snapshot!("headers", snapshot);

    for (what, answer) in &answers {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.starts_with("default-src 'none';"),
            "{what}: {policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        assert!(
            !policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"),
            "{what}: {policy}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{what}");
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{what}"
        );
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{what}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
        assert_eq!(
            answer.header("strict-transport-security"),
            Some("max-age=31536000"),
            "{what}"
        );
        assert!(
            !matches!(answer.status, 301 | 302 | 307 | 308),
            "{what}: {}",
            answer.status
        );
        for cookie in answer.set_cookies() {
            for part in [
                "__Host-",
                "; Path=/",
                "; Secure",
                "; HttpOnly",
                "; SameSite=Lax",
            ] {
                assert!(cookie.contains(part), "{what}: {cookie}");
            }
        }
        let page = answer.text();
        for inline in [
            "<style",
            " style=\"",
            " onclick",
            " onload",
            "javascript:",
            "<script>",
        ] {
            assert!(!page.contains(inline), "{what}: {inline}");
        }
        if let Some(location) = answer
            .location()
            .filter(|location| location.starts_with('/'))
        {
            assert!(
                !location.contains("code=") && !location.contains("state="),
                "{what}: {location}"
            );
        }
    }
}

/// Proves in part: PAG-1 (browsers' reports are the journeys')
#[tokio::test]
async fn the_chat_page_has_a_policy_of_its_own_with_a_fresh_nonce() {
    let world = World::new().await;
    let first = world.browser().get("/chat/acme/explain").await;
    let second = world.browser().get("/chat/acme/explain").await;
    for page in [&first, &second] {
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"));
        assert!(policy.contains("script-src 'self';"), "{policy}");
    }
    // A build without the browser's files shows how to get them instead, by the policy of all pages.
    if first.status == 200 {
        let nonce = first.between("data-nonce=\"", "\"").unwrap();
        let policy = first.header("content-security-policy").unwrap();
        assert!(
            policy.contains(&format!("style-src 'self' 'nonce-{nonce}'")),
            "{policy}"
        );
        assert!(
            policy.contains("connect-src 'self' wss://usher.example"),
            "{policy}"
        );
        assert_ne!(
            first.between("data-nonce=\"", "\""),
            second.between("data-nonce=\"", "\"")
        );
    } else {
        assert_eq!(
            (first.status, first.title().as_str()),
            (503, "One step is missing")
        );
    }
}

/// Proves in part: PAG-5 (how the development switch is announced is the command line's)
#[tokio::test]
async fn plain_http_is_for_development_and_pages_say_so() {
    let mut set_up = SetUp::default();
    set_up.settings.development = true;
    let world = World::begin(set_up).await;
    let page = world.browser().get("/signed-in").await;
    assert!(
        page.text()
            .contains("<span class=\"tag\">development</span>")
    );
    let world = World::new().await;
    let page = world.browser().get("/signed-in").await;
    assert!(!page.text().contains(">development<"));
    let plain = testkit::Files::acme()
        .replacing_everywhere("https://login.acme.example", "http://login.acme.example");
    assert!(
        world.publish(plain).await.is_err(),
        "a provider without TLS"
    );
}

/// Proves in part: SGN-5 (the composer is the page's)
#[tokio::test]
async fn a_refused_message_has_a_stable_status_and_code() {
    let world = World::new().await;
    let chat = world.browser().chat("acme", "travel").await;
    let refused = chat
        .post(&json!({ "type": "message", "text": "hello" }))
        .await;
    assert_eq!(refused.status, 409);
    assert_eq!(
        refused.json(),
        json!({ "error": { "code": "sign_in_pending", "message": "A sign-in is pending. Finish it, or say `cancel`." } })
    );
    assert_eq!(refused.header("content-type"), Some("application/json"));
}
