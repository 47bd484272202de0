//! The link and the conversation: whoever forwards a link gains nothing by it (security 1), and what its pages
//! tell (security 8).

#![expect(
    clippy::unwrap_used,
    reason = "whatever goes wrong here fails the test"
)]

mod logged;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use app::{ConversationId, OrganizationName as Organization};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use logged::Logged;
use oauth::http::Purpose;
use rehearsal::{
    Endpoint, Fault,
    fault::{Callback, Http},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{
    Answer, Browser, Call, Chat, Files, ISSUER, PUBLIC_URL, SetOut, World, rehearsal,
    store::{self, Attempt, AttemptState, Snapshot},
};
use tokio_util::sync::CancellationToken;

const GREETING: &str = "Thank you Ann Archer, I have opened a ticket.";
const TOO_SLOW: &str = "The link was open for too long, so it has ended. Nothing was signed in.";

fn acme() -> Organization {
    Organization::parse("acme").unwrap()
}

async fn attempt(world: &World, link: &str) -> Attempt {
    let id = link.rsplit('/').next().unwrap();
    let digest = store::Digest(Sha256::digest(id).into());
    let found = world.store().sign_ins.by_link(digest).await;
    found.unwrap().unwrap()
}

async fn snapshot(world: &World, chat: &Chat) -> Snapshot {
    let id: ConversationId = chat.id.parse().unwrap();
    let found = world.app().conversation(&acme(), id).await;
    found.unwrap().unwrap()
}

/// Whether an access token still opens anything at its provider.
fn lives(world: &World, token: &str) -> bool {
    let mut provider = world.provider();
    let request = rehearsal::Request::get(&provider.address(Endpoint::UserInfo)).bearer(token);
    provider.answer(&request, world.now()).status == 200
}

/// Everything by which a conversation could be seen to be signed in, that it shows.
async fn signs(world: &World, chat: &mut Chat) -> Vec<&'static str> {
    let session = world.session(chat).await.unwrap();
    let state = json!(session);
    let snapshot = snapshot(world, chat).await;
    let status = chat.status().await;
    let signed_in =
        |shown: &Value| shown["name"] == "usher/status" && shown["value"]["signed_in"] == true;
    let steps = world.steps(chat).await;
    [
        ("a grant", !snapshot.grants.is_empty()),
        ("who signed in", session.signed_in().is_some()),
        ("claims", !state["auth"].is_null()),
        ("a token", !state["chat_user"]["SSOToken"].is_null()),
        ("the status", status["signed_in"] == true),
        (
            "an earlier status",
            chat.activities().await.iter().any(signed_in),
        ),
        (
            "the step",
            steps
                .iter()
                .any(|step| step.kind == "sign_in" && step.status == flow::Status::Done),
        ),
    ]
    .into_iter()
    .filter_map(|(sign, shown)| shown.then_some(sign))
    .collect()
}

#[derive(Clone, Copy, Debug)]
enum Channel {
    WebChat,
    DirectLine,
}

