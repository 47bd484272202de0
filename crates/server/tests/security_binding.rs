//! One attempt, one browser, one code: attempt and callback (security 2 and 3).

#![expect(
    clippy::unwrap_used,
    reason = "whatever goes wrong here fails the test"
)]

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use oauth::http::Purpose;
use rehearsal::{
    Endpoint, Fault,
    fault::{Callback, Http, Json},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use testkit::{
    Answer, Browser, Call, Chat, Files, ISSUER, PUBLIC_URL, SetUp, World, rehearsal,
    store::{self, Attempt, AttemptState},
};
use url::Url;

/// A person who has been at the provider and is about to come back.
struct Underway {
    world: World,
    browser: Browser,
    chat: Chat,
    link: String,
    /// Where the browser was sent to.
    address: String,
    /// Where the provider sends it back to.
    callback: String,
}

impl Underway {
    async fn begin(world: &World) -> Self {
        let browser = world.browser();
        let mut chat = browser.chat("acme", "explain").await;
        let link = chat.prompt().await.link;
        let address = browser.set_out(&link).await.provider();
        let callback = world.at_provider(&address, "ann").unwrap();
        chat.said().await;
        Self {
            world: world.clone(),
            browser,
            chat,
            link,
            address,
            callback,
        }
    }

    async fn attempt(&self) -> Attempt {
        attempt(&self.world, &self.link).await
    }

    async fn come_back(&self) -> Answer {
        self.browser.come_back(&self.callback).await
    }

    /// The person goes to the provider at this time instead, since codes live for a minute, with a browser that
    /// keeps its cookie for too long.
    fn go_again(&mut self, at: Timestamp) {
        let (name, value) = attempt_cookie(&self.browser);
        self.browser.plant_cookie(&name, &value);
        self.world.set_clock(at);
        self.callback = self.world.at_provider(&self.address, "ann").unwrap();
    }

    /// The attempt has failed so, no code went anywhere, and the flow has heard of it.
    async fn assert_failed(&mut self, reason: &str, told: &str, what: &str) {
        let attempt = self.attempt().await;
        assert_eq!(attempt.state, AttemptState::Failed, "{what}");
        assert_eq!(attempt.reason.as_deref(), Some(reason), "{what}");
        let code = param(&self.callback, "code");
        assert!(!redeemed(&self.world).contains(&code), "{what}");
        let told = format!("The sign-in did not work ({told}). Our people have been told.");
        assert_eq!(self.chat.said().await, [told], "{what}");
        assert_eq!(self.chat.status().await["signed_in"], false, "{what}");
    }
}

async fn attempt(world: &World, link: &str) -> Attempt {
    let id = link.rsplit('/').next().unwrap();
    let digest = store::Digest(Sha256::digest(id).into());
    let found = world.store().sign_ins.by_link(digest).await;
    found.unwrap().unwrap()
}

/// Every code that was sent to a token endpoint.
fn redeemed(world: &World) -> Vec<String> {
    let sent = world.sent().into_iter();
    sent.filter(|sent| sent.purpose == Purpose::Token)
        .filter_map(|sent| field(&sent.body, "code"))
        .collect()
}

fn field(form: &str, name: &str) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(form.as_bytes());
    let found = fields.find(|(held, _)| held == name);
    found.map(|(_, value)| value.into_owned())
}

/// A parameter of an address, which must be there once.
fn param(address: &str, name: &str) -> String {
    let url = Url::parse(address).unwrap();
    let mut found = url.query_pairs().filter(|(held, _)| held == name);
    let value = found.next().unwrap().1.into_owned();
    assert_eq!(found.next(), None, "{name} stands twice in {address}");
    value
}

