//! The keys of providers: rotated, withdrawn, flooded for, out of reach, and somebody else's
//! (`security.md` section 6).

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod logged;

use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::{
    BEGIN, Chat, Files, ISSUER, PUBLIC_URL, World,
    jose::{Alg, sign::SigningKey},
    rehearsal::{
        Client, ClientAuth, Endpoint, Fault, Provider,
        fault::{Http, IdToken},
    },
};

use self::logged::Logged;

/// Signs in and says what is known.
const PROBE: &str = "  - id: who
    sign_in: { connection: corp }
    on_exception: failed
  - id: in
    message: \"in {{ Auth.sub }}\"
    next: end
  - id: failed
    message: \"{{ SystemError.Code }} {{ Auth.sub }}\"";

fn probe() -> Files {
    Files::acme().agent("probe", "", PROBE)
}

/// What a new chat is told after a whole sign-in.
async fn signed_in(world: &World) -> String {
    let mut chat = world.browser().chat("acme", "probe").await;
    chat.sign_in("ann").await;
    told(&mut chat).await
}

async fn told(chat: &mut Chat) -> String {
    chat.said().await.pop().unwrap_or_default()
}

/// A sign-in on its way to the provider, whose answer the test writes itself.
struct Bound {
    chat: Chat,
    address: String,
}

impl Bound {
    async fn to(world: &World, agent: &str) -> Self {
        let mut chat = world.browser().chat("acme", agent).await;
        let link = chat.prompt().await.link;
        let address = chat.browser().set_out(&link).await.provider();
        Self { chat, address }
    }

    /// An ID token for this very attempt, right in all but who signed it.
    fn token(&self, world: &World, issuer: &str, key: &SigningKey, kid: Option<&str>) -> String {
        let query = self.address.split('?').nth(1).unwrap_or_default();
        let nonce = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("nonce="))
            .unwrap_or_default();
        let now = world.now().as_second();
        let claims = json!({
            "iss": issuer, "sub": "forged", "aud": "usher", "nonce": nonce,
            "iat": now, "exp": now + 300,
        });
        let header = match kid {
            Some(kid) => json!({ "alg": "ES256", "kid": kid }),
            None => json!({ "alg": "ES256" }),
        };
        key.sign_with_header(&header, &claims).unwrap_or_default()
    }

    /// Ann agrees, and the provider answers the code with this ID token: where she is sent.
    fn answered(&self, world: &World, provider: &mut Provider, id_token: String) -> String {
        provider.faults.once(IdToken::Raw(id_token));
        let back = provider.authorize_as(&self.address, "ann", world.now());
        back.expect("ann agrees")
    }

    /// What the chat is told once the browser is back.
    async fn back(mut self, callback: String) -> String {
        self.chat.browser().come_back(&callback).await;
        told(&mut self.chat).await
    }
}

fn key(kid: &str) -> SigningKey {
    SigningKey::generate(Alg::ES256, kid).expect("there is randomness")
}

fn set_of(keys: &[&SigningKey]) -> Fault {
    let keys: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    let set = json!({ "keys": keys }).to_string().into_bytes();
    Fault::Http(Endpoint::Keys, Http::Body(set))
}

/// From now on the provider publishes these keys and no others.
fn publishes(provider: &mut Provider, keys: &[&SigningKey]) {
    provider.faults.clear();
    provider.faults.always(set_of(keys));
}