impl Channel {
    async fn open(self, world: &World, agent: &str) -> Chat {
        match self {
            Self::WebChat => world.browser().chat("acme", agent).await,
            Self::DirectLine => world.direct_line("acme", agent).await,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Victim {
    NoChat,
    OwnChat,
    OwnChatElsewhere,
}

impl Victim {
    async fn browser(self, world: &World) -> Browser {
        let browser = world.browser();
        match self {
            Self::NoChat => {}
            Self::OwnChat => drop(browser.chat("acme", "explain").await),
            Self::OwnChatElsewhere => drop(browser.chat("other", "explain").await),
        }
        browser
    }
}

/// What is wrong with the attacker's conversation within the deadline, and after it.
async fn forwarded(world: &World, channel: Channel, victim: Victim) -> [Vec<String>; 2] {
    let mut attacker = channel.open(world, "explain").await;
    let link = attacker.prompt().await.link;
    attacker.said().await;
    let browser = victim.browser(world).await;
    let given = world.tokens().len();
    let address = browser.set_out(&link).await.provider();
    let callback = world.at_provider(&address, "ben").unwrap();
    browser.come_back(&callback).await;
    let tokens = world.tokens()[given..].to_vec();
    assert_eq!(tokens.len(), 3, "the victim did sign in");

    // The attacker tries what there is to try.
    let attempt = attempt(world, &link).await;
    let finished = format!("/signed-in/acme/{}", attempt.id);
    for address in [link.as_str(), callback.as_str(), finished.as_str()] {
        let page = attacker.browser().come_back(address).await;
        if let Some(code) = page.shown_code() {
            attacker.say(&code).await;
        }
    }
    attacker.say("BCDF-GHJK").await;

    let mut within: Vec<String> = own(signs(world, &mut attacker).await);
    let mut said = attacker.said().await;
    said.retain(|words| !words.starts_with("That code is not right."));
    within.extend(said);

    let left = attempt.deadline.duration_since(world.now());
    world.advance(left.as_secs() + 5).await;
    let mut after = own(signs(world, &mut attacker).await);
    let said = attacker.said().await;
    if said != [TOO_SLOW] {
        after.push(format!("was told {said:?}"));
    }
    if lives(world, &tokens[0]) {
        after.push("the tokens live on".to_owned());
    }
    [within, after]
}

fn own(signs: Vec<&str>) -> Vec<String> {
    signs.into_iter().map(str::to_owned).collect()
}

/// Proves in part: PHI-1 (no embedded widget, and no channel that vouches for people, is there yet)
#[tokio::test]
async fn a_forwarded_link_gives_its_sender_nothing() {
    let world = World::with(Files::examples().organization("other")).await;
    let mut broken = BTreeMap::new();
    for channel in [Channel::WebChat, Channel::DirectLine] {
        for victim in [Victim::NoChat, Victim::OwnChat, Victim::OwnChatElsewhere] {
            let [within, after] = forwarded(&world, channel, victim).await;
            for (when, wrong) in [("within", within), ("after", after)] {
                if !wrong.is_empty() {
                    broken.insert(format!("{channel:?}, {victim:?}, {when}"), wrong);
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "{} of 12 rows are broken: {broken:#?}",
        broken.len()
    );
}

/// Proves in part: PHI-1 (no embedded widget, and no channel that vouches for people, is there yet)
#[tokio::test]
async fn whoever_asked_is_signed_in_by_the_chats_browser_or_by_the_code_and_the_proof_is_stored() {
    let world = World::new().await;
    for channel in [Channel::WebChat, Channel::DirectLine] {
        let mut chat = channel.open(&world, "explain").await;
        let page = chat.sign_in("ann").await;
        let expected = match channel {
            Channel::WebChat => {
                json!({ "same_browser": true, "chat_browser": true, "code": false })
            }
            Channel::DirectLine => {
                assert_eq!(chat.said().await, Vec::<String>::new());
                chat.say(&page.shown_code().unwrap()).await;
                json!({ "same_browser": true, "chat_browser": false, "code": true })
            }
        };
        assert_eq!(chat.said().await, [GREETING], "{channel:?}");
        let grants = snapshot(&world, &chat).await.grants;
        let grant = world.store().grants.load(&acme(), grants[0].id).await;
        let proofs: Value = grant.unwrap().unwrap().proofs.read().unwrap();
        assert_eq!(proofs, expected, "{channel:?}");
    }
}

/// What a browser is shown: status, headers, body.
fn page(answer: &Answer) -> (u16, String, String) {
    (
        answer.status,
        format!("{:?}", answer.headers),
        answer.text(),
    )
}

/// Proves: PHI-2
#[tokio::test]
async fn a_link_is_one_random_id_and_altered_in_any_byte_it_is_an_unknown_one() {
    let world = World::new().await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "explain").await;
    let link = chat.prompt().await.link;
    let id = link
        .strip_prefix(&format!("{PUBLIC_URL}/sign-in/"))
        .unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(id).unwrap().len(), 32, "256 bits");
    let mut another = world.browser().chat("acme", "explain").await;
    let other = another.prompt().await.link;
    assert_ne!(link, other);

    world.stop_work();
    let unknown = URL_SAFE_NO_PAD.encode([9; 32]);
    let unknown = page(&browser.get(&format!("/sign-in/{unknown}")).await);
    assert_eq!(unknown.0, 410);
    let mut altered = Vec::new();
    for at in 0..id.len() {
        // Every byte at both ends and in the middle, and elsewhere those that mean something in an address.
        let bytes: Vec<u8> = match at {
            0 | 21 | 42 => (0..=255).collect(),
            _ => b"/.%?#;:+ ~\0A_\xff".to_vec(),
        };
        let own = id.as_bytes()[at];
        for byte in bytes.into_iter().filter(|byte| *byte != own) {
            let (before, after) = (&id[..at], &id[at + 1..]);
            altered.push(format!("{before}%{byte:02x}{after}"));
            if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
                altered.push(format!("{before}{}{after}", char::from(byte)));
            }
        }
        altered.push(format!("{}{}", &id[..at], &id[at + 1..]));
        altered.push(format!("{}A{}", &id[..at], &id[at..]));
    }
    altered.extend(["%", "x/y", "..", "."].map(|end| format!("{id}{end}")));
    for id in altered {
        let shown = page(&browser.get(&format!("/sign-in/{id}")).await);
        assert_eq!(shown, unknown, "{id}");
    }
    assert_eq!(attempt(&world, &link).await.state, AttemptState::Open);

    // Nothing that is added to the link counts for anything.
    let stranger = world.browser();
    let plain = stranger.get(&link).await;
    let added = stranger.get(&format!("{link}?user=ann&token=x#y")).await;
    assert_eq!(page(&added), page(&plain));
    assert_eq!(attempt(&world, &link).await.state, AttemptState::Open);
}

/// Proves: PHI-3
#[tokio::test]
async fn the_providers_address_is_in_no_message_card_or_variable() {
    let world = World::new().await;
    let host = ISSUER.strip_prefix("https://").unwrap();
    for agent in ["again", "claims", "elsewhere", "explain", "travel"] {
        for channel in [Channel::WebChat, Channel::DirectLine] {
            for way in ["sign in", "cancel", "wait", "refuse"] {
                let mut chat = channel.open(&world, agent).await;
                let mut states = json!(world.session(&chat).await).to_string();
                match way {
                    "cancel" => chat.say("cancel").await,
                    "wait" => world.advance(301).await,
                    way => {
                        let person = if way == "refuse" { "carol" } else { "ann" };
                        let page = chat.sign_in(person).await;
                        if let Some(code) = page.shown_code() {
                            chat.say(&code).await;
                        }
                    }
                }
                states += &json!(world.session(&chat).await).to_string();
                let said = json!(chat.activities().await).to_string();
                assert!(said.contains("/sign-in/"), "{agent}: there was a card");
                let what = format!("{agent}, {channel:?}, {way}");
                assert!(!said.contains(host), "{what}");
                // A claim may name the issuer; the way there is in no variable.
                for part in ["client_id", "code_challenge", "/authorize"] {
                    assert!(!(said.clone() + &states).contains(part), "{what}: {part}");
                }
            }
        }
    }
}

/// Proves: PHI-4
#[tokio::test]
async fn looking_at_a_link_changes_nothing_and_a_prefetch_starts_nothing() {
    let world = World::new().await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "explain").await;
    let link = chat.prompt().await.link;
    let before = (attempt(&world, &link).await, world.session(&chat).await);

    for n in 0..20 {
        let method = if n % 2 == 0 { "GET" } else { "HEAD" };
        let answer = world.send(Call::new(method, &link)).await;
        assert_eq!((answer.status, answer.location()), (200, None));
        let counts = |cookie: &&str| !cookie.starts_with("__Host-form=");
        assert!(!answer.set_cookies().iter().any(counts));
    }
    for (name, value) in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("sec-purpose", "prefetch;anonymous-client-ip"),
        ("purpose", "prefetch"),
        ("purpose", "preview"),
        ("x-purpose", "preview"),
        ("x-moz", "prefetch"),
    ] {
        let answer = browser.send(Call::get(&link).header(name, value)).await;
        assert_eq!(
            (answer.status, answer.location()),
            (200, None),
            "{name}: {value}"
        );
    }
    let answer = browser.send(Call::new("HEAD", &link)).await;
    assert_eq!((answer.status, answer.location()), (200, None));

    // A form that is no answer to this browser's own confirmation page.
    let stranger = world.browser();
    let page = stranger.get(&link).await;
    let csrf = page.between("name=\"csrf\" value=\"", "\"").unwrap();
    let form = [("csrf", csrf.as_str()), ("decision", "continue")];
    let same = ("sec-fetch-site", "same-origin");
    let cross = ("sec-fetch-site", "cross-site");
    let evil = ("origin", "https://evil.example");
    let forged = [
        (&stranger, &form[..], cross),
        (&stranger, &form[..], evil),
        (&stranger, &form[1..], same),
        (&stranger, &[("csrf", "x"), form[1]][..], same),
        (&world.browser(), &form[..], same),
    ];
    for (browser, form, (name, value)) in forged {
        let answer = browser
            .send(Call::post(&link).form(form).header(name, value))
            .await;
        assert_eq!(answer.status, 403, "{form:?} {name}: {value}");
    }
    let after = (attempt(&world, &link).await, world.session(&chat).await);
    assert_eq!(after, before);
    assert_eq!(world.provider().count(Endpoint::Authorize), 0);

    let page = browser.sign_in(&link, "ann").await;
    assert_eq!(page.title(), "You are signed in");
    assert_eq!(chat.said().await, [GREETING]);
}

/// A link that somebody who calls themselves so asked for in a chat of a customer's own page.
async fn asked_by(world: &World, name: &str) -> String {
    let secret = world.direct_line_secret("acme", "explain").await;
    let start = Call::post("/v3/directline/conversations")
        .bearer(&secret)
        .json(&json!({ "user": { "id": name } }));
    let joined = world.send(start).await.json();
    let id = joined["conversationId"].as_str().unwrap();
    let address = format!("/v3/directline/conversations/{id}/activities");
    let read = Call::get(&address).bearer(joined["token"].as_str().unwrap());
    let said = world.send(read).await.text();
    let (_, rest) = said.split_once("/sign-in/").unwrap();
    format!("/sign-in/{}", rest.split('"').next().unwrap())
}

/// The confirmation page's own part, without what is random.
fn main_part(page: &Answer, link: &str) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("<main").unwrap();
    let (main, _) = rest.split_once("</main>").unwrap();
    let csrf = page.between("name=\"csrf\" value=\"", "\"").unwrap();
    let id = link.rsplit('/').next().unwrap();
    main.replace(id, "LINK").replace(&csrf, "CSRF")
}

