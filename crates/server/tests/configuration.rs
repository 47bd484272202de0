//! What is published, by whom, and for whom it counts (features 8).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong in a helper fails its test"
)]

use app::publish::PublishError;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::{
    Answer, CLIENT_SECRET, Call, Chat, Files, ISSUER, PUBLIC_URL, SetUp, World,
    json as answer_json,
    rehearsal::{Client, ClientAuth, Endpoint, Fault, fault::Json},
};
use url::Url;

const CORP: &str = "organizations/acme/connections/corp.yaml";
const PROBE: &str =
    "  - id: who\n    sign_in: { connection: corp, card: { text: first } }\n    on_exception: who";

/// The messages of all mistakes for which nothing was published.
async fn mistakes(world: &World, files: Files) -> Vec<String> {
    match world.publish(files).await {
        Err(PublishError::Mistakes(mistakes)) => mistakes
            .into_iter()
            .map(|mistake| mistake.message)
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// Proves: CFG-1
#[tokio::test]
async fn a_discovery_address_fills_the_endpoints_and_a_wrong_one_is_refused_with_the_reason() {
    let issuer = "https://odd.example/tenant";
    let files = Files::acme()
        .replacing(CORP, ISSUER, issuer)
        .agent("probe", "", PROBE);
    let world = World::new().await;

    let unreachable = mistakes(&world, files.clone()).await;
    assert!(
        unreachable[0].contains("`discovery`") && unreachable[0].contains("could not connect"),
        "{unreachable:?}"
    );

    let metadata = |name: &str| {
        json!({
            "issuer": name,
            "authorization_endpoint": "https://odd.example/go/here",
            "token_endpoint": "https://odd.example/trade",
            "jwks_uri": "https://odd.example/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
        })
    };
    let foreign = metadata("https://somebody.example");
    world.script("https://odd.example", move |_, _| {
        answer_json(200, &foreign)
    });
    let wrong = mistakes(&world, files.clone()).await;
    assert!(wrong[0].contains("https://somebody.example"), "{wrong:?}");

    let right = metadata(issuer);
    world.script("https://odd.example", move |_, _| answer_json(200, &right));
    world.publish(files).await.unwrap();
    let browser = world.browser();
    let mut chat = browser.chat("acme", "probe").await;
    let link = chat.prompt().await.link;
    let address = browser.set_out(&link).await.provider();
    assert!(
        address.starts_with("https://odd.example/go/here?"),
        "{address}"
    );
}

/// Proves: CFG-3
#[tokio::test]
async fn prompted_sign_in_is_a_switch_and_a_choice() {
    let world = World::new().await;
    let agent = "organizations/acme/agents/probe/agent.yaml";
    let files = Files::acme().agent("probe", "", "  - id: hello\n    message: Hello");
    let choice = "sign_in: { connection: corp }";
    for without in [
        "sign_in: {}",
        "sign_in:",
        "sign_in: true",
        "sign_in: { connection: }",
    ] {
        let refused = mistakes(&world, files.clone().replacing(agent, choice, without)).await;
        assert!(!refused.is_empty(), "{without}");
    }
    let nowhere = mistakes(&world, files.clone().replacing(agent, "corp", "nowhere")).await;
    assert!(nowhere[0].contains("nowhere"), "{nowhere:?}");
    let off = files
        .clone()
        .replacing(agent, "security:\n  sign_in: { connection: corp }\n", "");
    world.publish(off).await.unwrap();
    world.publish(files).await.unwrap();
}

/// Proves in part: CFG-6 (the console has no page yet)
#[tokio::test]
async fn a_secret_is_never_shown_and_never_lies_open() {
    let world = World::new().await;
    let (operator, _) = keys(&world).await;
    let published = world
        .send(publish_call(&world, Files::examples(), &operator))
        .await;
    assert_eq!(published.status, 200);
    let history = "/admin/v1/organizations/acme/versions";
    assert_eq!(
        world
            .send(Call::get(history).bearer(&operator))
            .await
            .status,
        200
    );
    let wrong = Call::post("/admin/v1/publish")
        .bearer(&operator)
        .body(CLIENT_SECRET.as_bytes());
    assert_eq!(world.send(wrong).await.status, 400);
    for shown in world.answered() {
        assert!(!shown.contains(CLIENT_SECRET), "{shown}");
    }
    let database = world.database();
    let found = database
        .windows(CLIENT_SECRET.len())
        .any(|window| window == CLIENT_SECRET.as_bytes());
    assert!(!found, "the database holds a secret in the open");
}

/// Proves: CFG-8
#[tokio::test]
async fn the_application_setting_replaces_the_redirect_address() {
    let own = "https://relay.example/comes-back";
    let mut set_up = SetUp::default();
    set_up.settings.oauth_redirect_uri = Some(own.to_owned());
    let world = World::begin(set_up).await;
    let full = format!("{own}/acme/corp");
    let auth = ClientAuth::Basic(CLIENT_SECRET.to_owned());
    world.provider().register(Client::new("usher", auth, &full));

    let browser = world.browser();
    let mut chat = browser.chat("acme", "explain").await;
    let link = chat.prompt().await.link;
    let address = browser.set_out(&link).await.provider();
    let callback = world.at_provider(&address, "ann").unwrap();
    assert!(callback.starts_with(&format!("{full}?")), "{callback}");
    let relayed = callback.replace(own, &format!("{PUBLIC_URL}/oauth-callback"));
    assert_eq!(
        browser.come_back(&relayed).await.title(),
        "You are signed in"
    );

    let provider = world.provider();
    let asked = provider.seen_at(Endpoint::Authorize).next().unwrap();
    assert_eq!(asked.query("redirect_uri"), Some(full.as_str()));
    let traded = provider.seen_at(Endpoint::Token).next().unwrap();
    assert_eq!(traded.form("redirect_uri"), Some(full.as_str()));
}

/// Proves: CFG-9, SGN-6
#[tokio::test]
async fn what_is_published_counts_at_once_for_new_sessions_and_for_no_half_finished_one() {
    let files = Files::acme().agent("probe", "", PROBE);
    let world = World::with(files.clone()).await;
    let mut half_finished = Vec::new();
    for _ in 0..4 {
        half_finished.push(world.browser().chat("acme", "probe").await);
    }
    // The other half of a change: the connection asks for less.
    let changed = files
        .replacing(
            "organizations/acme/agents/probe/flows/main.yaml",
            "first",
            "second",
        )
        .replacing(
            CORP,
            "[openid, profile, email, offline_access]",
            "[openid, profile]",
        );
    world.publish(changed).await.unwrap();

    let mut fresh = world.browser().chat("acme", "probe").await;
    assert_eq!(fresh.prompt().await.text, "second");
    assert_eq!(asked_scopes(&mut fresh).await, "openid profile");
    for chat in &mut half_finished {
        // The prompt that was shown, and the one that the same run shows next.
        chat.say("cancel").await;
        let texts: Vec<String> = chat
            .prompts()
            .await
            .into_iter()
            .map(|prompt| prompt.text)
            .collect();
        assert_eq!(texts, ["first", "first"]);
        assert_eq!(
            asked_scopes(chat).await,
            "openid profile email offline_access"
        );
    }
    world.restart().await;
    half_finished[0].say("cancel").await;
    assert_eq!(
        half_finished[0].prompt().await.text,
        "first",
        "not even after a restart"
    );
}

async fn asked_scopes(chat: &mut Chat) -> String {
    let link = chat.prompt().await.link;
    let address = chat.browser().set_out(&link).await.provider();
    let address = Url::parse(&address).unwrap();
    let scope = address.query_pairs().find(|(name, _)| name == "scope");
    scope.unwrap().1.into_owned()
}

/// Proves in part: TEN-1 (the routes there are so far; row-level security belongs to the other database)
#[tokio::test]
async fn what_belongs_to_another_organization_is_answered_like_what_does_not_exist() {
    let world = World::with(Files::examples().organization("beta")).await;
    let browser = world.browser();
    let theirs = world.browser().chat("beta", "explain").await;
    let mut ours = browser.chat("acme", "explain").await;
    let attempt = attempt_of(&mut ours).await;
    let random = &ours.id.replace(&ours.id[10..20], "0123456789");

    let secret = world.direct_line_secret("acme", "explain").await;
    let token = ours.token.clone();
    for key in [&secret, &token] {
        for part in ["", "/activities", "/upload"] {
            for method in ["GET", "POST"] {
                let call = |id: &str| {
                    let path = format!("/v3/directline/conversations/{id}{part}");
                    Call::new(method, &path)
                        .bearer(key)
                        .json(&json!({ "type": "message", "text": "hi" }))
                };
                let foreign = world.send(call(&theirs.id)).await;
                let unknown = world.send(call(random)).await;
                assert_eq!(same(&foreign), same(&unknown), "{method} {part}");
                assert!(
                    matches!(foreign.status, 404 | 405),
                    "{method} {part}: {}",
                    foreign.status
                );
            }
        }
    }

    let (_, administrator) = keys(&world).await;
    let history = |name: &str| {
        Call::get(&format!("/admin/v1/organizations/{name}/versions")).bearer(&administrator)
    };
    let foreign = world.send(history("beta")).await;
    assert_eq!(foreign.status, 403);
    assert_eq!(same(&foreign), same(&world.send(history("nowhere")).await));

    // The browser that signed in sees how it ended under its own organization only.
    let page = browser.get(&format!("/signed-in/acme/{attempt}")).await;
    assert_eq!(page.title(), "You are signed in");
    let elsewhere = browser.get(&format!("/signed-in/beta/{attempt}")).await;
    let unknown = browser
        .get(&format!(
            "/signed-in/beta/{}",
            attempt.replace(&attempt[10..20], "0123456789")
        ))
        .await;
    assert_eq!(
        (elsewhere.status, elsewhere.text()),
        (unknown.status, unknown.text())
    );
}

async fn attempt_of(chat: &mut Chat) -> String {
    let link = chat.prompt().await.link;
    let browser = chat.browser().clone();
    let address = browser.set_out(&link).await.provider();
    let callback = browser.world().at_provider(&address, "ann").unwrap();
    let finished = browser.get(&callback).await;
    let path = finished.location().unwrap().to_owned();
    path.rsplit_once('/').unwrap().1.to_owned()
}

fn same(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text())
}

/// Proves: TEN-3
#[tokio::test]
async fn one_issuer_in_two_organizations_shares_nothing() {
    let files = Files::examples().organization("beta").replacing(
        "organizations/beta/connections/corp.yaml",
        "client_id: usher",
        "client_id: usher-of-beta",
    );
    let world = World::with(files).await;
    let auth = ClientAuth::Basic(CLIENT_SECRET.to_owned());
    let callback = format!("{PUBLIC_URL}/oauth-callback/beta/corp");
    world
        .provider()
        .register(Client::new("usher-of-beta", auth, &callback));

    // Metadata that were poisoned while one organization fetched them do not reach the other.
    let mut ours = world.browser().chat("acme", "explain").await;
    ours.sign_in("ann").await;
    assert_eq!(
        ours.said().await,
        ["Thank you Ann Archer, I have opened a ticket."]
    );
    let (metadata, keys) = counts(&world);
    let elsewhere = Json::Set(
        "token_endpoint".to_owned(),
        json!("https://evil.example/token"),
    );
    world
        .provider()
        .faults
        .once(Fault::Json(Endpoint::Discovery, elsewhere));
    let mut theirs = world.browser().chat("beta", "explain").await;
    theirs.sign_in("ann").await;
    assert_eq!(
        counts(&world),
        (metadata + 1, keys),
        "it has fetched its own"
    );
    assert!(theirs.said().await[0].contains("provider_down"));

    let mut ours = world.browser().chat("acme", "explain").await;
    ours.sign_in("ann").await;
    assert_eq!(ours.said().await.len(), 1);
    assert_eq!(
        counts(&world),
        (metadata + 1, keys),
        "the first still uses what it has"
    );
    world.restart().await;
    let mut theirs = world.browser().chat("beta", "explain").await;
    theirs.sign_in("ann").await;
    assert_eq!(
        theirs.said().await,
        ["Thank you Ann Archer, I have opened a ticket."]
    );
    let provider = world.provider();
    let traded = provider.seen_at(Endpoint::Token).next_back().unwrap();
    let basic = traded
        .header("authorization")
        .unwrap_or_default()
        .to_owned();
    let (ours, theirs) = (basic_of("usher"), basic_of("usher-of-beta"));
    assert!(basic == theirs && basic != ours, "its own client");
}

fn counts(world: &World) -> (u64, u64) {
    let provider = world.provider();
    (
        provider.count(Endpoint::Discovery),
        provider.count(Endpoint::Keys),
    )
}

fn basic_of(client: &str) -> String {
    let request = testkit::rehearsal::Request::get("/").basic(client, CLIENT_SECRET);
    request
        .header("authorization")
        .unwrap_or_default()
        .to_owned()
}

/// The keys of the operator and of an administrator of acme.
async fn keys(world: &World) -> (String, String) {
    let operator = world.app().first_operator_key().await.unwrap().unwrap();
    let operator = operator.expose_secret().to_owned();
    let call = Call::post("/admin/v1/organizations/acme/keys").bearer(&operator);
    let made = world.send(call.json(&json!({ "label": "ours" }))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    (operator, made.json()["key"].as_str().unwrap().to_owned())
}

fn publish_call(world: &World, files: Files, key: &str) -> Call {
    let folder = world.folder(files);
    let files: Vec<Value> = folder
        .files
        .iter()
        .map(|(path, text)| json!({ "path": path, "text": text }))
        .collect();
    let secrets: Vec<Value> = folder
        .secrets
        .iter()
        .map(|secret| {
            json!({
                "organization": secret.organization,
                "connection": secret.connection,
                "secret": secret.secret.expose_secret(),
            })
        })
        .collect();
    let body = json!({ "branch": "main", "files": files, "secrets": secrets });
    Call::post("/admin/v1/publish").bearer(key).json(&body)
}

/// Proves in part: GRP-3 (groups are not matched yet)
#[tokio::test]
async fn only_an_operator_turns_on_group_matching() {
    let world = World::new().await;
    let (operator, administrator) = keys(&world).await;
    let organization = "organizations/acme/organization.yaml";
    let files = Files::examples().replacing(
        organization,
        "organization: acme",
        "organization: acme\ngroup_matching: true",
    );
    let refused = world
        .send(publish_call(&world, files.clone(), &administrator))
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "Forbidden")
    );
    let taken = world.send(publish_call(&world, files, &operator)).await;
    assert_eq!(
        (
            taken.status,
            taken.json()["organizations"][0]["changed"].clone()
        ),
        (200, json!(true))
    );
}