/// Proves: JWK-4
#[tokio::test]
async fn rotated_keys_are_noticed_at_once_without_a_restart() {
    let world = World::with(probe()).await;
    let rotate = || {
        let mut provider = world.provider();
        provider.rotate_keys().unwrap();
        provider.retire_old_keys();
    };
    let fetches = || world.provider().count(Endpoint::Keys);
    rotate();
    assert_eq!(signed_in(&world).await, "in person-ann", "before the first");
    assert_eq!(fetches(), 1);
    rotate();
    assert_eq!(signed_in(&world).await, "in person-ann", "between two");
    assert_eq!(fetches(), 2);

    // While a person is at the provider, and once more: all within one minute.
    let mut chat = world.browser().chat("acme", "probe").await;
    let link = chat.prompt().await.link;
    let address = chat.browser().set_out(&link).await.provider();
    rotate();
    let back = world.provider().authorize_as(&address, "ann", world.now());
    chat.browser().come_back(&back.unwrap()).await;
    assert_eq!(told(&mut chat).await, "in person-ann", "during one");
    rotate();
    assert_eq!(signed_in(&world).await, "in person-ann", "again");
    assert_eq!(fetches(), 4);
    assert_eq!(signed_in(&world).await, "in person-ann");
    assert_eq!(fetches(), 4, "what is known is not fetched");
    assert_eq!(world.now(), BEGIN);

    // Fresh for ten minutes, then fetched as a matter of course.
    world.advance(601).await;
    assert_eq!(signed_in(&world).await, "in person-ann");
    assert_eq!(fetches(), 5);
}

/// Proves: JWK-4
#[tokio::test]
async fn a_token_that_names_no_key_is_tried_with_newer_ones_too() {
    let world = World::with(probe()).await;
    let (old, new) = (key("old"), key("new"));
    for (published, signer, expected) in [
        (&old, &old, "in forged"),
        (&new, &new, "in forged"),
        (&new, &old, "provider_error"),
    ] {
        publishes(&mut world.provider(), &[published]);
        let bound = Bound::to(&world, "probe").await;
        let token = bound.token(&world, ISSUER, signer, None);
        let callback = bound.answered(&world, &mut world.provider(), token);
        assert_eq!(
            bound.back(callback).await,
            expected,
            "{} of {}",
            signer.kid(),
            published.kid()
        );
    }
}

/// Proves: JWK-5
#[tokio::test]
async fn sign_ins_by_unknown_keys_do_not_flood_the_provider() {
    let world = World::with(probe()).await;
    for number in 0..24 {
        let kid = json!(format!("unknown-{number}"));
        let unknown = IdToken::Header("kid".to_owned(), kid);
        world.provider().faults.once(unknown);
        assert_eq!(signed_in(&world).await, "provider_error");
        world.advance(2).await;
        assert_eq!(
            signed_in(&world).await,
            "in person-ann",
            "the honest are let in"
        );
    }
    assert_eq!(world.provider().count(Endpoint::Keys), 4);
}

/// Proves: JWK-6
#[tokio::test]
async fn while_the_keys_cannot_be_had_the_last_ones_serve_for_a_day_and_never_nothing() {
    let (log, _guard) = Logged::begin();
    let world = World::with(probe()).await;
    assert_eq!(signed_in(&world).await, "in person-ann");
    let down = Fault::Http(Endpoint::Keys, Http::Unreachable);
    world.provider().faults.always(down);
    let unsigned = || world.provider().faults.once(IdToken::Unsigned);

    // Fresh until minute 10; from then on each look is a failure: after 1, 2, 4, 8 seconds, …
    world.advance(600).await;
    log.take("");
    let before = world.provider().count(Endpoint::Keys);
    for _ in 0..16 {
        assert_eq!(signed_in(&world).await, "in person-ann", "stale keys serve");
        world.advance(1).await;
    }
    let fetches = world.provider().count(Endpoint::Keys) - before;
    assert_eq!(fetches, 5, "seconds 0, 1, 3, 7, 15");
    let alerts = log.take("keys.not_fetched");
    assert_eq!(alerts.len(), 5, "{alerts:?}");
    assert!(
        alerts[0].contains("WARN") && alerts[0].contains("could not connect"),
        "{alerts:?}"
    );

    // Later ones lie five minutes apart.
    world.advance(7200).await;
    let before = world.provider().count(Endpoint::Keys);
    for _ in 0..11 {
        assert_eq!(signed_in(&world).await, "in person-ann", "stale keys serve");
        world.advance(60).await;
    }
    assert!(world.provider().count(Endpoint::Keys) - before <= 4);

    for (seconds, expected) in [(86_399, "in person-ann"), (86_400, "provider_down")] {
        let passed = world.now().duration_since(BEGIN).as_secs();
        world.advance(seconds - passed).await;
        unsigned();
        let forged = signed_in(&world).await;
        assert!(
            !forged.starts_with("in"),
            "an unsigned one never does: {forged}"
        );
        assert_eq!(signed_in(&world).await, expected, "second {seconds}");
    }
    let mut chat = world.browser().chat("acme", "probe").await;
    let page = chat.sign_in("ann").await;
    assert_eq!(page.title(), "The sign-in service does not answer");

    world.provider().faults.clear();
    world.advance(300).await;
    assert_eq!(signed_in(&world).await, "in person-ann", "it is back");
}