/// Proves: PHI-5
#[tokio::test]
async fn the_confirmation_page_says_who_asks_for_what_where_and_when() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "travel").await;
    let link = chat.prompt().await.link;
    let page = world.browser().get(&link).await;
    insta::assert_snapshot!("confirmation_web_chat", main_part(&page, &link));

    let link = asked_by(&world, "Ann from IT").await;
    world.advance(30).await;
    // A provider where the person is signed in already skips nothing.
    world.provider().sign_in_as(Some("ann"));
    let page = world.browser().get(&link).await;
    insta::assert_snapshot!("confirmation_direct_line", main_part(&page, &link));
}

/// Proves: PHI-5
#[tokio::test]
async fn hostile_names_are_shown_as_short_plain_text_or_not_at_all() {
    let world = World::new().await;
    for (name, shown) in [
        (
            "<script>alert(1)</script>",
            Some("<script>alert(1)</script>"),
        ),
        (
            "</bdi></strong><a href=//evil.example>",
            Some("</bdi></strong><a href=//evil.example>"),
        ),
        (
            "\" onmouseover=\"alert(1)",
            Some("\" onmouseover=\"alert(1)"),
        ),
        (
            "https://evil.example/help",
            Some("https://evil.example/help"),
        ),
        ("Ann\u{202e}gnp.exe", Some("Anngnp.exe")),
        ("\u{2066}Ann\u{2069}\u{200f}", Some("Ann")),
        ("Ann\nYour bank\r\n\tasks\0", Some("AnnYour bankasks")),
        ("Ann\u{2028}Your\u{2029}bank\u{feff}", Some("AnnYourbank")),
        ("{{ 7 * 7 }}{% raw %}", Some("{{ 7 * 7 }}{% raw %}")),
        (&"x".repeat(64), Some(&"x".repeat(64))),
        (&"x".repeat(10_000), None),
        ("", None),
    ] {
        let link = asked_by(&world, name).await;
        let page = world.browser().get(&link).await;
        let given = page.between("<strong class=\"given\"><bdi>", "</bdi>");
        assert_eq!(given.as_deref(), shown, "{name:?}");
        let text = page.text();
        for live in [
            "<script>",
            "<a href=//",
            "\u{202e}",
            "\u{2066}",
            "onmouseover=\"",
            "49",
        ] {
            assert!(!text.contains(live), "{name:?}: {live:?}");
        }
        assert!(text.len() < 8_000, "{name:?}");
    }
}

/// Proves: PHI-5
#[tokio::test]
async fn i_did_not_ask_for_this_kills_the_attempt_and_is_written_down() {
    let world = World::new().await;
    let (log, _guard) = Logged::begin();
    let mut chat = world.direct_line("acme", "explain").await;
    let link = chat.prompt().await.link;
    let victim = world.browser();
    let page = victim.get(&link).await;
    let told = victim.decide(&page, "report").await;
    assert_eq!(told.title(), "Thank you for telling us");
    let failed = attempt(&world, &link).await;
    assert_eq!(failed.reason.as_deref(), Some("reported"));
    let lines = log.take("signin.reported");
    assert!(
        matches!(lines.as_slice(), [written] if written.contains(&failed.id.to_string())),
        "{lines:?}"
    );
    assert_eq!(chat.said().await.len(), 1, "the flow goes its other way");
    assert_eq!(victim.get(&link).await.status, 410);
    assert_eq!(world.provider().count(Endpoint::Authorize), 0);
}

