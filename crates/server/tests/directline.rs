//! Direct Line 3.0 as stock clients need it (`docs` protocol pages; features 15).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong in a helper fails its test"
)]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use testkit::{Answer, Call, Chat, PUBLIC_URL, World};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

const BASE: &str = "/v3/directline";

async fn chat(world: &World) -> Chat {
    world.browser().chat("acme", "explain").await
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_conversation_is_started_once_and_joined_after_that() {
    let world = World::new().await;
    let secret = world.direct_line_secret("acme", "explain").await;
    let granted = world
        .send(Call::post(&format!("{BASE}/tokens/generate")).bearer(&secret))
        .await;
    assert_eq!(granted.status, 200);
    let granted = granted.json();
    assert_eq!(granted["expires_in"], 1800);
    assert_eq!(granted["streamUrl"], Value::Null);
    let token = text(&granted, "token");

    let start = || {
        Call::post(&format!("{BASE}/conversations"))
            .bearer(token)
            .json(&json!({ "user": {} }))
    };
    let first = world.send(start()).await;
    let second = world.send(start()).await;
    assert_eq!((first.status, second.status), (201, 200));
    let (first, second) = (first.json(), second.json());
    for joined in [&first, &second] {
        assert_eq!(joined["conversationId"], granted["conversationId"]);
        assert_eq!(joined["expires_in"], 1800);
        assert!(!text(joined, "token").is_empty());
        assert!(
            text(joined, "streamUrl")
                .starts_with("wss://usher.example/v3/directline/conversations/")
        );
    }
    assert_ne!(
        first["streamUrl"], second["streamUrl"],
        "a fresh one each time"
    );

    let by_secret = world
        .send(Call::post(&format!("{BASE}/conversations")).bearer(&secret))
        .await;
    assert_eq!(by_secret.status, 201);
    assert_ne!(
        by_secret.json()["conversationId"],
        granted["conversationId"]
    );
}

#[tokio::test]
async fn a_token_names_its_user_as_clients_read_it() {
    let world = World::new().await;
    let secret = world.direct_line_secret("acme", "explain").await;
    let generate = |body: Value| {
        Call::post(&format!("{BASE}/tokens/generate"))
            .bearer(&secret)
            .json(&body)
    };
    for body in [
        json!({ "user": { "id": "dl_zoe" } }),
        json!({ "User": { "Id": "dl_zoe" } }),
    ] {
        let granted = world.send(generate(body)).await.json();
        let payload = text(&granted, "token").split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(claims["user"], "dl_zoe");
    }
    let unmarked = world
        .send(generate(json!({ "user": { "id": "zoe" } })))
        .await;
    assert_eq!(
        (unmarked.status, unmarked.code().as_str()),
        (400, "BadArgument")
    );
    let malformed = Call::post(&format!("{BASE}/tokens/generate"))
        .bearer(&secret)
        .body(b"{");
    assert_eq!(world.send(malformed).await.status, 400);
}

#[tokio::test]
async fn a_client_that_comes_back_gets_a_token_and_a_new_stream() {
    let world = World::new().await;
    let mut chat = chat(&world).await;
    let joined = chat
        .send(Call::get(&format!(
            "{BASE}/conversations/{}?watermark=1",
            chat.id
        )))
        .await;
    assert_eq!(joined.status, 200);
    let joined = joined.json();
    assert_eq!(text(&joined, "conversationId"), chat.id);
    assert!(!text(&joined, "token").is_empty());
    assert!(
        text(&joined, "streamUrl").contains("watermark=1&"),
        "{joined}"
    );

    let refreshed = chat
        .send(Call::post(&format!("{BASE}/tokens/refresh")))
        .await;
    assert_eq!(refreshed.status, 200);
    chat.token = text(&refreshed.json(), "token").to_owned();
    assert_eq!(text(&refreshed.json(), "conversationId"), chat.id);
    chat.say("cancel").await;
}

#[tokio::test]
async fn a_watermark_says_where_to_read_on() {
    let world = World::new().await;
    let mut chat = chat(&world).await;
    let read = async |watermark: &str| {
        let address = format!("{}?watermark={watermark}", chat.address("activities"));
        chat.send(Call::get(&address)).await
    };
    let all = read("").await.json();
    assert_eq!(
        all,
        chat.send(Call::get(&chat.address("activities")))
            .await
            .json()
    );
    let count = all["activities"].as_array().unwrap().len();
    assert_eq!(
        text(&all, "watermark"),
        count.to_string(),
        "digits in a text"
    );

    let rest = read("1").await.json();
    assert_eq!(
        rest["activities"].as_array().unwrap()[..],
        all["activities"].as_array().unwrap()[1..]
    );
    let nothing = read(text(&all, "watermark")).await.json();
    assert_eq!(
        nothing,
        json!({ "activities": [], "watermark": all["watermark"] })
    );
    for wrong in ["x", "-1", "1.5", "99999999999999999999"] {
        let answer = read(wrong).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BadArgument"),
            "{wrong}"
        );
    }
    chat.say("cancel").await;
    assert_eq!(
        chat.activities().await.last().unwrap()["name"],
        "usher/status"
    );
}