/// The address with another value of a parameter.
fn with(address: &str, name: &str, value: &str) -> String {
    let mut url = Url::parse(address).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(pairs.into_iter().map(|(held, before)| {
            let value = if held == name {
                value.to_owned()
            } else {
                before
            };
            (held, value)
        }));
    url.to_string()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// The one cookie of an attempt in this browser.
fn attempt_cookie(browser: &Browser) -> (String, String) {
    let mut held = browser.cookies().into_iter();
    held.find(|(name, _)| name.starts_with("__Host-att-"))
        .unwrap()
}

/// Proves: BND-1
#[tokio::test]
async fn a_state_with_one_bit_changed_is_unknown_and_only_its_digest_is_stored() {
    let world = World::new().await;
    let underway = Underway::begin(&world).await;
    let state = param(&underway.address, "state");
    let bytes = URL_SAFE_NO_PAD.decode(&state).unwrap();
    assert_eq!(bytes.len(), 32);

    world.stop_work();
    for bit in 0..256_usize {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = URL_SAFE_NO_PAD.encode(changed);
        let callback = with(&underway.callback, "state", &changed);
        let answer = underway.browser.get(&callback).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, Some("/signed-in")),
            "bit {bit}"
        );
    }
    assert_eq!(underway.attempt().await.state, AttemptState::Claimed);
    assert_eq!(world.provider().count(Endpoint::Token), 0);

    let database = world.database();
    assert!(contains(&database, &Sha256::digest(&state)));
    assert!(!contains(&database, state.as_bytes()));
    assert!(!contains(&database, &bytes));

    let other = Underway::begin(&world).await;
    assert_ne!(param(&other.address, "state"), state);
    assert_eq!(underway.come_back().await.title(), "You are signed in");
}

/// Proves: BND-2
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_identical_callbacks_at_two_nodes_one_is_taken() {
    let world = World::new().await;
    let second = world.beside();
    for round in 0..3 {
        world.provider().forget_seen();
        let mut underway = Underway::begin(&world).await;
        let cookies: Vec<String> = underway
            .browser
            .cookies()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut callbacks = tokio::task::JoinSet::new();
        for n in 0..50 {
            let node = if n % 2 == 0 { &world } else { &second }.clone();
            let call = Call::get(&underway.callback).header("cookie", &cookies.join("; "));
            callbacks.spawn(async move { node.send(call).await });
        }
        let answers = callbacks.join_all().await;

        let pages: BTreeSet<&str> = answers.iter().filter_map(Answer::location).collect();
        assert_eq!(pages.len(), 1, "all come to the one finished page");
        assert!(answers.iter().all(|answer| answer.status == 303));
        let requests = world.provider().seen_at(Endpoint::Token).count();
        assert_eq!(requests, 1, "round {round}: one token request");
        let greeting = "Thank you Ann Archer, I have opened a ticket.";
        assert_eq!(underway.chat.said().await, [greeting], "one resume");
        let page = underway.browser.get(pages.first().unwrap()).await;
        assert_eq!(page.title(), "You are signed in");

        // Later arrivals do nothing, and only the browser of the attempt learns of it.
        assert_eq!(underway.come_back().await.title(), "You are signed in");
        let stranger = world.browser().get(&underway.callback).await;
        assert_eq!(stranger.location(), Some("/signed-in"));
        assert_eq!(underway.chat.said().await, Vec::<String>::new());
        assert_eq!(world.provider().seen_at(Endpoint::Token).count(), 1);
    }
}

/// Proves: BND-3
#[tokio::test]
async fn an_answer_counts_only_before_the_deadline_when_consumed_and_when_released() {
    let world = World::new().await;
    // The clock is set, and no timer fires: the checks themselves must hold.
    world.stop_work();
    for (late_s, is_taken) in [(-1, true), (0, false), (1, false)] {
        let mut underway = Underway::begin(&world).await;
        let deadline = underway.attempt().await.deadline;
        underway.go_again(deadline - SignedDuration::from_secs(30));
        let before = world.tokens().len();
        world.set_clock(deadline + SignedDuration::from_secs(late_s));
        underway.come_back().await;
        let taken = world.tokens().len() > before;
        assert_eq!(taken, is_taken, "{late_s} s after the deadline");
        let said = underway.chat.said().await;
        assert_eq!(said.len(), usize::from(is_taken), "{said:?}");
    }
    for (slow_s, is_released) in [(1, true), (2, false), (4, false)] {
        let mut underway = Underway::begin(&world).await;
        let deadline = underway.attempt().await.deadline;
        underway.go_again(deadline - SignedDuration::from_secs(2));
        let slow = Http::Late(SignedDuration::from_secs(slow_s));
        let slow = Fault::Http(Endpoint::Token, slow);
        world.provider().faults.once(slow);
        let page = underway.come_back().await;

        let attempt = underway.attempt().await;
        let released = attempt.state == AttemptState::Released;
        assert_eq!(released, is_released, "an exchange of {slow_s} s");
        assert_eq!(underway.chat.said().await.len(), usize::from(is_released));
        let title = if is_released {
            "You are signed in"
        } else {
            "This sign-in has ended"
        };
        assert_eq!(page.title(), title, "an exchange of {slow_s} s");
        let signed_in = underway.chat.status().await["signed_in"] == true;
        assert_eq!(signed_in, is_released, "an exchange of {slow_s} s");
    }
}