/// Proves in part: PHI-7 (the person in the chat is not told)
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_browsers_on_one_link_exactly_one_reaches_the_provider() {
    let world = World::new().await;
    let second = world.beside();
    for round in 0..20 {
        let mut chat = world.direct_line("acme", "explain").await;
        let link = chat.prompt().await.link;
        let deadline = attempt(&world, &link).await.deadline;
        world.advance(1).await;
        let node = if round % 2 == 0 { &world } else { &second };
        let jars = [world.browser(), node.browser()];
        let race = jars.clone().map(|jar| {
            let link = link.clone();
            tokio::spawn(async move { jar.set_out(&link).await })
        });
        let mut outcomes = Vec::new();
        for outcome in race {
            outcomes.push(outcome.await.unwrap());
        }
        let winner = outcomes
            .iter()
            .position(|outcome| matches!(outcome, SetOut::Provider(_)))
            .unwrap();
        let loser = outcomes.remove(1 - winner).page();
        let elsewhere = (409, "This link is open in another browser");
        assert_eq!((loser.status, loser.title().as_str()), elsewhere);
        let late = jars[1 - winner].set_out(&link).await.page();
        assert_eq!((late.status, late.title().as_str()), elsewhere);
        let claimed = attempt(&world, &link).await;
        assert_eq!(claimed.deadline, deadline, "claiming extends nothing");

        let address = outcomes.remove(0).provider();
        let callback = world.at_provider(&address, "ann").unwrap();
        let page = jars[winner].come_back(&callback).await;
        assert!(page.shown_code().is_some(), "{}", page.title());
    }
}

/// A conversation without a browser, its link, and the browser that signed in and is shown the code.
async fn awaiting_code(world: &World) -> (Chat, String, Browser, String) {
    let mut chat = world.direct_line("acme", "explain").await;
    let link = chat.prompt().await.link;
    let browser = world.browser();
    let page = browser.sign_in(&link, "ann").await;
    let code = page.shown_code().unwrap();
    chat.said().await;
    (chat, link, browser, code)
}

/// A code that is not this one.
fn wrong(code: &str) -> String {
    let first = if code.starts_with('B') { 'C' } else { 'B' };
    format!("{first}{}", &code[1..])
}

const WRONG: &str = "That code is not right. Please look at the sign-in page once more;";

/// Proves in part: PHI-8 (wrong codes are not counted per person and hour, nor over many attempts)
#[tokio::test]
async fn a_code_counts_only_in_its_own_conversation_and_after_the_callback() {
    let world = World::new().await;
    // Before the callback there is none, and what looks like one is neither counted nor compared.
    let mut early = world.direct_line("acme", "explain").await;
    let link = early.prompt().await.link;
    let browser = world.browser();
    let address = browser.set_out(&link).await.provider();
    early.say("BCDF-GHJK").await;
    assert_eq!(attempt(&world, &link).await.tries, 0);
    assert_eq!(signs(&world, &mut early).await, Vec::<&str>::new());
    let callback = world.at_provider(&address, "ann").unwrap();
    let page = browser.come_back(&callback).await;
    let code = page.shown_code().unwrap();
    assert_eq!(code.len(), 8);

    // The right code in conversations of others: one that awaits none, one that awaits its own.
    let mut idle = world.direct_line("acme", "explain").await;
    let (mut other, other_link, _, other_code) = awaiting_code(&world).await;
    assert_ne!(code, other_code);
    idle.say(&code).await;
    other.say(&code).await;
    assert_eq!(other.said().await, [format!("{WRONG} 4 tries are left.")]);
    assert_eq!(attempt(&world, &other_link).await.tries, 1, "counted");
    for chat in [&mut early, &mut idle, &mut other] {
        assert_eq!(signs(&world, chat).await, Vec::<&str>::new());
    }
    let held = attempt(&world, &link).await;
    assert_eq!((held.state, held.tries), (AttemptState::Quarantined, 0));

    // In its own one it counts in any case, with blanks and hyphens.
    let lower = code.to_lowercase();
    early
        .say(&format!(
            " {} – {}-{} ",
            &lower[..3],
            &lower[3..5],
            &lower[5..]
        ))
        .await;
    assert_eq!(early.said().await, [GREETING]);
}

/// Proves in part: PHI-8 (wrong codes are not counted per person and hour, nor over many attempts)
#[tokio::test]
async fn after_five_wrong_codes_the_right_one_is_refused() {
    let world = World::new().await;
    for wrong_ones in [4, 5] {
        let (mut chat, link, browser, code) = awaiting_code(&world).await;
        for _ in 0..wrong_ones {
            chat.say(&wrong(&code)).await;
        }
        chat.said().await;
        chat.say(&code).await;
        let ended = attempt(&world, &link).await;
        if wrong_ones < 5 {
            assert_eq!(chat.said().await, [GREETING]);
            continue;
        }
        assert_eq!(chat.said().await, Vec::<String>::new());
        assert_eq!(signs(&world, &mut chat).await, Vec::<&str>::new());
        assert_eq!(ended.reason.as_deref(), Some("wrong_code"));
        let page = browser.get(&format!("/signed-in/acme/{}", ended.id)).await;
        assert_eq!(page.title(), "The code was wrong too often");
    }
}

/// Proves in part: PHI-8 (wrong codes are not counted per person and hour, nor over many attempts)
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_wrong_codes_at_once_count_exactly_five() {
    let world = World::new().await;
    let second = world.beside();
    let (mut chat, link, _, code) = awaiting_code(&world).await;
    let given = world.tokens();
    let mut posts = tokio::task::JoinSet::new();
    for n in 0..50 {
        let node = if n % 2 == 0 { &world } else { &second }.clone();
        let post = Call::post(&chat.address("activities"))
            .bearer(&chat.token)
            .json(&json!({ "type": "message", "text": wrong(&code) }));
        posts.spawn(async move { node.send(post).await });
    }
    let answers = posts.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    world.settle().await;
    let ended = attempt(&world, &link).await;
    assert_eq!((ended.state, ended.tries), (AttemptState::Failed, 5));
    let said = chat.said().await;
    let told = "The sign-in did not work (wrong_code). Our people have been told.";
    assert_eq!(said.iter().filter(|words| *words == told).count(), 1);
    chat.say(&code).await;
    assert_eq!(signs(&world, &mut chat).await, Vec::<&str>::new());
    assert!(!lives(&world, &given[0]));
}

