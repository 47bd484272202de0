//! The sign-in step, from its card to the node after it (features 1).

use flow::{Level, Status};
use serde_json::json;
use testkit::{
    Files, World,
    rehearsal::{Endpoint, Fault, fault::Http::Refusal},
};

/// What a test looks at in the monitor: step, kind and outcome.
async fn shown(world: &World, chat: &testkit::Chat) -> Vec<(String, String, Status)> {
    let steps = world.steps(chat).await;
    let shown = steps
        .into_iter()
        .map(|step| (step.step, step.kind, step.status));
    shown.collect()
}

/// Proves in part: SGN-2 (the monitor has no page yet)
#[tokio::test]
async fn a_step_has_a_name_and_the_monitor_shows_it() {
    let nameless = Files::acme().agent("probe", "", "  - sign_in: { connection: corp }");
    let named = Files::acme().agent(
        "probe",
        "",
        "  - id: Who_are_you\n    sign_in: { connection: corp }",
    );
    let world = World::with(named).await;

    let refused = world.publish(nameless).await.unwrap_err();
    let app::publish::PublishError::Mistakes(mistakes) = refused else {
        panic!("{refused}")
    };
    assert!(
        mistakes
            .iter()
            .any(|mistake| mistake.message.contains("`id`")),
        "{mistakes:?}"
    );

    let chat = world.browser().chat("acme", "probe").await;
    let expected = (
        "Who_are_you".to_owned(),
        "sign_in".to_owned(),
        Status::Waiting,
    );
    assert_eq!(shown(&world, &chat).await, [expected]);
}

/// Proves in part: SGN-3 (removal under a run)
#[tokio::test]
async fn a_connection_must_exist_when_the_flow_is_published() {
    let step = "  - id: who\n    sign_in: { connection: cropp }";
    let world = World::with(Files::acme().agent("probe", "", &step.replace("cropp", "corp"))).await;
    let unknown = Files::acme().agent("probe", "", step);
    let deleted = Files::acme()
        .agent("probe", "", &step.replace("cropp", "corp"))
        .without("organizations/acme/connections/");
    for files in [unknown, deleted] {
        let refused = world.publish(files).await.unwrap_err().to_string();
        assert!(refused.contains("mistake"), "{refused}");
    }
}

/// Proves: SGN-3
#[tokio::test]
async fn a_connection_is_known_when_it_is_published_and_its_removal_fails_the_run_that_needs_it() {
    let step = |code: &str| {
        format!(
            "  - id: who\n    sign_in: {{ connection: {code} }}\n    on_exception: told\n  - id: in\n    message: in\n    next: end\n  - id: told\n    message: \"{{{{ SystemError.Code }}}}\""
        )
    };
    let other = "https://login.other.example";
    let files = Files::acme().connection("other", other);
    let world = World::new().await;
    world.add_provider(other, "other");
    let refused = world
        .publish(files.clone().agent("probe", "", &step("othr")))
        .await;
    assert!(refused.is_err(), "an unknown code is refused");
    world
        .publish(files.clone().agent("probe", "", &step("other")))
        .await
        .unwrap();
    let browser = world.browser();
    let mut chat = browser.chat("acme", "probe").await;
    let link = chat.prompt().await.link;

    // A flow may not refer to it any more; this session still runs the version that did.
    world
        .publish(Files::acme().agent("probe", "", &step("corp")))
        .await
        .unwrap();
    let page = browser.get(&link).await;
    assert_eq!(page.status, 502, "{}", page.text());
    assert_eq!(chat.said().await, ["no_configuration"]);
}

/// Proves in part: SGN-3 (a registration that the provider has deleted)
#[tokio::test]
async fn a_connection_that_is_no_more_fails_the_run_instead_of_hanging() {
    let world = World::new().await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "explain").await;
    let link = chat.prompt().await.link;
    world.provider().faults.always(Fault::Http(
        Endpoint::Token,
        Refusal {
            status: 401,
            error: "invalid_client".to_owned(),
            description: "unregistered".to_owned(),
        },
    ));
    browser.sign_in(&link, "ann").await;
    assert_eq!(
        chat.said().await,
        ["The sign-in did not work (no_configuration). Our people have been told."]
    );
}