/// Proves in part: OPS-8 (the command that makes the key once is the command line's)
#[tokio::test]
async fn who_may_publish_what() {
    let world = World::new().await;
    let nobody = "usher_0123456789012345678901234567890123456789012";
    let first = world
        .send(publish_call(&world, Files::examples(), nobody))
        .await;
    assert_eq!(first.status, 401, "without a key nobody administers");

    let (operator, administrator) = keys(&world).await;
    let own = Files::acme().agent("probe", "", PROBE);
    let both = own.clone().organization("beta");
    let other = both.clone().without("organizations/acme");
    for (key, files, status) in [
        (&administrator, own.clone(), 200),
        (&administrator, both.clone(), 403),
        (&administrator, other, 403),
        (&operator, both, 200),
        (&nobody.to_owned(), own, 401),
    ] {
        let answer = world.send(publish_call(&world, files, key)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let more = Call::post("/admin/v1/organizations/acme/keys").bearer(&administrator);
    assert_eq!(
        world
            .send(more.json(&json!({ "label": "more" })))
            .await
            .status,
        403
    );
    let listed = world
        .send(Call::get("/admin/v1/organizations/acme/versions").bearer(&administrator))
        .await;
    let versions = listed.json()["versions"].as_array().unwrap().len();
    assert_eq!(
        (listed.status, versions),
        (200, 2),
        "publishing the same again made no version"
    );
}
