//! Whatever breaks outside of the server: providers that are down, slow, lying or gone, malformed
//! requests, broken files, and clients that send half of what they should. Each is a clear error
//! with the right status; nothing hangs, nothing panics, nothing is half done.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use app::{OrganizationName as Organization, Revision};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};
use server::{ConnectionLimits, Options, RequestLimits};
use testkit::{
    Call, Chat, Files, SetOut, World,
    rehearsal::{
        Endpoint, Fault,
        fault::{Http, Json},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

// ---- Providers ----

/// A sign-in that asks every endpoint of a provider, and the API.
const ALL: &str = "  - id: who
    sign_in: { connection: corp, get_user_identity: true }
    on_exception: failed
  - id: call
    http: { connection: corp, get: \"https://api.acme.example/api/trips\", into: answer }
    on_exception: failed
  - id: in
    message: \"in <{{ ChatUser.Email }}>\"
    next: end
  - id: failed
    message: \"failed {{ SystemError.Code }}\"";

fn all() -> Files {
    Files::acme().agent("probe", "variables: { answer: null }", ALL)
}

/// What a person sees last, what their chat is told, and how long it took them.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    title: String,
    told: String,
}

async fn seen(chat: &mut Chat, world: &World) -> Seen {
    let link = chat.prompt().await.link;
    let browser = chat.browser().clone();
    let page = match browser.set_out(&link).await {
        SetOut::Page(page) => page,
        SetOut::Provider(address) => {
            let callback = world.at_provider(&address, "ann").unwrap();
            browser.come_back(&callback).await
        }
    };
    let text = page.text();
    let what_to_do = [
        "Try again",
        "Reload this page",
        "Ask for a new link",
        "close this page",
    ];
    let says_so = what_to_do.iter().any(|what| text.contains(what));
    assert!(says_so, "what is the person to do? {text}");
    Seen {
        status: page.status,
        title: page.title(),
        told: chat.said().await.pop().unwrap_or_default(),
    }
}

const IN: (u16, &str, &str) = (200, "You are signed in", "in <ann@people.example>");
const ASK_LATER: (u16, &str, &str) = (503, "The sign-in service does not answer", "");
const DOWN: (u16, &str, &str) = (
    200,
    "The sign-in service does not answer",
    "failed provider_down",
);
const WRONG: (u16, &str, &str) = (200, "The sign-in did not work", "failed provider_error");

/// The same with other words in the chat, or another status.
const fn but(told: &'static str) -> (u16, &'static str, &'static str) {
    (IN.0, IN.1, told)
}

/// Lets every fault of the table lie on an endpoint for one sign-in. Whatever comes of it, the chat is
/// not stuck, and a later attempt works.
async fn check(at: Endpoint, table: &[(Fault, (u16, &str, &str))]) {
    let world = World::with(all()).await;
    for (fault, (status, title, told)) in table {
        world.provider().faults.always(fault.clone());
        let begun = world.now();
        let mut chat = world.browser().chat("acme", "probe").await;
        let met = seen(&mut chat, &world).await;
        let expected = Seen {
            status: *status,
            title: (*title).to_owned(),
            told: (*told).to_owned(),
        };
        assert_eq!(met, expected, "{fault:?}");
        let took = world.now().duration_since(begun).as_secs();
        assert!(took <= 10, "{fault:?}: nobody waits {took} s");
        // Only what an API says can leave a sign-in in place.
        let is_in = *title == IN.1;
        assert_eq!(chat.status().await["signed_in"], is_in, "{fault:?}");

        world.provider().faults.clear();
        // A key id that was looked for in vain is not looked for again for a minute (JWK-5).
        world.advance(61).await;
        if !told.is_empty() {
            chat.say("again").await;
        }
        let again = seen(&mut chat, &world).await;
        assert_eq!(
            (again.title.as_str(), again.told.as_str()),
            (IN.1, IN.2),
            "{fault:?}"
        );
        assert_eq!(chat.status().await["signed_in"], true, "{fault:?}");
        // By then metadata and keys are no longer held.
        world.advance(86_401).await;
    }
    assert!(world.provider().count(at) > 0);
    let strangers = world.sent();
    assert!(
        strangers
            .iter()
            .all(|sent| !sent.url.as_str().contains("evil"))
    );
}

/// The ways in which the answer of an endpoint comes to grief on its way.
fn travel(at: Endpoint) -> [Fault; 10] {
    let status = |status, retry_after_s| Http::Status {
        status,
        retry_after_s,
    };
    [
        Http::Unreachable,
        Http::Dropped,
        Http::CutAfter(10),
        Http::Late(SignedDuration::from_secs(31)),
        Http::Dripping,
        Http::Huge(2 * 1024 * 1024),
        status(429, Some(5)),
        status(500, None),
        status(502, None),
        status(503, Some(5)),
    ]
    .map(|fault| Fault::Http(at, fault))
}

/// The ways in which it is none: gone, moved, and four kinds of nonsense.
fn nonsense(at: Endpoint) -> [Fault; 6] {
    [
        Http::Status {
            status: 404,
            retry_after_s: None,
        },
        Http::Redirect("https://evil.example/".to_owned()),
        Http::NotJson,
        Http::Body(Vec::new()),
        Http::Body(b"[]".to_vec()),
        Http::Body(b"{\"a\":1,\"a\":2}".to_vec()),
    ]
    .map(|fault| Fault::Http(at, fault))
}

fn twice(at: Endpoint, member: &str, value: Value) -> Fault {
    Fault::Json(at, Json::Twice(member.to_owned(), value))
}

fn set(at: Endpoint, member: &str, value: Value) -> Fault {
    Fault::Json(at, Json::Set(member.to_owned(), value))
}

fn html(at: Endpoint) -> Fault {
    Fault::Http(at, Http::ContentType("text/html".to_owned()))
}

type Row = (Fault, (u16, &'static str, &'static str));

fn each<const N: usize>(faults: [Fault; N], seen: (u16, &'static str, &'static str)) -> Vec<Row> {
    faults.map(|fault| (fault, seen)).to_vec()
}

/// The link stays good while the provider is out of reach, and ends where its metadata are no good.
#[tokio::test]
async fn without_usable_metadata_nobody_is_sent_to_the_provider() {
    const AT: Endpoint = Endpoint::Discovery;
    let wrong = (502, WRONG.1, WRONG.2);
    let nothing_there = (502, WRONG.1, "failed no_configuration");
    let [gone, moved, page, empty, list, doubled] = nonsense(AT);
    let mut table = each(travel(AT), ASK_LATER);
    table.extend(each([gone, moved, page, empty], nothing_there));
    table.extend(each([list, doubled], wrong));
    let evil = json!("https://evil.example");
    table.push((set(AT, "issuer", evil.clone()), wrong));
    table.push((twice(AT, "issuer", evil.clone()), wrong));
    table.push((
        set(AT, "token_endpoint", json!("javascript:alert(1)")),
        wrong,
    ));
    table.push((set(AT, "jwks_uri", json!(["x"])), wrong));
    table.push((
        Fault::Json(AT, Json::Unset("authorization_endpoint".to_owned())),
        wrong,
    ));
    table.push((html(AT), IN));
    check(AT, &table).await;
}

#[tokio::test]
async fn without_keys_nobody_is_believed() {
    const AT: Endpoint = Endpoint::Keys;
    let mut table = each(travel(AT), DOWN);
    table.extend(each(nonsense(AT), DOWN));
    table.push((twice(AT, "keys", json!([])), DOWN));
    table.push((set(AT, "keys", json!("none")), DOWN));
    table.push((set(AT, "keys", json!([])), WRONG));
    table.push((html(AT), IN));
    check(AT, &table).await;
}

#[tokio::test]
async fn a_code_that_brings_no_tokens_ends_the_sign_in() {
    const AT: Endpoint = Endpoint::Token;
    let mut table = each(travel(AT), DOWN);
    table.extend(each(nonsense(AT), WRONG));
    table.push((twice(AT, "access_token", json!("x")), WRONG));
    table.push((set(AT, "access_token", json!(["x"])), WRONG));
    table.push((set(AT, "id_token", json!(7)), WRONG));
    table.push((set(AT, "expires_in", json!("soon")), WRONG));
    table.push((
        set(AT, "token_type", json!("mac")),
        (200, WRONG.1, "failed no_configuration"),
    ));
    let refusal = |error: &str| {
        let (error, description) = (error.to_owned(), "<b>".repeat(1000));
        Fault::Http(
            AT,
            Http::Refusal {
                status: 400,
                error,
                description,
            },
        )
    };
    table.push((refusal("invalid_grant"), WRONG));
    table.push((
        refusal("invalid_client"),
        (200, WRONG.1, "failed no_configuration"),
    ));
    table.push((refusal("temporarily_unavailable"), DOWN));
    table.push((refusal("\u{1b}[2J<script>"), WRONG));
    table.push((html(AT), IN));
    check(AT, &table).await;
}

#[tokio::test]
async fn user_information_that_cannot_be_had_fails_the_step_with_its_reason() {
    const AT: Endpoint = Endpoint::UserInfo;
    let told = [
        "unreachable",
        "unreachable",
        "unreachable",
        "no_answer",
        "no_answer",
        "too_large",
    ];
    let told = told.into_iter().chain(["429", "500", "502", "503"]);
    let mut table: Vec<Row> = travel(AT)
        .into_iter()
        .zip(told)
        .map(|(fault, code)| {
            (
                fault,
                but(match code {
                    "unreachable" => "failed unreachable",
                    "no_answer" => "failed no_answer",
                    "too_large" => "failed too_large",
                    "429" => "failed 429",
                    "500" => "failed 500",
                    "502" => "failed 502",
                    _ => "failed 503",
                }),
            )
        })
        .collect();
    table.extend(each(nonsense(AT), but("failed identity_refused")));
    table.push((
        twice(AT, "email", json!("boss@acme.example")),
        but("failed identity_refused"),
    ));
    table.push((html(AT), but("failed identity_refused")));
    check(AT, &table).await;
}

#[tokio::test]
async fn an_api_that_fails_takes_the_flow_to_its_exception_and_nonsense_is_data() {
    const AT: Endpoint = Endpoint::Api;
    let [
        down,
        dropped,
        cut,
        late,
        drip,
        huge,
        rate,
        broken,
        bad,
        busy,
    ] = travel(AT);
    let [gone, moved, page, empty, list, doubled] = nonsense(AT);
    let mut table = each([down, dropped, cut], but("failed unreachable"));
    table.extend(each([late, drip], but("failed no_answer")));
    table.extend([
        (huge, but("failed too_large")),
        (rate, but("failed 429")),
        (broken, but("failed 500")),
        (bad, but("failed 502")),
        (busy, but("failed 503")),
        (gone, but("failed 404")),
        (moved, but("failed 302")),
    ]);
    table.extend(each([page, empty, list, doubled, html(AT)], IN));
    check(AT, &table).await;
}

// ---- What clients send ----

/// The bytes that a line of the corpus stands for.
fn bytes(line: &str) -> Vec<u8> {
    let mut text = line.to_owned();
    while let Some((before, rest)) = text.split_once('«') {
        let (repeat, after) = rest.split_once('»').unwrap();
        let (times, what) = repeat.split_once(':').unwrap();
        text = format!("{before}{}{after}", what.repeat(times.parse().unwrap()));
    }
    let mut bytes = Vec::new();
    let mut parts = text.split("\\x");
    bytes.extend_from_slice(parts.next().unwrap().as_bytes());
    for part in parts {
        let (byte, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(byte, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

fn lines(corpus: &str) -> impl Iterator<Item = &str> {
    corpus.lines().filter(|line| !line.starts_with('#'))
}

/// Everything that a turn can change.
async fn state(world: &World, chat: &Chat) -> (Revision, String, usize) {
    let organization = Organization::parse("acme").unwrap();
    let found = world
        .app()
        .conversation(&organization, chat.id.parse().unwrap())
        .await;
    let found = found.unwrap().unwrap();
    let session = json!(world.session(chat).await).to_string();
    (found.revision, session, world.steps(chat).await.len())
}

async fn post(chat: &Chat, body: &[u8]) -> testkit::Answer {
    let call = Call::post(&chat.address("activities")).body(body);
    chat.send(call.header("content-type", "application/json"))
        .await
}

#[tokio::test]
async fn a_malformed_activity_is_refused_by_name_and_changes_nothing() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "travel").await;
    chat.prompt().await;
    let before = state(&world, &chat).await;
    let log = chat.activities().await.len();
    let mut tried = 0;
    for line in lines(include_str!("corpus/activities/refused.txt")) {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().unwrap();
        let (status, code, body) = (part(), part(), bytes(part()));
        let answer = post(&chat, &body).await;
        assert_eq!(
            answer.status.to_string(),
            status,
            "{line}: {}",
            answer.text()
        );
        assert_eq!(answer.code(), code, "{line}");
        let message = answer.json()["error"]["message"].as_str().map(str::len);
        assert!(
            message.is_some_and(|length| (10..100).contains(&length)),
            "{line}"
        );
        tried += 1;
    }
    // A good one, cut off anywhere.
    let whole = r#"{"type":"message","text":"héllo \"x\"","value":[1.5e3,{"a":null}],"ok":true}"#;
    for end in 0..whole.len() {
        let answer = post(&chat, &whole.as_bytes()[..end]).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BadSyntax"),
            "{end}"
        );
        tried += 1;
    }
    assert!(tried > 200, "{tried}");
    assert_eq!(state(&world, &chat).await, before);
    assert_eq!(chat.activities().await.len(), log);
    chat.sign_in("ann").await;
    assert!(chat.said().await.last().unwrap().contains("2 trips"));
}

#[tokio::test]
async fn an_odd_activity_is_data_that_nothing_interprets() {
    let flow = "  - id: hear
    ask: { text: Yes?, into: answer }
  - id: back
    goto: hear";
    let files = Files::acme().agent("probe", "variables: { answer: null }", flow);
    let world = World::with(files).await;
    let mut chat = world.browser().chat("acme", "probe").await;
    for line in lines(include_str!("corpus/activities/taken.txt")) {
        let sent = bytes(line);
        let answer = post(&chat, &sent).await;
        assert_eq!(answer.status, 200, "{line}: {}", answer.text());
        let id = answer.json()["id"].clone();
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        if sent["type"] == "typing" {
            continue;
        }
        let all = chat.activities().await;
        let echo = all
            .iter()
            .find(|activity| activity["id"] == id)
            .expect(line);
        assert_eq!(
            (&echo["text"], &echo["value"]),
            (&sent["text"], &sent["value"]),
            "{line}"
        );
        assert_eq!(echo["from"]["role"], "user", "{line}");
        assert_ne!(echo["from"]["id"], "admin", "{line}");
        assert_eq!(echo["channelId"], "directline", "{line}");
        assert_ne!(echo["timestamp"], "1999-01-01T00:00:00Z", "{line}");
        for ours in ["serviceUrl", "recipient", "replyToId"] {
            assert_eq!(echo[ours], Value::Null, "{line}: {ours}");
        }
    }
    for said in chat.said().await {
        assert!(said == "Yes?" || said.is_empty(), "{said}");
    }
}

/// Sends calls of which none is right, and compares status and code.
async fn refused(world: &World, table: Vec<(Call, u16, &str)>) {
    for (call, status, code) in table {
        let shown: String = format!("{call:?}").chars().take(300).collect();
        let answer = world.send(call).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        assert_eq!(answer.code(), code, "{shown}");
    }
}

#[tokio::test]
async fn a_malformed_call_of_direct_line_is_refused_by_name() {
    const BAD: &str = "BadArgument";
    let world = World::new().await;
    let secret = world.direct_line_secret("acme", "travel").await;
    let chat = world.browser().chat("acme", "travel").await;
    let post = |path: &str| Call::post(&format!("/v3/directline/{path}")).bearer(&secret);
    let large = vec![b' '; 66_000];
    let activities = chat.address("activities");
    let read = |query: &str| Call::get(&format!("{activities}?{query}")).bearer(&chat.token);
    let stranger = activities.replace(&chat.id, "con_0123");
    let table = vec![
        (post("tokens/generate").body(b"{"), 400, BAD),
        (post("tokens/generate").body(b"[]"), 400, BAD),
        (
            post("tokens/generate").body(b"{\"user\":{\"id\":\"ann\"}}"),
            400,
            BAD,
        ),
        (
            post("tokens/generate").body(&large),
            413,
            "MessageSizeTooBig",
        ),
        (post("conversations").body(b"\xff"), 400, BAD),
        (post("conversations").body(b"7"), 400, BAD),
        (post("conversations").body(&large), 413, "MessageSizeTooBig"),
        (post("conversations/x/activities").body(b"{}"), 404, BAD),
        (post("tokens/refresh"), 400, BAD),
        (
            Call::post("/v3/directline/conversations"),
            401,
            "Unauthorized",
        ),
        (
            Call::post("/v3/directline/conversations").bearer("a.b.c"),
            401,
            "Unauthorized",
        ),
        (
            Call::post(&activities).bearer("x").body(b"{}"),
            401,
            "Unauthorized",
        ),
        (
            Call::post(&stranger).bearer(&chat.token).body(b"{}"),
            404,
            BAD,
        ),
        (read("watermark=-1"), 400, BAD),
        (read("watermark=1e9"), 400, BAD),
        (read("watermark=99999999999999999999"), 400, BAD),
    ];
    refused(&world, table).await;
}

#[tokio::test]
async fn a_malformed_call_of_the_chat_page_or_of_the_publish_api_is_refused_by_name() {
    const BAD: &str = "BadArgument";
    let world = World::new().await;
    admit_operator(&world).await;
    let publish = || Call::post("/admin/v1/publish").bearer(OPERATOR);
    let page = || Call::post("/chat/acme/travel/conversation").header("x-usher", "1");
    let more = b"{\"branch\":\"main\",\"files\":[],\"role\":\"x\"}";
    let table = vec![
        (page().body(b""), 400, BAD),
        (page().body(b"{\"fresh\":\"yes\"}"), 400, BAD),
        (page().body(&vec![b' '; 66_000]), 413, "MessageSizeTooBig"),
        (publish().body(b""), 400, BAD),
        (publish().body(b"{\"branch\":\"main\"}"), 400, BAD),
        (publish().body(more), 400, BAD),
        (
            Call::post("/admin/v1/publish").body(b"{"),
            401,
            "Unauthorized",
        ),
        (Call::get("/nothing/here"), 404, "NotFound"),
    ];
    refused(&world, table).await;
}

const OPERATOR: &str = "an operator's key of forty characters and more";

async fn admit_operator(world: &World) {
    let key = SecretString::from(OPERATOR);
    world.app().admit_operator(&key).await.unwrap();
}

#[tokio::test]
async fn a_broken_file_is_refused_by_line_and_what_was_published_serves_on() {
    let world = World::new().await;
    admit_operator(&world).await;
    let path = "organizations/acme/agents/travel/flows/main.yaml";
    let good = Files::examples().text(path);
    let before = world
        .app()
        .history(&Organization::parse("acme").unwrap(), 9)
        .await
        .unwrap()
        .len();
    for broken in [
        "flow: main\nsteps:\n\t- id: x".to_owned(),
        "flow: [main".to_owned(),
        "flow: main\nflow: main\nsteps: []".to_owned(),
        "&a [*a, *a]".to_owned(),
        format!("steps: {}", "[".repeat(5000)),
        format!("a: &a [x,x]\nb: &b [*a,*a]\nc: [{}]", "*b,".repeat(100)),
        "\u{0}".to_owned(),
        "--- 1\n--- 2".to_owned(),
        String::new(),
        "!!python/object:os.system [ls]".to_owned(),
        good.replace("steps:", "stepz:"),
        good.replace("goto: sorry", "goto: nowhere"),
        good.replace("{{ ChatUser.FirstName }}", "{{ ChatUser.FirstName"),
        good.replace("'timeout'", "'timeout"),
    ] {
        let files = Files::examples().with(path, &broken).into_vec();
        let files: Vec<Value> = files
            .iter()
            .map(|(path, text)| json!({ "path": path, "text": text }))
            .collect();
        let body = json!({ "branch": "main", "files": files });
        let shown: String = broken.chars().take(60).collect();
        let answer = world
            .send(Call::post("/admin/v1/publish").bearer(OPERATOR).json(&body))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "mistakes"),
            "{shown}"
        );
        let mistakes = answer.json()["error"]["mistakes"].clone();
        let at = |mistake: &Value| mistake["file"] == path && mistake["line"].as_u64() >= Some(1);
        assert!(
            mistakes.as_array().unwrap().iter().any(at),
            "{shown}: {mistakes}"
        );
    }
    let after = world
        .app()
        .history(&Organization::parse("acme").unwrap(), 9)
        .await
        .unwrap()
        .len();
    assert_eq!(before, after);
    let mut chat = world.browser().chat("acme", "travel").await;
    chat.sign_in("ann").await;
    assert!(chat.said().await.last().unwrap().contains("2 trips"));
}

// ---- Panics ----

/// Proves in part: LIM-7 (requests and jobs; that they are counted, and sockets, come with the metrics)
#[tokio::test]
async fn a_panic_fails_one_request_or_one_job_and_the_server_goes_on() {
    let other = "https://login.other.example";
    let steps = ALL.replace("connection: corp", "connection: other");
    let steps = steps.replace(
        "https://api.acme.example/api",
        "https://login.other.example/api",
    );
    let files =
        all()
            .connection("other", other)
            .agent("second", "variables: { answer: null }", &steps);
    let world = World::new().await;
    let provider = world.add_provider(other, "other");
    world.publish(files).await.unwrap();
    for path in ["/.well-known/", "/token", "/userinfo", "/api/trips"] {
        let broken = Arc::new(AtomicBool::new(true));
        let (inner, switch) = (Arc::clone(&provider), Arc::clone(&broken));
        world.script(other, move |request, now| {
            assert!(
                !request.path.starts_with(path) || !switch.load(Ordering::SeqCst),
                "a panic of the test's own, with canary-5ab1"
            );
            inner.lock().unwrap().answer(request, now)
        });
        let browser = world.browser();
        let mut chat = browser.new_chat("acme", "second").await;
        let link = chat.prompt().await.link;
        let go = async || {
            let address = browser.set_out(&link).await.provider();
            let back = provider
                .lock()
                .unwrap()
                .authorize_as(&address, "ann", world.now());
            browser.come_back(&back.unwrap()).await
        };
        match path {
            "/token" => {
                // The browser is told to wait, until the attempt's time is over.
                assert_eq!(go().await.title(), "One moment");
                world.advance(121).await;
                assert_eq!(chat.said().await, ["failed timeout"]);
            }
            "/userinfo" | "/api/trips" => {
                assert_eq!(go().await.title(), "You are signed in");
                assert_eq!(chat.said().await, Vec::<String>::new(), "it is tried again");
                broken.store(false, Ordering::SeqCst);
                world.advance(61).await;
                assert_eq!(chat.said().await, [IN.2], "{path}");
            }
            _ => {
                let answer = browser.get(&link).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (500, "ServiceError")
                );
                assert!(!answer.text().contains("canary"));
                broken.store(false, Ordering::SeqCst);
                assert_eq!(go().await.title(), "You are signed in");
                assert_eq!(chat.said().await, [IN.2], "the link is as good as before");
            }
        }
        // Nobody else noticed.
        let mut healthy = world.browser().chat("acme", "probe").await;
        healthy.sign_in("ann").await;
        assert_eq!(healthy.said().await, [IN.2], "{path}");
        world.advance(86_401).await;
    }
}