/// Proves: BND-3
#[tokio::test]
async fn a_cancelled_attempt_takes_no_answer() {
    let world = World::new().await;
    let mut underway = Underway::begin(&world).await;
    underway.chat.say("cancel").await;
    underway.chat.said().await;
    let page = underway.come_back().await;
    assert_eq!(page.title(), "This sign-in has ended");
    assert_eq!(redeemed(&world), Vec::<String>::new());
    assert_eq!(underway.chat.said().await, Vec::<String>::new());
}

/// Proves: BND-4
#[tokio::test]
async fn a_code_in_another_browser_is_not_redeemed_and_ends_the_attempt() {
    let world = World::new().await;
    for jar in [
        "empty",
        "of another attempt",
        "another value",
        "both values",
    ] {
        let mut underway = Underway::begin(&world).await;
        let (name, value) = attempt_cookie(&underway.browser);
        let other = match jar {
            "of another attempt" => Underway::begin(&world).await.browser,
            _ => world.browser(),
        };
        if jar == "another value" {
            other.plant_cookie(&name, &URL_SAFE_NO_PAD.encode([7; 32]));
        }
        let page = if jar == "both values" {
            let twice = format!("{name}={value}; {name}={value}x");
            let call = Call::get(&underway.callback).header("cookie", &twice);
            let answer = other.send(call).await;
            other.get(answer.location().unwrap()).await
        } else {
            other.come_back(&underway.callback).await
        };
        assert_eq!(
            (page.status, page.title().as_str()),
            (410, "This sign-in has ended"),
            "{jar}"
        );
        assert!(page.text().contains("in your browser"), "{jar}: advice");
        underway
            .assert_failed("other_browser", "other_browser", jar)
            .await;

        // The right browser comes too late, and is told what happened.
        let page = underway.come_back().await;
        assert_eq!(page.title(), "This came back in another browser", "{jar}");
        assert_eq!(redeemed(&world), Vec::<String>::new(), "{jar}");
    }
}

/// Proves: BND-4
#[tokio::test]
async fn a_hostile_cookie_header_neither_counts_nor_breaks_anything() {
    let world = World::new().await;
    let name = "__Host-att-aaaaaaaa";
    let thousand = |nth: &dyn Fn(usize) -> String| {
        let pairs: Vec<String> = (0..1_000).map(nth).collect();
        pairs.join("; ")
    };
    let hostile = [
        thousand(&|n| format!("{name}={n}")),
        thousand(&|n| format!("__Host-att-{n:08}={}", "v".repeat(43))),
        thousand(&|n| format!("c{n}={n}")),
        thousand(&|n| format!("__Host-att-{n:08}")),
        format!("{name}={}", "v".repeat(16_000)),
        "v".repeat(16_000),
        "=".repeat(16_000),
        ";".repeat(16_000),
        format!("{name}=a, {name}=b; __Host-chat; \"; \u{e9}=\u{e9}"),
    ];
    for (n, cookies) in hostile.iter().enumerate() {
        let mut underway = Underway::begin(&world).await;
        let call = Call::get(&underway.callback).header("cookie", cookies);
        let answer = tokio::time::timeout(Duration::from_secs(5), world.send(call));
        let answer = answer.await.unwrap();
        assert_eq!(
            (answer.status, answer.location()),
            (303, Some("/signed-in")),
            "{n}"
        );
        underway
            .assert_failed("other_browser", "other_browser", &n.to_string())
            .await;
    }
}

