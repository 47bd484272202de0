//! The sign-in card and its link (features 2).

use flow::Status;
use testkit::{Button, Files, ISSUER, PUBLIC_URL, World};
use url::Url;

fn button(kind: &str, title: &str, value: &str) -> Button {
    Button {
        kind: kind.to_owned(),
        title: title.to_owned(),
        value: value.to_owned(),
    }
}

/// Proves: CRD-1
#[tokio::test]
async fn the_card_has_a_text_and_two_buttons_unless_told_otherwise() {
    let files = Files::acme()
        .agent(
            "plain",
            "",
            "  - id: who\n    sign_in: { connection: corp }",
        )
        .agent(
            "own",
            "variables: { name: Zoe }",
            "  - id: who
    sign_in:
      connection: corp
      card:
        text: Who are you, {{ name }}?
        buttons:
          - { title: Tell, value: \"[[ChatUser]].OauthAccessURL\" }
          - { title: Rather not, value: cancel }",
        );
    let world = World::with(files).await;
    let mut plain = world.browser().chat("acme", "plain").await;
    let card = plain.prompt().await;
    assert_eq!(card.text, "Please sign in to continue.");
    assert_eq!(
        card.buttons,
        [
            button("openUrl", "Sign in", &card.link),
            button("imBack", "Cancel", "cancel")
        ]
    );

    let mut own = world.browser().chat("acme", "own").await;
    let card = own.prompt().await;
    assert_eq!(card.text, "Who are you, Zoe?");
    assert_eq!(
        card.buttons,
        [
            button("openUrl", "Tell", &card.link),
            button("imBack", "Rather not", "cancel")
        ]
    );
}

/// Proves: CRD-2
#[tokio::test]
async fn the_button_opens_the_link_that_flows_can_read_and_each_run_has_its_own() {
    let files = Files::acme().agent(
        "probe",
        "",
        "  - id: who
    sign_in: { connection: corp }
    on_exception: told
  - id: told
    message: \"{{ ChatUser.OauthAccessURL }}\"",
    );
    let world = World::with(files).await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "probe").await;
    let first = chat.prompt().await.link;
    chat.say("cancel").await;
    assert_eq!(chat.said().await, [first.as_str()]);

    chat.say("once more").await;
    let second = chat.prompt().await.link;
    assert_ne!(first, second);
    let address = browser.set_out(&second).await.provider();
    assert!(
        address.starts_with(&format!("{ISSUER}/authorize?")),
        "{address}"
    );
}

/// Proves: CRD-3
#[tokio::test]
async fn cancel_ends_the_wait_at_once_and_kills_the_link() {
    let world = World::new().await;
    for words in ["the button", "cancel", "CANCEL"] {
        let browser = world.browser();
        let mut chat = browser.chat("acme", "explain").await;
        let card = chat.prompt().await;
        let words = match words {
            "the button" => card
                .buttons
                .iter()
                .find(|button| button.kind == "imBack")
                .unwrap()
                .value
                .clone(),
            words => words.to_owned(),
        };
        let pressed = world.now();
        chat.say(&words).await;
        assert_eq!(
            chat.said().await,
            ["You cancelled, so no ticket was opened."]
        );
        assert_eq!(world.now(), pressed, "no time has gone by");
        let raised = Status::Raised("cancelled".to_owned());
        assert!(
            world
                .steps(&chat)
                .await
                .iter()
                .any(|step| step.step == "sign_in" && step.status == raised)
        );
        let page = browser.get(&card.link).await;
        assert_eq!(
            (page.status, page.title().as_str()),
            (410, "This sign-in has ended")
        );
    }
}

/// Proves: CRD-4
#[tokio::test]
async fn the_prompt_appears_without_a_word_from_the_person() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "explain").await;
    assert_eq!(chat.prompts().await.len(), 1);
    let from_person = chat
        .activities()
        .await
        .iter()
        .filter(|activity| activity["from"]["role"] == "user");
    assert_eq!(from_person.count(), 0);
}

/// Proves: CRD-5
#[tokio::test]
async fn the_link_is_ours_and_leads_to_the_connections_provider() {
    let other = "https://login.other.example";
    let files = Files::acme().connection("second", other).agent(
        "probe",
        "",
        "  - id: who\n    sign_in: { connection: second }",
    );
    let path = "organizations/acme/connections/second.yaml";
    let wanted = files
        .clone()
        .replacing(path, "client_id: usher", "client_id: another-client");
    let world = World::with(Files::examples()).await;
    world.add_provider(other, "second");
    world.publish(wanted).await.unwrap();

    let browser = world.browser();
    let mut chat = browser.chat("acme", "probe").await;
    let link = Url::parse(&chat.prompt().await.link).unwrap();
    assert_eq!(link.origin().ascii_serialization(), PUBLIC_URL);
    assert!(link.path().starts_with("/sign-in/"), "{link}");

    let address = Url::parse(&browser.set_out(link.as_str()).await.provider()).unwrap();
    assert_eq!(address.origin().ascii_serialization(), other);
    let client = address
        .query_pairs()
        .find(|(name, _)| name == "client_id")
        .unwrap()
        .1;
    assert_eq!(client, "another-client");
}