// ---- Connections ----

/// A server on a socket of its own, with time-outs that a test can wait for.
struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

/// Longer than any time-out of [`Listening`], and what a hang is told by.
const PATIENCE: Duration = Duration::from_secs(20);
const HEADER: Duration = Duration::from_millis(400);
const BODY: Duration = Duration::from_millis(400);

impl Listening {
    async fn begin(world: &World) -> Self {
        let stop = CancellationToken::new();
        let options = Options {
            limits: RequestLimits {
                body: BODY,
                ..RequestLimits::default()
            },
            metrics: None,
            rehearsal_url: None,
            stop: stop.clone(),
        };
        let limits = ConnectionLimits {
            header: HEADER,
            ..ConnectionLimits::default()
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = server::router(world.app(), options);
        let served = tokio::spawn(server::serve(listener, router, limits, stop.clone()));
        Self {
            address,
            stop,
            served,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A server that has read enough may close before all is sent.
        let _ = stream.write_all(bytes).await;
        all_of(&mut stream).await
    }

    async fn is_healthy(&self) {
        let answer = self
            .exchange(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// All that comes until the other side closes.
async fn all_of(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .expect("no hang")
        {
            // A reset is an end, too: what came before it counts.
            Ok(0) | Err(_) => return String::from_utf8_lossy(&all).into_owned(),
            Ok(count) => all.extend_from_slice(&buffer[..count]),
        }
    }
}

/// One answer of a connection that stays open: up to the end of its header block and body.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut all = String::new();
    let mut byte = [0; 1];
    while !all.ends_with("\r\n\r\n") {
        timeout(PATIENCE, stream.read_exact(&mut byte))
            .await
            .expect("no hang")
            .unwrap();
        all.push(char::from(byte[0]));
    }
    let length = all.to_lowercase();
    let (_, length) = length.split_once("content-length: ").unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    timeout(PATIENCE, stream.read_exact(&mut body))
        .await
        .expect("no hang")
        .unwrap();
    all + &String::from_utf8_lossy(&body)
}

/// Proves in part: LIM-1 (500 connections; the idle time and the header time are one setting)
#[tokio::test]
async fn half_sent_requests_are_answered_408_and_healthy_ones_are_not_held_up() {
    let world = World::new().await;
    let server = Listening::begin(&world).await;
    let begun = Instant::now();
    let mut half = Vec::new();
    for number in 0..500 {
        let mut stream = server.connect().await;
        let bytes: &[u8] = match number % 4 {
            0 => b"GET /healthz HTTP/1.1\r\nhost: x\r\n",
            1 => b"POST /v3/dir",
            2 => b"PRI * HTTP/2.0",
            _ => b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ",
        };
        stream.write_all(bytes).await.unwrap();
        half.push(stream);
        if number % 50 == 0 {
            server.is_healthy().await;
        }
    }
    server.is_healthy().await;
    for mut stream in half {
        let answer = all_of(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    }
    assert!(begun.elapsed() >= HEADER && begun.elapsed() < PATIENCE);
    // One that never says a word is just closed.
    let mut silent = server.connect().await;
    assert_eq!(all_of(&mut silent).await, "");
    server.is_healthy().await;
}

/// Proves in part: LIM-2 (HTTP/1; the size of an import and of admin calls are one setting)
#[tokio::test]
async fn oversized_and_unfinished_requests_are_answered_early_and_by_name() {
    let world = World::new().await;
    let chat = world.browser().chat("acme", "travel").await;
    let server = Listening::begin(&world).await;
    let get = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")
    };
    let post = |headers: &str, body: &str| {
        let (path, token) = (chat.address("activities"), &chat.token);
        let origin = testkit::PUBLIC_URL;
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             origin: {origin}\r\ncontent-type: application/json\r\n{headers}\r\n\r\n{body}"
        )
    };
    let many = |count: usize| "x-more: 1\r\n".repeat(count);
    let long = format!("x-long: {}\r\n", "x".repeat(17 * 1024));
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n", 70_000, "x".repeat(70_000));
    let table = [
        (get("/healthz", &many(98)), "200", ""),
        (get("/healthz", &many(99)), "431", ""),
        (get("/healthz", &long), "431", ""),
        (
            get(&format!("/healthz?{}", "x".repeat(8 * 1024)), ""),
            "414",
            "too long",
        ),
        (
            get(&format!("/sign-in/{}", "x".repeat(8 * 1024)), ""),
            "414",
            "too long",
        ),
        ("GARBAGE\r\n\r\n".to_owned(), "400", ""),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400", ""),
        (get("/healthz", "bad header\r\n"), "400", ""),
        (
            get("/healthz", "content-length: 1\r\ncontent-length: 2\r\n"),
            "400",
            "",
        ),
        // Announced: refused although not a byte of it has come.
        (
            post("content-length: 1000000", ""),
            "413",
            "MessageSizeTooBig",
        ),
        (
            post("content-length: 65537", ""),
            "413",
            "MessageSizeTooBig",
        ),
        (
            post("transfer-encoding: chunked", &chunked),
            "413",
            "MessageSizeTooBig",
        ),
        // Announced and never sent.
        (post("content-length: 10", "{"), "408", "RequestTimeout"),
        (
            post("transfer-encoding: chunked", "5\r\n{"),
            "408",
            "RequestTimeout",
        ),
        (
            post("content-length: 2\r\nconnection: close", "{}"),
            "400",
            "MissingProperty",
        ),
    ];
    let before = state(&world, &chat).await;
    for (request, status, says) in table {
        let shown: String = request
            .lines()
            .take(9)
            .map(|line| &line[..line.len().min(60)])
            .collect();
        let begun = Instant::now();
        let answer = server.exchange(request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{shown}: {answer}"
        );
        assert!(answer.contains(says), "{shown}: {answer}");
        if status == "413" {
            assert!(begun.elapsed() < PATIENCE / 2, "{shown}: early");
        }
    }
    assert_eq!(state(&world, &chat).await, before);
    server.is_healthy().await;
}

/// Stopping: what is under way is finished, what is idle is closed, nobody new gets in.
#[tokio::test]
async fn a_stop_finishes_requests_under_way_and_closes_all_else() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "again").await;
    let server = Listening::begin(&world).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(one_answer(&mut idle).await.starts_with("HTTP/1.1 200"));

    let body = r#"{"type":"message","text":"cancel"}"#;
    let mut busy = server.connect().await;
    let (path, token, origin) = (chat.address("activities"), &chat.token, testkit::PUBLIC_URL);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\norigin: {origin}\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    busy.write_all(head.as_bytes()).await.unwrap();
    // The server reads the body: from here on the request is under way.
    let mut line = [0; 25];
    timeout(PATIENCE, busy.read_exact(&mut line))
        .await
        .unwrap()
        .unwrap();
    assert!(line.starts_with(b"HTTP/1.1 100 Continue"));

    server.stop.cancel();
    assert_eq!(all_of(&mut idle).await, "", "an idle connection is closed");
    let mut late = TcpStream::connect(server.address).await;
    if let Ok(late) = &mut late {
        let _ = late
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        assert_eq!(all_of(late).await, "", "nobody new is served");
    }
    assert!(
        !server.served.is_finished(),
        "the process stays while a request is under way"
    );
    busy.write_all(body.as_bytes()).await.unwrap();
    let answer = all_of(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    timeout(PATIENCE, server.served)
        .await
        .expect("it stops")
        .unwrap();
    assert!(
        chat.said().await[0].starts_with("That did not work"),
        "what it said counts"
    );
}