/// Proves: BND-4
#[tokio::test]
async fn the_cookie_of_an_attempt_is_secret_bound_and_lives_as_long_as_the_attempt() {
    let world = World::new().await;
    let browser = world.browser();
    let mut oldest = String::new();
    for n in 0..11 {
        let mut chat = browser.new_chat("acme", "explain").await;
        let link = chat.prompt().await.link;
        world.advance(5).await;
        let answer = browser.get(&link).await;
        let set = answer.set_cookies();
        let attempt = attempt(&world, &link).await;
        let id = attempt.id.to_string();
        let name = format!("__Host-att-{}", &id[id.len() - 8..]);
        let value = browser.cookie(&name).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(&value).unwrap().len(), 32);
        let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=115");
        assert!(set.contains(&cookie.as_str()), "{set:?}");
        assert_eq!(set.len(), if n == 10 { 2 } else { 1 });
        let database = world.database();
        assert!(contains(&database, &Sha256::digest(&value)));
        assert!(!contains(&database, value.as_bytes()));
        if n == 0 {
            oldest = name;
        }
    }
    let attempts = browser.cookies();
    let attempts = attempts
        .iter()
        .filter(|(name, _)| name.starts_with("__Host-att-"));
    assert_eq!(attempts.count(), 10);
    assert_eq!(browser.cookie(&oldest), None, "the oldest is gone");
    world.advance(115).await;
    assert_eq!(browser.cookies().len(), 1, "none outlives its attempt");
}

/// Proves: BND-5
#[tokio::test]
async fn every_attempt_has_its_own_sealed_verifier_and_s256() {
    let world = World::new().await;
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let underway = Underway::begin(&world).await;
        assert_eq!(param(&underway.address, "code_challenge_method"), "S256");
        let challenge = param(&underway.address, "code_challenge");
        underway.come_back().await;
        let exchange = world.sent();
        let exchange = exchange
            .iter()
            .rfind(|sent| sent.purpose == Purpose::Token)
            .unwrap();
        assert!(exchange.header("authorization").is_some(), "confidential");
        let verifier = field(&exchange.body, "code_verifier").unwrap();
        assert_eq!(verifier.len(), 43);
        assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)), challenge);
        assert!(!contains(&world.database(), verifier.as_bytes()));
        assert!(seen.insert(verifier), "per attempt");
    }
}

/// Proves: BND-5
#[tokio::test]
async fn a_code_of_the_attackers_own_attempt_is_refused_and_not_tried_again() {
    let world = World::new().await;
    let attacker = Underway::begin(&world).await;
    let mut victim = Underway::begin(&world).await;
    let stolen = param(&attacker.callback, "code");
    let injected = with(&victim.callback, "code", &stolen);
    let page = victim.browser.come_back(&injected).await;

    assert_eq!(page.title(), "The sign-in did not work");
    assert_eq!(redeemed(&world), [stolen], "sent once");
    let exchanges: Vec<u16> = world
        .provider()
        .seen_at(Endpoint::Token)
        .map(|seen| seen.status)
        .collect();
    assert_eq!(exchanges, [400], "the provider refused");
    assert_eq!(world.tokens(), Vec::<String>::new());
    victim
        .assert_failed("provider_error", "provider_error", "injected")
        .await;
}

/// Proves: BND-5
#[tokio::test]
async fn a_connection_whose_provider_lacks_s256_cannot_be_saved() {
    let issuer = "https://login.old.example";
    let files = Files::examples().connection("old", issuer);
    for (methods, is_saved) in [
        (json!(["plain"]), false),
        (json!([]), false),
        (json!(["s256"]), false),
        (json!(["plain", "S256"]), true),
    ] {
        let world = World::new().await;
        let provider = world.add_provider(issuer, "old");
        let member = "code_challenge_methods_supported".to_owned();
        let set = Fault::Json(Endpoint::Discovery, Json::Set(member, methods.clone()));
        provider.lock().unwrap().faults.always(set);
        let published = world.publish(files.clone()).await;
        assert_eq!(published.is_ok(), is_saved, "{methods}: {published:?}");
    }
}