/// Proves: JWK-6
#[tokio::test]
async fn without_any_keys_nobody_is_let_in() {
    for fault in [
        Http::Unreachable,
        Http::Status {
            status: 503,
            retry_after_s: Some(1),
        },
        Http::Status {
            status: 404,
            retry_after_s: None,
        },
        Http::NotJson,
        Http::Body(b"{}".to_vec()),
        Http::Late(SignedDuration::from_secs(60)),
    ] {
        let world = World::with(probe()).await;
        let fault = Fault::Http(Endpoint::Keys, fault);
        world.provider().faults.always(fault.clone());
        assert_eq!(signed_in(&world).await, "provider_down", "{fault:?}");
    }
}

/// Proves: JWK-7
#[tokio::test]
async fn a_key_that_is_no_longer_published_verifies_nothing() {
    let world = World::with(probe()).await;
    let (leaked, kept, newer) = (key("leaked"), key("kept"), key("newer"));
    let sign_in_with = async |signer: &SigningKey| {
        let bound = Bound::to(&world, "probe").await;
        let token = bound.token(&world, ISSUER, signer, Some(signer.kid()));
        {
            let callback = bound.answered(&world, &mut world.provider(), token);
            bound.back(callback).await
        }
    };
    publishes(&mut world.provider(), &[&leaked, &kept]);
    assert_eq!(sign_in_with(&leaked).await, "in forged");
    assert_eq!(sign_in_with(&kept).await, "in forged");

    // Withdrawn. Nothing tells this node of it, and within the freshness time it has noticed.
    publishes(&mut world.provider(), &[&kept]);
    world.advance(600).await;
    assert_eq!(sign_in_with(&leaked).await, "provider_error");
    assert_eq!(sign_in_with(&kept).await, "in forged");

    // Or at once, where anything else makes it look.
    publishes(&mut world.provider(), &[&newer]);
    assert_eq!(sign_in_with(&newer).await, "in forged");
    assert_eq!(sign_in_with(&kept).await, "provider_error");
}

/// Proves: JWK-8
#[tokio::test]
async fn a_key_of_one_connection_verifies_nothing_for_another() {
    let other = "https://login.other.example";
    let steps = PROBE.replace("connection: corp", "connection: other");
    let files = probe()
        .connection("other", other)
        .agent("second", "", &steps);
    let world = World::with(probe()).await;
    let hostile = world.add_provider(other, "other");
    world.publish(files).await.unwrap();
    let (honest_key, hostile_key) = (key("the-same-kid"), key("the-same-kid"));
    publishes(&mut world.provider(), &[&honest_key]);
    publishes(&mut hostile.lock().unwrap(), &[&hostile_key]);

    // The agent, whose name stands in the token, whose key signs it.
    for (row, (agent, issuer, signer, expected)) in [
        ("second", other, &hostile_key, "in forged"),
        ("probe", ISSUER, &honest_key, "in forged"),
        // Both sets are held by now.
        ("probe", ISSUER, &hostile_key, "provider_error"),
        ("second", other, &honest_key, "provider_error"),
        // The hostile provider speaks for the honest one.
        ("second", ISSUER, &hostile_key, "provider_error"),
    ]
    .into_iter()
    .enumerate()
    {
        for kid in [Some("the-same-kid"), None] {
            let bound = Bound::to(&world, agent).await;
            let token = bound.token(&world, issuer, signer, kid);
            let callback = match agent {
                "probe" => bound.answered(&world, &mut world.provider(), token),
                _ => bound.answered(&world, &mut hostile.lock().unwrap(), token),
            };
            assert_eq!(bound.back(callback).await, expected, "row {row}, {kid:?}");
        }
    }
}