/// Proves: SGN-4
#[tokio::test]
async fn the_identity_is_fetched_only_where_the_switch_says_so() {
    let steps = |switch: bool| {
        format!(
            "  - id: who\n    sign_in: {{ connection: corp, get_user_identity: {switch} }}\n  \
             - id: hello\n    message: \"<{{{{ ChatUser.FirstName }}}}>\""
        )
    };
    for (switch, requests, greeting) in [(true, 1, "<Ann>"), (false, 0, "<>")] {
        let world = World::with(Files::acme().agent("probe", "", &steps(switch))).await;
        let browser = world.browser();
        let mut chat = browser.chat("acme", "probe").await;
        let link = chat.prompt().await.link;
        browser.sign_in(&link, "ann").await;
        assert_eq!(chat.said().await, [greeting], "{switch}");
        assert_eq!(
            world.provider().count(Endpoint::UserInfo),
            requests,
            "{switch}"
        );
    }
}

/// Proves in part: SGN-5 (the composer is the page's)
#[tokio::test]
async fn typing_is_refused_while_a_blocking_sign_in_is_pending() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "travel").await;
    assert_eq!(chat.status().await["typing"], "blocked");
    let before = chat.activities().await.len();
    for words in ["hello", "cancel it"] {
        let refused = (409, "sign_in_pending".to_owned());
        assert_eq!(chat.try_say(words).await, refused, "{words}");
    }
    assert_eq!(
        chat.activities().await.len(),
        before,
        "nothing of it is kept"
    );
    chat.say(" Cancel ").await;
    assert_eq!(chat.status().await["typing"], "open");
    assert!(chat.said().await.pop().unwrap().starts_with("All right."));
}

/// Proves in part: SGN-5 (the composer is the page's)
#[tokio::test]
async fn typing_is_taken_while_a_sign_in_is_pending_that_does_not_block() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "explain").await;
    assert_eq!(chat.status().await["typing"], "open");
    chat.say("hello?").await;
    assert!(
        chat.status().await["prompt"].is_object(),
        "the prompt still waits"
    );
}

/// Proves: SGN-7
#[tokio::test]
async fn the_next_step_calls_an_api_as_the_person() {
    let world = World::new().await;
    for person in ["ann", "ben"] {
        let browser = world.browser();
        let mut chat = browser.chat("acme", "travel").await;
        let link = chat.prompt().await.link;
        browser.sign_in(&link, person).await;
        let provider = world.provider();
        let call = provider.seen_at(Endpoint::Api).next_back().unwrap();
        assert_eq!(
            call.subject.as_deref(),
            Some(format!("person-{person}").as_str())
        );
        assert_eq!(call.status, 200);
    }
}

/// Proves: SGN-8
#[tokio::test]
async fn a_person_who_holds_a_token_is_not_asked_again_until_it_is_removed() {
    let files = Files::acme().agent(
        "probe",
        "",
        r#"  - id: forget
    when: Conversation.LastMessage == "forget me"
    set: { ChatUser.SSOToken: null }
  - id: who
    when: "[[ChatUser]].SSOToken == null"
    sign_in: { connection: corp }
  - id: hello
    message: Hello {{ Auth.given_name }}"#,
    );
    let world = World::with(files).await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "probe").await;
    let link = chat.prompt().await.link;
    browser.sign_in(&link, "ann").await;
    assert_eq!(chat.said().await, ["Hello Ann"]);
    let session = world.session(&chat).await.unwrap().id().to_owned();

    chat.say("again").await;
    assert_eq!(chat.said().await, ["Hello Ann"]);
    assert_eq!(chat.prompts().await.len(), 1, "no second prompt");
    assert_eq!(
        world.session(&chat).await.unwrap().id(),
        session,
        "the same session"
    );

    chat.say("forget me").await;
    assert_eq!(chat.said().await, Vec::<String>::new());
    assert_eq!(chat.prompts().await.len(), 2, "the prompt is back");
    let link = chat.prompt().await.link;
    browser.sign_in(&link, "ann").await;
    assert_eq!(chat.said().await, ["Hello Ann"]);
}

const ACTIONS: &str =
    "    post_actions: [get_user_identity, save_identified_user, save_authenticated_user]";
const STEPS: &str = "  - id: identity
    get_user_identity: { connection: corp }
  - id: identified
    save_identified_user: true
  - id: authenticated
    save_authenticated_user: true";