/// Everything that a person's way through all pages shows to clients and providers.
async fn shown(forged: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let world = World::new().await;
    let forge = |call: Call| {
        forged
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value))
    };
    let origin = |call: Call| {
        call.header("origin", PUBLIC_URL)
            .header("sec-fetch-site", "same-origin")
    };
    let (browser, other) = (world.browser(), world.browser());
    for page in ["/", "/chat/acme/explain", "/nowhere", "/sign-in/unknown"] {
        browser.send(forge(Call::get(page))).await;
    }
    let secret = world.direct_line_secret("acme", "explain").await;
    let directline = "/v3/directline";
    let generate = Call::post(&format!("{directline}/tokens/generate")).bearer(&secret);
    browser.send(forge(generate)).await;

    let open = Call::post("/chat/acme/explain/conversation")
        .header("x-usher", "1")
        .json(&json!({}));
    let opened = browser.send(forge(origin(open))).await.json();
    let token = opened["token"].as_str().unwrap();
    let start = Call::post(&format!("{directline}/conversations")).bearer(token);
    let joined = browser.send(forge(origin(start))).await.json();
    let id = joined["conversationId"].as_str().unwrap();
    let address = format!("{directline}/conversations/{id}/activities");
    let read = || forge(origin(Call::get(&address).bearer(token)));
    let activities = browser.send(read()).await.json();
    let card = activities["activities"].to_string();
    let link = card.split("/sign-in/").nth(1).unwrap();
    let link = format!("/sign-in/{}", link.split('"').next().unwrap());

    // The confirmation page in a browser that does not have the chat, then on from there.
    let page = other.send(forge(Call::get(&link))).await;
    let csrf = page.between("name=\"csrf\" value=\"", "\"").unwrap();
    let form = [("csrf", csrf.as_str()), ("decision", "continue")];
    let onward = other
        .send(forge(origin(Call::post(&link).form(&form))))
        .await;
    let address = onward
        .between("href=\"https:&#x2f;&#x2f;login", "\"")
        .map(|rest| format!("https://login{rest}"))
        .unwrap();
    let callback = world.at_provider(&address, "ann").unwrap();
    let answer = other.send(forge(Call::get(&callback))).await;
    let finished = other
        .send(forge(Call::get(answer.location().unwrap())))
        .await;
    let code = finished.shown_code().unwrap();
    let typed = Call::post(&format!("{directline}/conversations/{id}/activities"))
        .bearer(token)
        .json(&json!({ "type": "message", "text": code }));
    browser.send(forge(origin(typed))).await;
    browser.send(read()).await;

    // What a client posted is our own request; what came is what counts.
    let sent = world.sent();
    let sent = sent
        .iter()
        .map(|sent| format!("{} {}", sent.url, sent.body));
    (world.answered(), sent.collect())
}