/// Two organizations with the same provider: as the client `usher`, and as `usher-beta`.
async fn two_organizations() -> World {
    let files = probe().organization("beta").replacing(
        "organizations/beta/connections/corp.yaml",
        "client_id: usher",
        "client_id: usher-beta",
    );
    let world = World::with(probe()).await;
    world.publish(files).await.unwrap();
    let secret = ClientAuth::Basic(testkit::CLIENT_SECRET.to_owned());
    let callback = format!("{PUBLIC_URL}/oauth-callback/beta/corp");
    let client = Client::new("usher-beta", secret, &callback);
    world.provider().register(client);
    world.provider().forget_seen();
    world
}

async fn signed_in_at(world: &World, organization: &str) -> String {
    let mut chat = world.browser().chat(organization, "probe").await;
    chat.sign_in("ann").await;
    told(&mut chat).await
}

/// Proves: JWK-8, TEN-3
#[tokio::test]
async fn what_one_organization_learns_of_a_provider_serves_no_other() {
    let world = two_organizations().await;
    let seen = |endpoint| world.provider().count(endpoint);
    for (organization, fetches) in [("acme", 1), ("acme", 1), ("beta", 2), ("beta", 2)] {
        let told = signed_in_at(&world, organization).await;
        assert_eq!(told, "in person-ann", "{organization}");
        assert_eq!(seen(Endpoint::Keys), fetches, "{organization}");
        assert_eq!(seen(Endpoint::Discovery), fetches, "{organization}");
    }
    let clients: Vec<String> = world
        .provider()
        .seen_at(Endpoint::Authorize)
        .filter_map(|seen| seen.query("client_id").map(str::to_owned))
        .collect();
    assert_eq!(clients, ["usher", "usher", "usher-beta", "usher-beta"]);

    // One that is flooded has nothing left to fetch with; the other one notices new keys at once.
    for number in 0..5 {
        let kid = json!(format!("unknown-{number}"));
        let unknown = IdToken::Header("kid".to_owned(), kid);
        world.provider().faults.once(unknown);
        assert_eq!(signed_in_at(&world, "beta").await, "provider_error");
    }
    world.provider().rotate_keys().unwrap();
    world.provider().retire_old_keys();
    assert_eq!(signed_in_at(&world, "beta").await, "provider_error");
    assert_eq!(signed_in_at(&world, "acme").await, "in person-ann");
    assert_eq!(
        signed_in_at(&world, "beta").await,
        "provider_error",
        "still its own keys"
    );
    world.advance(60).await;
    assert_eq!(signed_in_at(&world, "beta").await, "in person-ann");
}

/// Proves: JWK-2
#[tokio::test]
async fn a_provider_that_publishes_a_secret_raises_an_alert() {
    let (log, _guard) = Logged::begin();
    let world = World::with(probe()).await;
    let secret = json!({ "kty": "oct", "kid": "oops\n", "k": "c2VjcmV0LWNhbmFyeQ" });
    world.provider().publish_key(secret);
    assert_eq!(signed_in(&world).await, "in person-ann", "the others serve");
    let alerts = log.take("keys.unsafe");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert!(
        !alerts[0].contains("c2VjcmV0") && !alerts[0].contains('\n'),
        "{alerts:?}"
    );
}