/// Proves: PHI-10
#[tokio::test]
async fn tokens_in_quarantine_are_nowhere_to_be_read_and_are_revoked_when_it_ends() {
    let world = World::new().await;
    for ending in ["expiry", "cancel", "wrong codes"] {
        let (mut chat, link, browser, code) = awaiting_code(&world).await;
        let held = attempt(&world, &link).await;
        let quarantined = || async {
            let store = world.store().sign_ins;
            store.quarantined(&acme(), held.id).await.unwrap()
        };
        assert!(quarantined().await.is_some());
        let access = world.tokens().into_iter().rev().nth(2).unwrap();
        assert!(lives(&world, &access));
        assert_eq!(signs(&world, &mut chat).await, Vec::<&str>::new());
        // Half an hour would renew whatever can be renewed; here it may be a minute.
        world.advance(60).await;
        assert_eq!(signs(&world, &mut chat).await, Vec::<&str>::new());
        let page = browser.get(&format!("/signed-in/acme/{}", held.id)).await;
        assert_eq!(page.title(), "One more step");
        let asked = |purpose| world.sent().iter().filter(|s| s.purpose == purpose).count();
        assert_eq!((asked(Purpose::UserInfo), asked(Purpose::Api)), (0, 0));

        let revocations = asked(Purpose::Revocation);
        match ending {
            "expiry" => end_by_itself(&world, &mut chat, held.deadline).await,
            "cancel" => chat.say("cancel").await,
            _ => {
                for _ in 0..5 {
                    chat.say(&wrong(&code)).await;
                }
            }
        }
        assert_eq!(asked(Purpose::Revocation), revocations + 2, "{ending}");
        assert!(!lives(&world, &access), "{ending}");
        assert_eq!(quarantined().await, None, "{ending}: the row is gone");
        assert_eq!(signs(&world, &mut chat).await, Vec::<&str>::new());
        world.provider().forget_seen();
    }
}

/// Lets the server's own loops work until 5 seconds after the deadline; by then the provider must know.
async fn end_by_itself(world: &World, chat: &mut Chat, deadline: Timestamp) {
    world.stop_work();
    let stop = CancellationToken::new();
    let workers = world.spawn_workers(&stop);
    let revoked = || {
        let sent = world.sent().into_iter();
        let revoked = sent.filter(|sent| sent.purpose == Purpose::Revocation);
        revoked.count()
    };
    world.set_clock(deadline - SignedDuration::from_secs(1));
    for _ in 0..50 {
        chat.activities().await;
    }
    assert_eq!(revoked(), 0, "a second before");
    // The clock stops here: whatever happens, happens in time.
    world.set_clock(deadline + SignedDuration::from_secs(5));
    for _ in 0..5_000 {
        chat.activities().await;
        if revoked() == 2 {
            break;
        }
    }
    assert_eq!(revoked(), 2, "five seconds after");
    stop.cancel();
    workers.await.unwrap();
    world.go_on_working();
}

/// Proves in part: PHI-11 (that signing out is offered is the page's)
#[tokio::test]
async fn an_attackers_own_callback_in_the_victims_browser_connects_nobody() {
    let world = World::new().await;
    for channel in [Channel::WebChat, Channel::DirectLine] {
        let mut attacker = channel.open(&world, "explain").await;
        let link = attacker.prompt().await.link;
        let address = attacker.browser().set_out(&link).await.provider();
        let callback = world.at_provider(&address, "ben").unwrap();
        let browser = world.browser();
        let mut victim = browser.chat("acme", "explain").await;
        victim.said().await;
        let before = world.session(&victim).await;

        let page = browser.come_back(&callback).await;
        assert_eq!(page.title(), "This sign-in has ended");
        assert_eq!(world.session(&victim).await, before);
        for chat in [&mut attacker, &mut victim] {
            assert_eq!(signs(&world, chat).await, Vec::<&str>::new());
        }
        assert_eq!(world.provider().count(Endpoint::Token), 0);

        // Who did sign in is told by the chat: the account, as a text and no more.
        browser.sign_in(&victim.prompt().await.link, "ann").await;
        world.provider().forget_seen();
        assert_eq!(victim.status().await["account"], "ann@people.example");
    }
}

const REPEATS: &str = "  - id: who
    sign_in: { connection: corp }
    on_exception: heard
  - id: heard
    ask: { text: \"heard <{{ Conversation.LastMessage }}>\", into: answer }";

/// Proves in part: PHI-12 (the language models and the pages of the monitor are not there yet)
#[tokio::test]
async fn a_typed_code_is_in_no_activity_step_state_row_or_log() {
    let world =
        World::with(Files::acme().agent("probe", "variables: { answer: null }", REPEATS)).await;
    let (log, _guard) = Logged::begin();
    for typed_right in [false, true] {
        let mut chat = world.direct_line("acme", "probe").await;
        let page = chat.sign_in("ann").await;
        let code = page.shown_code().unwrap();
        let typed = if typed_right {
            code.clone()
        } else {
            wrong(&code)
        };
        let shown = format!("{}-{}", &typed[..4], typed[4..].to_lowercase());
        // Clients put what was typed into many a member.
        let activity = json!({
            "type": "message", "text": shown, "value": { "typed": shown }, "speak": shown,
            "summary": shown, "textFormat": "plain", "locale": "en", "name": shown,
            "entities": [{ "type": "ClientCapabilities", "text": shown }],
            "attachments": [{ "contentType": "text/plain", "content": shown }],
            "suggestedActions": { "actions": [{ "value": shown }] },
            "channelData": { "clientActivityID": "abc", "postBack": true, "text": shown },
            "label": shown, "inputHint": shown, "x": { "y": [shown] },
        });
        assert_eq!(chat.post(&activity).await.status, 200);
        let answer = if typed_right { "heard <>" } else { WRONG };
        let said = chat.said().await;
        assert!(
            matches!(said.as_slice(), [words] if words.starts_with(answer)),
            "{said:?}"
        );

        let mut seen = json!(chat.activities().await).to_string();
        assert!(seen.contains("••••-••••"), "the bubble stays");
        assert!(
            seen.contains("\"clientActivityID\":\"abc\""),
            "and finds its place"
        );
        seen += &json!(world.session(&chat).await).to_string();
        for step in world.steps(&chat).await {
            write!(seen, "{}", json!(step)).unwrap();
        }
        for answered in world.answered() {
            // The page that shows the code is the one place.
            if !answered.contains("class=\"code\"") {
                seen += &answered;
            }
        }
        seen += &log.take("").join("\n");
        seen += &String::from_utf8_lossy(&world.database());
        let seen = seen.to_uppercase().replace('-', "");
        assert!(!seen.contains(&typed), "typed right: {typed_right}");
        assert!(!seen.contains(&code));
    }
}

/// Steps of one of three things that go on at once.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// After so many turns of the others.
    After(u32),
    /// As soon as the provider has given tokens.
    OnceTokensCame,
    /// When the browser that came back has its answer.
    Last,
}