/// Proves: BND-7
#[tokio::test]
async fn forged_host_and_proxy_headers_change_no_byte_of_any_answer() {
    let (honest, outgoing) = shown(&[("host", "usher.example")]).await;
    assert!(honest.iter().any(|answer| answer.contains("Thank you Ann")));
    assert!(honest.iter().any(|answer| answer.contains(PUBLIC_URL)));
    let evil = "evil.example";
    let forged: [&[(&str, &str)]; 8] = [
        &[("host", evil)],
        &[("host", "usher.example"), ("x-forwarded-host", evil)],
        &[
            ("host", "usher.example:8443"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-scheme", "http"),
            ("x-forwarded-port", "8080"),
            ("x-forwarded-ssl", "off"),
        ],
        &[
            ("host", "usher.example"),
            ("x-forwarded-uri", "//evil.example/"),
            ("x-original-url", "/evil"),
            ("x-rewrite-url", "/evil"),
        ],
        &[
            ("host", "usher.example"),
            ("x-forwarded-prefix", "//evil.example/evil"),
            ("x-script-name", "/evil"),
        ],
        &[
            ("host", "usher.example"),
            ("x_forwarded_host", evil),
            ("x_forwarded_proto", "http"),
            ("x-host", evil),
        ],
        &[
            ("host", "usher.example"),
            ("forwarded", "for=1.2.3.4;host=evil.example;proto=http"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
        ],
        &[("host", evil), ("host", "usher.example")],
    ];
    for headers in forged {
        let (answers, sent) = shown(headers).await;
        assert_eq!(answers.len(), honest.len());
        for (answer, expected) in answers.iter().zip(&honest) {
            assert_eq!(answer, expected, "{headers:?}");
        }
        assert_eq!(sent, outgoing, "{headers:?}");
    }
}

/// Proves: BND-8
#[tokio::test]
async fn the_redirect_address_is_the_same_in_both_requests_byte_for_byte() {
    for base in [
        None,
        Some("https://chat.example:8443/under/a%2Fpath/~cb"),
        Some("https://Chat.EXAMPLE/Callback;v=1/%7euser"),
    ] {
        let mut settings = app::Settings::new(PUBLIC_URL);
        settings.oauth_redirect_uri = base.map(str::to_owned);
        let world = World::begin(SetUp {
            settings,
            ..SetUp::default()
        })
        .await;
        let base = base.unwrap_or("https://usher.example/oauth-callback");
        let expected = format!("{base}/acme/corp");
        world.provider().config_mut().clients[0].redirect_uris = vec![expected.clone()];

        let browser = world.browser();
        let mut chat = browser.chat("acme", "explain").await;
        let link = chat.prompt().await.link;
        let address = browser.set_out(&link).await.provider();
        assert_eq!(param(&address, "redirect_uri"), expected);
        let claim = attempt(&world, &link).await.claim.unwrap();
        assert_eq!(claim.redirect_uri, expected, "stored with the attempt");

        let callback = world.at_provider(&address, "ann").unwrap();
        assert!(callback.starts_with(&format!("{expected}?")), "{callback}");
        let (_, query) = callback.split_once('?').unwrap();
        let page = browser
            .come_back(&format!("/oauth-callback/acme/corp?{query}"))
            .await;
        assert_eq!(page.title(), "You are signed in");
        let sent = world.sent();
        let exchange = sent.iter().find(|sent| sent.purpose == Purpose::Token);
        let body = &exchange.unwrap().body;
        assert_eq!(field(body, "redirect_uri"), Some(expected));
        assert_eq!(body.matches("redirect_uri=").count(), 1);
    }
}

/// Proves: BND-9
#[tokio::test]
async fn an_answer_with_doubled_or_mixed_parameters_ends_the_attempt_and_sends_no_code() {
    let world = World::new().await;
    let long = "c".repeat(2_049);
    for added in [
        "&code=another",
        "&code=",
        "&state=another",
        "&iss=https%3A%2F%2Flogin.acme.example",
        "&session_state=a&session_state=a",
        "&error=access_denied",
        "&error_description=a&error_description=b",
        "&access_token=a",
        "&id_token=a",
        "&token_type=Bearer",
        "&c%6fde=another",
        "&error_uri=%ff",
    ] {
        let mut underway = Underway::begin(&world).await;
        let callback = format!("{}{added}", underway.callback);
        let page = underway.browser.come_back(&callback).await;
        assert_eq!(page.title(), "The sign-in did not work", "{added}");
        underway
            .assert_failed("provider_error", "provider_error", added)
            .await;
    }
    for code in ["", "a%20b", "a%00b", "%C3%A9", &long] {
        let mut underway = Underway::begin(&world).await;
        let state = param(&underway.callback, "state");
        let callback = format!("/oauth-callback/acme/corp?code={code}&state={state}");
        underway.browser.come_back(&callback).await;
        underway
            .assert_failed("provider_error", "provider_error", code)
            .await;
    }
    // What means nothing is ignored.
    let underway = Underway::begin(&world).await;
    let callback = format!("{}&foo=1&foo=2&scope=x", underway.callback);
    let page = underway.browser.come_back(&callback).await;
    assert_eq!(page.title(), "You are signed in");
}

/// Proves: BND-17
#[tokio::test]
async fn an_error_answer_from_elsewhere_changes_nothing_and_from_the_right_browser_ends_it_once() {
    let world = World::new().await;
    let mut underway = Underway::begin(&world).await;
    let state = param(&underway.address, "state");
    let iss = url::form_urlencoded::byte_serialize(ISSUER.as_bytes()).collect::<String>();
    let error = format!("/oauth-callback/acme/corp?error=access_denied&state={state}&iss={iss}");
    let before = (
        underway.attempt().await,
        world.session(&underway.chat).await,
    );
    let holder = world.browser();
    holder.chat("acme", "explain").await;
    for stranger in [world.browser(), holder] {
        let answer = stranger.get(&error).await;
        assert_eq!(answer.location(), Some("/signed-in"));
        let after = (
            underway.attempt().await,
            world.session(&underway.chat).await,
        );
        assert_eq!(after, before, "nothing has changed");
    }
    assert_eq!(underway.chat.said().await, Vec::<String>::new());

    let page = underway.browser.come_back(&error).await;
    assert_eq!(page.title(), "You did not sign in");
    let refused = "The sign-in page says you did not agree, so no ticket was opened.";
    assert_eq!(underway.chat.said().await, [refused]);
    for again in [&error, &underway.callback] {
        underway.browser.come_back(again).await;
        assert_eq!(underway.chat.said().await, Vec::<String>::new(), "once");
    }
    assert_eq!(world.provider().count(Endpoint::Token), 0);
}

/// Proves: BND-17
#[tokio::test]
async fn an_error_answer_of_another_issuer_is_no_refusal() {
    let world = World::new().await;
    let mut underway = Underway::begin(&world).await;
    let state = param(&underway.address, "state");
    let error = format!(
        "/oauth-callback/acme/corp?error=access_denied&state={state}&iss=https%3A%2F%2Fevil.example"
    );
    underway.browser.come_back(&error).await;
    underway
        .assert_failed("provider_error", "provider_error", "another issuer")
        .await;
}

/// Proves in part: MIX-1 (the token endpoint is the connection's, not stored with the attempt)
#[tokio::test]
async fn an_issuer_that_differs_in_one_byte_ends_the_attempt_and_sends_no_code() {
    let world = World::new().await;
    for iss in [
        "https://login.acme.example/",
        "https://login.acme.example:443",
        "https://LOGIN.acme.example",
        "https://login.acm%65.example",
        "http://login.acme.example",
        "",
    ] {
        let fault = Callback::Set("iss".to_owned(), iss.to_owned());
        world.provider().faults.once(fault);
        let mut underway = Underway::begin(&world).await;
        underway.come_back().await;
        underway
            .assert_failed("provider_error", "provider_error", iss)
            .await;
    }
}

/// Proves: MIX-2
#[tokio::test]
async fn an_answer_without_issuer_fails_exactly_where_the_provider_announces_it() {
    for (announced, sent, is_taken) in [
        (true, Some(ISSUER), true),
        (true, None, false),
        (false, Some(ISSUER), true),
        (false, Some("https://evil.example"), false),
        (false, None, true),
    ] {
        let world = World::new().await;
        let member = "authorization_response_iss_parameter_supported".to_owned();
        let set = Json::Set(member, json!(announced));
        {
            let mut provider = world.provider();
            provider
                .faults
                .always(Fault::Json(Endpoint::Discovery, set));
            provider.faults.always(match sent {
                Some(iss) => Callback::Set("iss".to_owned(), iss.to_owned()),
                None => Callback::Unset("iss".to_owned()),
            });
        }
        // The metadata that publishing fetched are gone with the restart.
        world.restart().await;
        let mut underway = Underway::begin(&world).await;
        let what = format!("announced: {announced}, sent: {sent:?}");
        let page = underway.come_back().await;
        if is_taken {
            assert_eq!(page.title(), "You are signed in", "{what}");
        } else {
            underway
                .assert_failed("provider_error", "provider_error", &what)
                .await;
        }
    }
}

/// Proves in part: MIX-3 (a shared path is not offered; the attempt at the hostile provider lives on until its deadline)
#[tokio::test]
async fn a_code_of_an_honest_provider_never_reaches_a_hostile_one() {
    let hostile = "https://login.hostile.example";
    let agent = "  - id: who\n    sign_in: { connection: hostile }";
    let files = Files::examples()
        .connection("hostile", hostile)
        .agent("lure", "", agent);
    let world = World::new().await;
    let at_hostile = world.add_provider(hostile, "hostile");
    world.publish(files).await.unwrap();
    world.provider().config_mut().sends_iss = false;

    let browser = world.browser();
    let mut chat = browser.chat("acme", "lure").await;
    let link = chat.prompt().await.link;
    let address = browser.set_out(&link).await.provider();
    assert!(address.starts_with(hostile));
    // The hostile provider forwards the browser to the honest one, with our client id there.
    let forwarded = with(&address, "client_id", "usher").replace(hostile, ISSUER);
    let honest = format!("{PUBLIC_URL}/oauth-callback/acme/corp");
    let forwarded = with(&forwarded, "redirect_uri", &honest);
    let callback = world.at_provider(&forwarded, "ann").unwrap();
    assert!(callback.starts_with(&honest));
    let page = browser.come_back(&callback).await;

    assert_eq!(page.title(), "This sign-in has ended");
    assert_eq!(at_hostile.lock().unwrap().count(Endpoint::Token), 0);
    assert_eq!(redeemed(&world), Vec::<String>::new());
    assert_eq!(chat.status().await["signed_in"], false);
    world.advance(120).await;
    assert_eq!(attempt(&world, &link).await.state, AttemptState::Failed);
}