/// Proves: SGN-10
#[tokio::test]
async fn a_post_action_and_a_step_leave_the_session_in_the_same_state() {
    let sign_in = "  - id: who\n    sign_in: { connection: corp }";
    let tail = "  - id: wait\n    ask: { text: Well?, into: answer }";
    let variables = "variables: { answer: null }";
    let files = Files::acme()
        .agent(
            "actions",
            variables,
            &format!("{sign_in}\n{ACTIONS}\n{tail}"),
        )
        .agent("steps", variables, &format!("{sign_in}\n{STEPS}\n{tail}"));
    let world = World::with(files).await;
    let browser = world.browser();
    let mut states = Vec::new();
    for agent in ["actions", "steps"] {
        let mut chat = browser.new_chat("acme", agent).await;
        let link = chat.prompt().await.link;
        browser.sign_in(&link, "ann").await;

        let kinds: Vec<String> = world
            .steps(&chat)
            .await
            .into_iter()
            .filter(|step| step.status == Status::Done)
            .map(|step| step.kind)
            .collect();
        assert_eq!(
            kinds,
            [
                "sign_in",
                "get_user_identity",
                "save_identified_user",
                "save_authenticated_user"
            ],
            "{agent}"
        );
        let session = world.session(&chat).await.unwrap();
        let mut state = json!(session);
        // What names this very run is its own.
        for own in ["id", "stack", "waiting", "runs", "left"] {
            state.as_object_mut().unwrap().remove(own);
        }
        for own in ["SSOToken", "OauthAccessURL"] {
            state["chat_user"].as_object_mut().unwrap().remove(own);
        }
        states.push(state);
    }
    assert_eq!(states[0], states[1]);
    assert_eq!(states[0]["level"], "authenticated");
    assert_eq!(states[0]["chat_user"]["FirstName"], "Ann");
}

const TELL: &str = r#"  - id: tell
    branch:
      - { when: "[[ChatUser]].IsAuthenticated == true", goto: authenticated }
      - { when: "[[ChatUser]].IsIdentified == true", goto: identified }
  - id: unknown
    message: unknown {{ Session.Level }}
    next: end
  - id: identified
    message: identified {{ Session.Level }}
    next: end
  - id: authenticated
    message: authenticated {{ Session.Level }}"#;

/// Proves: SGN-11, SGN-12
#[tokio::test]
async fn only_the_two_actions_say_how_far_a_person_is_known() {
    let agents = [
        ("none", "", Level::Unknown, "unknown unknown"),
        (
            "first",
            "    post_actions: [save_identified_user]\n",
            Level::Identified,
            "identified identified",
        ),
        (
            "second",
            "    post_actions: [save_authenticated_user]\n",
            Level::Authenticated,
            "authenticated authenticated",
        ),
    ];
    let files = agents
        .iter()
        .fold(Files::acme(), |files, (name, actions, ..)| {
            let steps =
                format!("  - id: who\n    sign_in: {{ connection: corp }}\n{actions}{TELL}");
            files.agent(name, "", &steps)
        });
    let world = World::with(files).await;
    let browser = world.browser();
    for (agent, _, level, told) in agents {
        let mut chat = browser.new_chat("acme", agent).await;
        let link = chat.prompt().await.link;
        browser.sign_in(&link, "ann").await;
        assert_eq!(chat.said().await, [told]);
        assert_eq!(world.session(&chat).await.unwrap().level(), level);
    }
}

const REMEMBERS: &str = r#"  - id: word
    ask: { text: Say a word., into: word }
  - id: who
    sign_in: { connection: corp }
  - id: count
    set: { passes: "{{ passes + 1 }}" }
  - id: told
    message: "{{ word }} {{ passes }}, {{ Auth.given_name }}"
  - id: wait
    ask: { text: Well?, into: answer }"#;

/// Proves: SGN-16
#[tokio::test]
async fn after_sign_in_the_conversation_goes_on_by_itself_also_after_a_restart() {
    let variables = "variables: { word: null, passes: 0, answer: null }";
    let world = World::with(Files::acme().agent("probe", variables, REMEMBERS)).await;
    let browser = world.browser();
    for restarts in [false, true] {
        let mut chat = browser.new_chat("acme", "probe").await;
        chat.say("plum").await;
        let link = chat.prompt().await.link;
        chat.said().await;
        if restarts {
            world.restart().await;
        }
        let page = browser.sign_in(&link, "ann").await;
        assert_eq!(
            (page.status, page.title().as_str()),
            (200, "You are signed in")
        );
        assert_eq!(
            chat.said().await,
            ["plum 1, Ann", "Well?"],
            "restarted: {restarts}"
        );
        world.advance(60).await;
        assert_eq!(
            chat.said().await,
            Vec::<String>::new(),
            "the next node ran once"
        );
        let session = world.session(&chat).await.unwrap();
        assert_eq!(session.current_step(), Some(("main", "wait")));
    }
}