impl Start {
    async fn wait(self, world: &World, given: usize, answered: &AtomicBool) {
        match self {
            Self::After(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            }
            Self::OnceTokensCame => {
                // If something else ends the attempt first, no token ever comes.
                for _ in 0..2_000 {
                    if world.tokens().len() > given {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            }
            Self::Last => {
                while !answered.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        // Knuth's MMIX generator; its upper bits are good enough to choose a schedule.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % sides
    }

    /// Anything from at once to long after the others are done.
    fn after(&mut self) -> Start {
        Start::After(1 << self.roll(11))
    }

    fn start(&mut self) -> Start {
        match self.roll(5) {
            0 => Start::OnceTokensCame,
            1 => Start::After(0),
            2 | 3 => Start::Last,
            _ => self.after(),
        }
    }
}

/// Says how the sign-in ended, and nothing else whatever comes then.
const TELLS: &str = "  - id: who
    sign_in: { connection: corp }
    on_exception: failed
  - id: done
    ask: { text: done, into: answer }
    next: end
  - id: failed
    ask: { text: \"{{ SystemError.Code }}\", into: answer }
    next: end";

/// Races cancel, expiry and completion; gives what the person was told, and whether tokens came.
async fn raced(world: &World, seed: u64) -> (String, bool) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let browser = world.browser();
    let mut chat = browser.chat("acme", "tells").await;
    let link = chat.prompt().await.link;
    let address = browser.set_out(&link).await.provider();
    let callback = world.at_provider(&address, "ann").unwrap();
    for (name, value) in browser.cookies() {
        // A clock that is wrong keeps it for too long.
        browser.plant_cookie(&name, &value);
    }
    chat.said().await;
    let open = attempt(world, &link).await;
    let given = world.tokens().len();
    let [cancels, expires] = [dice.start(), dice.start()];
    let completes = dice.after();
    let answered = AtomicBool::new(false);

    let cancel = async {
        cancels.wait(world, given, &answered).await;
        let words = json!({ "type": "message", "text": "cancel" });
        assert_eq!(chat.post(&words).await.status, 200);
    };
    let expire = async {
        expires.wait(world, given, &answered).await;
        world.set_clock(open.deadline);
        world.settle().await;
    };
    let complete = async {
        completes.wait(world, given, &answered).await;
        browser.get(&callback).await;
        answered.store(true, Ordering::SeqCst);
    };
    match dice.roll(3) {
        0 => drop(tokio::join!(cancel, expire, complete)),
        1 => drop(tokio::join!(complete, cancel, expire)),
        _ => drop(tokio::join!(expire, complete, cancel)),
    }
    world.set_clock(open.deadline);
    world.settle().await;

    let schedule = format!("seed {seed}: {cancels:?}, {expires:?}, {completes:?}");
    let mut said = chat.said().await;
    assert_eq!(said.len(), 1, "{schedule}: exactly one outcome: {said:?}");
    let said = said.remove(0);
    let ended = attempt(world, &link).await;
    let signed_in = said == "done";
    assert_eq!(
        ended.state == AttemptState::Released,
        signed_in,
        "{schedule}"
    );
    assert!(ended.state.is_finished(), "{schedule}: {said}");
    let status = chat.status().await;
    assert_eq!(status["signed_in"], signed_in, "{schedule}");
    let held = world.store().sign_ins.quarantined(&acme(), ended.id).await;
    assert_eq!(held.unwrap(), None, "{schedule}");
    let tokens = world.tokens()[given..].to_vec();
    for access in tokens.iter().step_by(3) {
        assert_eq!(lives(world, access), signed_in, "{schedule}");
    }
    (said, !tokens.is_empty())
}

/// Proves: PHI-15
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn of_cancel_expiry_and_completion_exactly_one_happens_in_every_order() {
    let mut outcomes: BTreeMap<(String, bool), u32> = BTreeMap::new();
    let files = Files::acme().agent("tells", "variables: { answer: null }", TELLS);
    let world = World::with(files).await;
    for seed in 0..240 {
        *outcomes.entry(raced(&world, seed).await).or_default() += 1;
    }
    assert_eq!(outcomes.values().sum::<u32>(), 240);
    // Each outcome was met, and a completion that lost when its tokens were there already.
    let met = |said: &str, tokens: bool| outcomes.contains_key(&(said.to_owned(), tokens));
    assert!(met("done", true), "{outcomes:?}");
    assert!(met("cancelled", false), "{outcomes:?}");
    assert!(met("timeout", false), "{outcomes:?}");
    let lost = met("cancelled", true) || met("timeout", true);
    assert!(lost, "{outcomes:?}");
}

/// Proves: PHI-15
#[tokio::test]
async fn a_timer_that_fires_late_ends_nothing_that_came_after_it_was_found() {
    let files = Files::acme().agent("tells", "variables: { answer: null }", TELLS);
    let world = World::with(files).await;
    let timers = world.restart_to_hold_timers().await;
    let mut chat = world.browser().chat("acme", "tells").await;
    let link = chat.prompt().await.link;
    let deadline = attempt(&world, &link).await.deadline;
    world.stop_work();

    // A clock that is ahead finds the timer; before it fires, the person has signed in.
    world.set_clock(deadline);
    let firing = {
        let world = world.clone();
        tokio::spawn(async move { world.settle().await })
    };
    timers.found().await;
    world.set_clock(deadline - SignedDuration::from_secs(5));
    assert_eq!(chat.sign_in("ann").await.title(), "You are signed in");
    timers.let_go();
    firing.await.unwrap();

    assert_eq!(chat.said().await, ["done"]);
    assert_eq!(chat.status().await["signed_in"], true);
    assert_eq!(snapshot(&world, &chat).await.grants.len(), 1);
    assert!(lives(&world, &world.tokens()[0]));
}

/// Texts of a provider, each with a word that must come up nowhere.
fn hostile_texts() -> Vec<String> {
    vec![
        "zzmark<script>alert(1)</script>".to_owned(),
        "zzmark\u{1b}[2J\u{1b}[31mred".to_owned(),
        "zzmark\r\nSet-Cookie: a=b\r\n\r\n<h1>".to_owned(),
        "zzmark{{ 7 * 7 }}".to_owned(),
        format!("zzmark{}", "A".repeat(1024 * 1024)),
    ]
}

/// An error code may be logged: short, marked as the provider's, and without anything that steers a terminal.
fn assert_loggable(line: &str, place: &str) {
    assert!(!line.chars().any(char::is_control), "{place}: {line:?}");
    if let Some((before, words)) = line.split_once("zzmark") {
        assert!(place.ends_with("error"), "no description: {line:?}");
        assert!(before.ends_with("the provider answered `"), "{line:?}");
        assert!(words.find('`').is_some_and(|end| end <= 64), "{line:?}");
    }
}

/// Proves in part: PAG-6 (an administrator is never shown the provider's description, only its error code in the log)
#[tokio::test]
async fn a_providers_words_are_shown_to_nobody() {
    let world = World::new().await;
    let (log, _guard) = Logged::begin();
    for text in hostile_texts() {
        for place in [
            "error",
            "error_description",
            "error_uri",
            "token error",
            "token description",
        ] {
            let mut chat = world.direct_line("acme", "explain").await;
            let link = chat.prompt().await.link;
            let browser = world.browser();
            let address = browser.set_out(&link).await.provider();
            let is_callback = place.starts_with("error");
            let too_long = is_callback && text.len() > 8_000;
            // A test cannot send an address longer than this; 8 kB are too long already.
            let text = &text[..text
                .len()
                .min(if is_callback { 60_000 } else { usize::MAX })];
            let known = |wanted: &str, other: &str| {
                let chosen = if place == wanted { text } else { other };
                chosen.to_owned()
            };
            let refusal = Fault::Http(
                Endpoint::Token,
                Http::Refusal {
                    status: 400,
                    error: known("token error", "invalid_grant"),
                    description: known("token description", "no"),
                },
            );
            if is_callback {
                world.provider().faults.once(Callback::Refusal {
                    error: known("error", "access_denied"),
                    description: known("error_description", "no"),
                });
            } else {
                world.provider().faults.once(refusal);
            }
            let mut callback = world.at_provider(&address, "ann").unwrap();
            if place == "error_uri" {
                let value: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
                write!(callback, "&error_uri={value}").unwrap();
            }
            let page = if too_long {
                let answer = browser.get(&callback).await;
                assert_eq!(answer.status, 414);
                answer
            } else {
                browser.come_back(&callback).await
            };
            let mut seen = page.text();
            seen += &json!(chat.activities().await).to_string();
            seen += &json!(world.session(&chat).await).to_string();
            for step in world.steps(&chat).await {
                seen += &json!(step).to_string();
            }
            let what = &text[..text.len().min(30)];
            for part in ["zzmark", "<script>alert", "\u{1b}", "AAAAAAAA"] {
                assert!(!seen.contains(part), "{place}: {what:?}: {part:?}");
            }
            let lines = log.take("");
            assert!(
                too_long || !lines.is_empty(),
                "{place}: the log says something"
            );
            for line in &lines {
                assert_loggable(line, place);
            }
            assert_eq!(page.header("set-cookie"), None);
            if !too_long {
                let title = match place {
                    "error_description" | "error_uri" => "You did not sign in",
                    // So large an answer is not read to its end.
                    _ if text.len() > 256 * 1024 => "The sign-in service does not answer",
                    _ => "The sign-in did not work",
                };
                assert_eq!(page.title(), title, "{place}: {what:?}");
            }
        }
    }
}

/// Proves in part: PAG-7 (how long an answer takes is not measured)
#[tokio::test]
async fn unknown_foreign_expired_and_finished_attempts_show_one_page() {
    let world = World::with(Files::examples().organization("other")).await;
    let mut ways = Vec::new();
    for way in ["foreign", "expired", "cancelled", "finished", "refused"] {
        let browser = world.browser();
        let mut chat = browser.chat("acme", "explain").await;
        let link = chat.prompt().await.link;
        let address = browser.set_out(&link).await.provider();
        let person = if way == "refused" { "carol" } else { "ann" };
        let callback = world.at_provider(&address, person).unwrap();
        match way {
            "expired" => world.advance(121).await,
            "cancelled" => chat.say("cancel").await,
            "finished" | "refused" => drop(browser.come_back(&callback).await),
            _ => {}
        }
        ways.push((way, link, callback));
    }
    let stranger = world.browser();
    let id = attempt(&world, &ways[0].1).await.id.to_string();
    let flip = |text: &str| {
        let last = if text.ends_with('2') { '3' } else { '2' };
        format!("{}{last}", &text[..text.len() - 1])
    };
    let ended = page(
        &stranger
            .get(&format!("/signed-in/acme/{}", flip(&id)))
            .await,
    );
    assert_eq!(ended.0, 410);
    let unknown_link = page(&stranger.get(&flip(&ways[0].1)).await);
    let redirect = page(
        &stranger
            .get("/oauth-callback/acme/corp?code=a&state=b")
            .await,
    );
    assert_eq!(redirect.0, 303);
    for path in [
        "/signed-in",
        "/signed-in/acme/x",
        "/signed-in/A%20B/x",
        "/signed-in/nobody/x",
    ] {
        assert_eq!(page(&stranger.get(path).await), ended, "{path}");
    }
    for (way, link, _) in &ways {
        let id = attempt(&world, link).await.id;
        for path in ["acme", "other", "nobody"].map(|name| format!("/signed-in/{name}/{id}")) {
            assert_eq!(page(&stranger.get(&path).await), ended, "{way}: {path}");
        }
        // One that still waits is told to be open elsewhere (PHI-7).
        if *way != "foreign" {
            assert_eq!(page(&stranger.get(link).await), unknown_link, "{way}");
        }
    }
    // Callbacks last: one with a code in the wrong browser ends what it meets.
    let (_, query) = ways[0].2.split_once('?').unwrap();
    for path in ["other/corp", "acme/nothing", "nobody/corp", "A%20B/corp"] {
        let answer = stranger
            .get(&format!("/oauth-callback/{path}?{query}"))
            .await;
        assert_eq!(page(&answer), redirect, "{path}");
    }
    for (way, _, callback) in &ways {
        assert_eq!(page(&stranger.get(callback).await), redirect, "{way}");
    }
}

/// Proves: TMO-7
#[tokio::test]
async fn a_right_code_after_expiry_or_cancel_has_no_effect() {
    let world = World::new().await;
    for way in ["expiry", "expiry without a timer", "cancel"] {
        let (mut chat, link, browser, code) = awaiting_code(&world).await;
        let deadline = attempt(&world, &link).await.deadline;
        match way {
            "expiry" => {
                let left = deadline.duration_since(world.now());
                world.advance(left.as_secs()).await;
            }
            "cancel" => chat.say("cancel").await,
            _ => {
                world.stop_work();
                world.set_clock(deadline);
            }
        }
        chat.say(&code).await;
        world.go_on_working();
        world.settle().await;
        assert_eq!(signs(&world, &mut chat).await, Vec::<&str>::new(), "{way}");
        let ended = attempt(&world, &link).await;
        assert_eq!(ended.state, AttemptState::Failed, "{way}");
        let access = world.tokens().into_iter().rev().nth(2).unwrap();
        assert!(!lives(&world, &access), "{way}");
        let page = browser.get(&format!("/signed-in/acme/{}", ended.id)).await;
        assert_eq!(page.title(), "This sign-in has ended", "{way}");
        assert_eq!(browser.get(&link).await.status, 410, "{way}");
    }
}

/// Proves: SGN-16
/// Proves in part: BND-2 (one server, which was killed)
#[tokio::test]
async fn a_server_killed_between_code_and_tokens_never_sends_the_code_again_and_a_new_link_works() {
    let world = World::new().await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "again").await;
    let link = chat.prompt().await.link;
    let address = browser.set_out(&link).await.provider();
    let callback = world.at_provider(&address, "ann").unwrap();
    world.silence(Endpoint::Token);
    let lost = {
        let browser = browser.clone();
        tokio::spawn(async move { browser.come_back(&callback).await })
    };
    while world.provider().count(Endpoint::Token) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(attempt(&world, &link).await.state, AttemptState::Exchanging);
    world.restart().await;
    lost.abort();

    let ended = attempt(&world, &link).await;
    assert_eq!(ended.reason.as_deref(), Some("interrupted"));
    assert_eq!(world.provider().count(Endpoint::Token), 1);
    let page = browser.get(&format!("/signed-in/acme/{}", ended.id)).await;
    assert_eq!(page.title(), "The sign-in was interrupted");
    assert_eq!(
        chat.said().await,
        ["That did not work. Shall I send you a new link?"]
    );
    chat.say("Yes").await;
    assert_eq!(chat.sign_in("ann").await.title(), "You are signed in");
    assert_eq!(chat.said().await, ["A place is reserved for Ann Archer."]);
}

/// Proves: SGN-16
#[tokio::test]
async fn a_server_killed_between_quarantine_and_release_releases_at_its_next_start() {
    for (down_s, is_in_time) in [(60, true), (121, false)] {
        let world = World::new().await;
        world.restart_to_crash_before_release().await;
        let browser = world.browser();
        let mut chat = browser.chat("acme", "explain").await;
        let link = chat.prompt().await.link;
        let lost = {
            let (browser, link) = (browser.clone(), link.clone());
            tokio::spawn(async move { browser.sign_in(&link, "ann").await })
        };
        while attempt(&world, &link).await.state != AttemptState::Quarantined {
            tokio::task::yield_now().await;
        }
        assert_eq!(signs(&world, &mut chat).await, Vec::<&str>::new());
        world.set_clock(world.now() + SignedDuration::from_secs(down_s));
        world.restart().await;
        lost.abort();

        let told = if is_in_time { GREETING } else { TOO_SLOW };
        assert_eq!(chat.said().await, [told]);
        assert_eq!(chat.status().await["signed_in"], is_in_time);
        assert_eq!(world.provider().count(Endpoint::Token), 1);
        let access = world.tokens().remove(0);
        assert_eq!(lives(&world, &access), is_in_time, "{down_s} s");
    }
}

/// Proves: SGN-16
#[tokio::test]
async fn a_code_that_was_shown_before_a_restart_still_counts_after_it() {
    let world = World::new().await;
    let (mut chat, link, browser, code) = awaiting_code(&world).await;
    world.restart().await;
    let id = attempt(&world, &link).await.id;
    let page = browser.get(&format!("/signed-in/acme/{id}")).await;
    assert_eq!(page.shown_code().as_deref(), Some(code.as_str()));
    assert_eq!(signs(&world, &mut chat).await, Vec::<&str>::new());
    chat.say(&code).await;
    assert_eq!(chat.said().await, [GREETING]);
}