#[tokio::test]
async fn a_post_is_echoed_with_its_id_and_what_the_client_wrote() {
    let world = World::new().await;
    let mut chat = chat(&world).await;
    let posted = chat
        .post(&json!({
            "type": "message",
            "text": "hello",
            "id": "mine",
            "from": { "id": "somebody", "role": "bot" },
            "recipient": { "id": "x" },
            "timestamp": "1999-01-01T00:00:00Z",
            "channelId": "webchat",
            "channelData": { "clientActivityID": "c1", "other": [1] },
            "entities": [{ "type": "ClientCapabilities" }],
            "locale": "de-DE",
            "localTimezone": "Europe/Vienna",
            "unknown": { "kept": true },
        }))
        .await;
    assert_eq!(posted.status, 200);
    let id = posted.json()["id"].clone();
    assert!(id.as_str().is_some_and(|id| !id.is_empty() && id != "mine"));

    let user = chat.user.clone();
    let conversation = chat.id.clone();
    let log = chat.activities().await;
    let echo = log.iter().find(|activity| activity["id"] == id).unwrap();
    assert_eq!(
        echo["channelData"],
        json!({ "clientActivityID": "c1", "other": [1] })
    );
    assert_eq!(echo["from"], json!({ "id": user, "role": "user" }));
    assert_eq!(echo["conversation"], json!({ "id": conversation }));
    assert_eq!(echo["timestamp"], "2026-11-02T09:00:00.000Z");
    assert_eq!(echo["channelId"], "directline");
    for (kept, value) in [
        ("text", json!("hello")),
        ("entities", json!([{ "type": "ClientCapabilities" }])),
        ("locale", json!("de-DE")),
        ("localTimezone", json!("Europe/Vienna")),
        ("unknown", json!({ "kept": true })),
    ] {
        assert_eq!(echo[kept], value);
    }
    let ids: Vec<&Value> = log.iter().map(|activity| &activity["id"]).collect();
    assert!(
        ids.iter()
            .all(|id| ids.iter().filter(|other| other == &id).count() == 1),
        "{ids:?}"
    );

    let typing = chat.post(&json!({ "type": "typing" })).await;
    assert_eq!(typing.status, 200);
    assert!(
        typing.json()["id"].is_string(),
        "an answer without an id reads as a failure"
    );
    assert!(
        chat.activities()
            .await
            .iter()
            .all(|activity| activity["type"] != "typing")
    );
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_the_status_and_code_that_clients_know() {
    let world = World::new().await;
    let chat = chat(&world).await;
    let activities = chat.address("activities");
    let before = chat.send(Call::get(&activities)).await.text();
    let big = format!(r#"{{"type":"message","text":"{}"}}"#, "x".repeat(64 * 1024));
    for (body, status, code) in [
        ("", 400, "BadSyntax"),
        ("{", 400, "BadSyntax"),
        ("\u{0}", 400, "BadSyntax"),
        ("[]", 400, "MissingProperty"),
        ("null", 400, "MissingProperty"),
        ("{}", 400, "MissingProperty"),
        (r#"{"type":1}"#, 400, "MissingProperty"),
        (r#"{"type":"message","text":1}"#, 400, "BadArgument"),
        (r#"{"type":"conversationUpdate"}"#, 400, "BadArgument"),
        (
            r#"{"type":"event","name":"tokens/response"}"#,
            400,
            "BadArgument",
        ),
        (big.as_str(), 413, "MessageSizeTooBig"),
    ] {
        let answer = chat
            .send(Call::post(&activities).body(body.as_bytes()))
            .await;
        assert_refused(&answer, status, code, &body[..body.len().min(60)]);
    }
    assert_eq!(
        chat.send(Call::get(&activities)).await.text(),
        before,
        "nothing of it is kept"
    );

    let other = "/v3/directline/conversations/con_00000000000000000000000000000000000";
    for path in [
        other.to_owned(),
        format!("{other}/activities"),
        format!("{BASE}/conversations/%00"),
    ] {
        assert_refused(
            &chat.send(Call::get(&path)).await,
            404,
            "BadArgument",
            &path,
        );
    }
    let upload = chat.send(Call::post(&chat.address("upload"))).await;
    assert_refused(&upload, 400, "BadArgument", "upload");
    let session = chat
        .send(Call::get(&format!("{BASE}/session/getsessionid")))
        .await;
    assert_refused(&session, 403, "ServiceError", "session id");
    assert_eq!(
        session.json()["error"]["message"],
        "Trusted Origin list is empty."
    );
}

#[tokio::test]
async fn without_a_token_that_counts_nothing_is_answered() {
    let world = World::new().await;
    let chat = chat(&world).await;
    let secret = world.direct_line_secret("acme", "explain").await;
    let mut altered = chat.token.clone();
    altered.replace_range(
        altered.len() - 2..,
        if altered.ends_with("AA") { "BB" } else { "AA" },
    );
    let wrong_secret = format!("{}x", &secret[..secret.len() - 1]);
    let calls = [
        Call::post(&format!("{BASE}/tokens/generate")),
        Call::post(&format!("{BASE}/tokens/refresh")),
        Call::post(&format!("{BASE}/conversations")),
        Call::get(&format!("{BASE}/conversations/{}", chat.id)),
        Call::get(&chat.address("activities")),
        Call::post(&chat.address("activities")).json(&json!({ "type": "message", "text": "hi" })),
        Call::post(&chat.address("upload")),
    ];
    for call in calls {
        assert_refused(
            &world.send(call.clone()).await,
            401,
            "Unauthorized",
            "nothing",
        );
        for bearer in [
            "",
            "x",
            altered.as_str(),
            wrong_secret.as_str(),
            "usher_dl_acme.explain.",
            "usher_dl_nobody.x.y",
        ] {
            let answer = world.send(call.clone().bearer(bearer)).await;
            assert_refused(&answer, 401, "Unauthorized", bearer);
        }
        let elsewhere = call
            .bearer(&chat.token)
            .header("origin", "https://evil.example");
        assert_refused(
            &world.send(elsewhere).await,
            401,
            "Unauthorized",
            "another origin",
        );
    }
}

#[tokio::test]
async fn an_expired_token_is_told_so_by_name() {
    let world = World::new().await;
    let mut chat = chat(&world).await;
    world.advance(30 * 60 + 60).await;
    chat.say("cancel").await;
    world.advance(2 * 60).await;
    for call in [
        Call::get(&chat.address("activities")),
        Call::post(&chat.address("activities")).json(&json!({ "type": "message", "text": "hi" })),
        Call::get(&format!("{BASE}/conversations/{}", chat.id)),
        Call::post(&format!("{BASE}/conversations")),
        Call::post(&format!("{BASE}/tokens/refresh")),
    ] {
        assert_refused(
            &chat.send(call).await,
            403,
            "TokenExpired",
            "31 minutes and more",
        );
    }
    chat.reload().await;
    chat.say("hello").await;
}

#[tokio::test]
async fn pages_of_any_origin_can_read_answers_and_errors() {
    let world = World::new().await;
    let origin = "https://portal.example";
    let secret = world.direct_line_secret("acme", "explain").await;
    let preflight = Call::new("OPTIONS", &format!("{BASE}/conversations"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,x-ms-bot-agent,x-requested-with",
        );
    let answer = world.send(preflight).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("authorization,content-type,x-ms-bot-agent,x-requested-with")
    );
    assert_eq!(
        answer.header("access-control-allow-methods"),
        Some("GET, POST, OPTIONS")
    );
    assert_readable(&answer, origin);

    let big = vec![b' '; 100 * 1024];
    for (call, status) in [
        (
            Call::post(&format!("{BASE}/conversations")).bearer(&secret),
            201,
        ),
        (Call::post(&format!("{BASE}/conversations")), 401),
        (
            Call::post(&format!("{BASE}/conversations"))
                .bearer(&secret)
                .body(&big),
            413,
        ),
        (
            Call::get(&format!("{BASE}/conversations/none")).bearer(&secret),
            404,
        ),
        (
            Call::get(&format!(
                "{BASE}/conversations/none/activities?watermark=%ff%00"
            ))
            .bearer(&secret),
            404,
        ),
        (Call::get(&format!("{BASE}/session/getsessionid")), 403),
        (
            Call::new("DELETE", &format!("{BASE}/conversations")).bearer(&secret),
            405,
        ),
        (Call::get(&format!("{BASE}/nowhere")), 404),
    ] {
        let answer = world.send(call.clone().header("origin", origin)).await;
        assert_eq!(answer.status, status, "{call:?}");
        assert_readable(&answer, origin);
    }
}

fn assert_readable(answer: &Answer, origin: &str) {
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(origin),
        "{}",
        answer.status
    );
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some("Retry-After")
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
}

fn assert_refused(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{what}"
    );
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty())
    );
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a stream address over a real socket on this machine.
async fn open(world: &World, stream: &str, origin: Option<&str>) -> Result<Socket, Error> {
    let address = world.listen().await;
    let local = stream.replace("wss://usher.example", &format!("ws://{address}"));
    let mut request = local.into_client_request().unwrap();
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn stream_of(chat: &Chat, watermark: &str) -> String {
    let path = format!("{BASE}/conversations/{}?watermark={watermark}", chat.id);
    text(&chat.send(Call::get(&path)).await.json(), "streamUrl").to_owned()
}

/// The next set of activities; keep-alives are passed over.
async fn next(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) if !text.is_empty() => {
                return serde_json::from_str(text.as_str()).unwrap();
            }
            Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stream_replays_after_the_watermark_and_then_goes_on_live() {
    let world = World::new().await;
    let mut chat = chat(&world).await;
    let said = chat.activities().await.to_vec();
    let mut all = open(&world, &stream_of(&chat, "").await, Some(PUBLIC_URL))
        .await
        .unwrap();
    let replayed = next(&mut all).await;
    assert_eq!(replayed["activities"], json!(said));
    assert_eq!(replayed["watermark"], said.len().to_string());

    let mut rest = open(&world, &stream_of(&chat, "1").await, Some(PUBLIC_URL))
        .await
        .unwrap();
    assert_eq!(next(&mut rest).await["activities"], json!(said[1..]));

    chat.say("cancel").await;
    let live = chat.activities().await[said.len()..].to_vec();
    assert!(
        live.len() >= 3,
        "the echo, the answer, the status: {live:?}"
    );
    for socket in [&mut all, &mut rest] {
        let mut seen = Vec::new();
        let mut watermark = Value::Null;
        while seen.len() < live.len() {
            let set = next(socket).await;
            seen.extend(set["activities"].as_array().unwrap().iter().cloned());
            watermark = set["watermark"].clone();
        }
        assert_eq!(seen, live);
        assert_eq!(watermark, (said.len() + live.len()).to_string());
        socket.send(Message::text("")).await.unwrap();
    }
    chat.say("again").await;
    assert!(
        !next(&mut all).await["activities"]
            .as_array()
            .unwrap()
            .is_empty(),
        "an empty frame ends nothing"
    );
}

#[tokio::test]
async fn a_stream_address_counts_once_for_its_conversation_and_its_page() {
    let world = World::new().await;
    let chat = chat(&world).await;
    let other = world.browser().chat("acme", "explain").await;

    let once = stream_of(&chat, "").await;
    open(&world, &once, Some(PUBLIC_URL)).await.unwrap();
    assert_unauthorized(open(&world, &once, Some(PUBLIC_URL)).await, "used before");
    for origin in [Some("https://evil.example"), Some("null"), None] {
        let stolen = stream_of(&chat, "").await;
        assert_unauthorized(open(&world, &stolen, origin).await, "another page");
    }
    let moved = stream_of(&chat, "").await.replace(&chat.id, &other.id);
    assert_unauthorized(
        open(&world, &moved, Some(PUBLIC_URL)).await,
        "another conversation",
    );
    let in_time = stream_of(&chat, "").await;
    world.advance(59).await;
    open(&world, &in_time, Some(PUBLIC_URL)).await.unwrap();
    let late = stream_of(&chat, "").await;
    world.advance(60).await;
    assert_unauthorized(open(&world, &late, Some(PUBLIC_URL)).await, "a minute old");
    let bare = stream_of(&chat, "").await;
    let bare = bare.split('?').next().unwrap();
    assert_unauthorized(open(&world, bare, Some(PUBLIC_URL)).await, "no ticket");
}

fn assert_unauthorized(opened: Result<Socket, Error>, what: &str) {
    match opened {
        Err(Error::Http(response)) => assert_eq!(response.status(), 401, "{what}"),
        Err(other) => panic!("{what}: {other}"),
        Ok(_) => panic!("{what}: it was opened"),
    }
}

#[tokio::test]
async fn a_stream_closes_when_the_server_stops() {
    let world = World::new().await;
    let chat = chat(&world).await;
    let mut socket = open(&world, &stream_of(&chat, "").await, Some(PUBLIC_URL))
        .await
        .unwrap();
    next(&mut socket).await;
    world.restart().await;
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Close(_)) {
            break;
        }
    }
    let mut again = open(&world, &stream_of(&chat, "").await, Some(PUBLIC_URL))
        .await
        .unwrap();
    assert!(
        !next(&mut again).await["activities"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}
