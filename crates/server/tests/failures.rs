//! Time limits, cancel and the ways of failure (features 3).

use flow::Status;
use jiff::SignedDuration;
use rehearsal::{
    Endpoint, Fault,
    fault::{Http, Json},
};
use serde_json::json;
use testkit::{Answer, BEGIN, Chat, Files, World, rehearsal, status};
use tokio_util::sync::CancellationToken;

/// How the step of this name failed, and how many seconds after the beginning.
async fn failed(world: &World, chat: &Chat, step: &str) -> Vec<(String, i64)> {
    let steps = world.steps(chat).await;
    let raised = steps.into_iter().filter(|shown| shown.step == step);
    raised
        .filter_map(|shown| match shown.status {
            Status::Raised(code) => Some((code, shown.at.duration_since(BEGIN).as_secs())),
            Status::Waiting | Status::Done | Status::Skipped => None,
        })
        .collect()
}

fn timed_out_at(second: i64) -> Vec<(String, i64)> {
    vec![("timeout".to_owned(), second)]
}

fn assert_ended(page: &Answer) {
    assert_eq!(
        (page.status, page.title().as_str()),
        (410, "This sign-in has ended")
    );
}

/// Proves: TMO-1
#[tokio::test]
async fn an_attempt_lives_120_seconds_from_its_making_whenever_the_link_is_clicked() {
    let files = Files::examples().agent(
        "brief",
        "",
        "  - id: sign_in\n    sign_in: { connection: corp, lives: 30s }",
    );
    let world = World::with(files).await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "explain").await;
    let mut brief = browser.new_chat("acme", "brief").await;
    assert_eq!(
        brief.status().await["prompt"]["expires_at"],
        "2026-11-02T09:00:30Z"
    );

    let link = chat.prompt().await.link;
    world.advance(100).await;
    assert_eq!(failed(&world, &brief, "sign_in").await, timed_out_at(30));
    browser.set_out(&link).await.provider();
    world.advance(19).await;
    assert_eq!(failed(&world, &chat, "sign_in").await, [], "second 119");
    world.advance(3).await;
    let failures = failed(&world, &chat, "sign_in").await;
    assert!(
        matches!(failures.as_slice(), [(code, 120..=122)] if code == "timeout"),
        "{failures:?}"
    );
    assert_eq!(chat.said().await.len(), 1);
}

/// Looks so many times for something new that was said; how much it was.
async fn told(chat: &mut Chat, looks: u32) -> usize {
    for _ in 0..looks {
        let said = chat.said().await.len();
        if said > 0 {
            return said;
        }
    }
    0
}

/// Proves: TMO-2
#[tokio::test]
async fn the_limit_is_enforced_without_anybody_doing_anything_also_after_a_restart() {
    for restarts in [false, true] {
        let world = World::new().await;
        let mut chat = world.browser().chat("acme", "explain").await;
        // From here on the server's own loops do the work, and nothing else.
        world.stop_work();
        world.set_clock(BEGIN + SignedDuration::from_secs(60));
        if restarts {
            world.restart().await;
        }
        let stop = CancellationToken::new();
        let workers = world.spawn_workers(&stop);
        world.set_clock(BEGIN + SignedDuration::from_secs(119));
        assert_eq!(told(&mut chat, 50).await, 0, "second 119");
        // The clock stops here: whatever happens, happens in time.
        world.set_clock(BEGIN + SignedDuration::from_secs(122));
        assert_eq!(told(&mut chat, 5_000).await, 1, "restarted: {restarts}");
        let failures = failed(&world, &chat, "sign_in").await;
        assert!(
            matches!(failures.as_slice(), [(code, 120..=122)] if code == "timeout"),
            "restarted: {restarts}: {failures:?}"
        );
        stop.cancel();
        workers.await.unwrap();
    }
}

/// Proves: TMO-3
#[tokio::test]
async fn after_the_limit_the_session_is_elsewhere_and_hears_the_next_message() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "again").await;
    world.advance(121).await;
    let session = world.session(&chat).await.unwrap();
    assert_eq!(session.current_step(), Some(("main", "again")));
    chat.said().await;
    chat.say("No").await;
    chat.say("Hello").await;
    assert_eq!(chat.prompts().await.len(), 2, "the flow has begun anew");
}

/// Proves: TMO-4
#[tokio::test]
async fn an_expiry_is_an_exception_of_its_own() {
    let files = Files::acme().agent(
        "probe",
        "on_exception: other",
        "  - id: sign_in
    sign_in: { connection: corp }
    on_exception:
      - { when: \"[[SystemError]].Code == 'timeout'\", goto: late }
  - id: done
    message: done
    next: end
  - id: late
    message: late
    next: end
  - id: other
    message: other {{ SystemError.Code }}",
    );
    let world = World::with(files).await;
    for (what, told) in [
        ("nothing", "late"),
        ("cancel", "other cancelled"),
        ("carol", "other refused"),
        ("a broken provider", "other provider_error"),
    ] {
        let mut chat = world.browser().chat("acme", "probe").await;
        match what {
            "nothing" => world.advance(121).await,
            "cancel" => chat.say("cancel").await,
            "carol" => drop(chat.sign_in("carol").await),
            _ => {
                let nonsense = Json::Set("expires_in".to_owned(), json!("soon"));
                world
                    .provider()
                    .faults
                    .once(Fault::Json(Endpoint::Token, nonsense));
                chat.sign_in("ann").await;
            }
        }
        assert_eq!(chat.said().await, [told], "{what}");
    }
}

/// Proves: TMO-5
#[tokio::test]
async fn a_failed_step_takes_its_own_route_else_the_flows_and_never_sticks() {
    let own = "  - id: sign_in
    sign_in: { connection: corp }
    on_exception: own
  - id: done
    message: done
    next: end
  - id: own
    message: own
    next: end
  - id: general
    message: general";
    let off = own.replace("    on_exception: own\n", "");
    let files = Files::acme()
        .agent("on", "on_exception: general", own)
        .agent("off", "on_exception: general", &off)
        .agent("bare", "", &off);
    let world = World::with(files).await;
    let built_in =
        "Sorry, something went wrong, so this conversation ends here. Write to start anew.";
    for (agent, told) in [("on", "own"), ("off", "general"), ("bare", built_in)] {
        let mut chat = world.browser().chat("acme", agent).await;
        world.advance(121).await;
        assert_eq!(chat.said().await, [told]);
        chat.say("hello").await;
        assert_eq!(chat.prompts().await.len(), 2, "{agent}: it begins anew");
    }
}

/// Proves: TMO-6
#[tokio::test]
async fn three_examples_show_where_a_failure_may_lead() {
    let world = World::new().await;
    let browser = world.browser();
    let mut explain = browser.new_chat("acme", "explain").await;
    let mut again = browser.new_chat("acme", "again").await;
    let mut elsewhere = browser.new_chat("acme", "elsewhere").await;
    world.advance(121).await;

    let explained = "The link was open for too long, so it has ended. Nothing was signed in.";
    assert_eq!(explain.said().await, [explained]);
    let dishes = "Today for everybody: lentil soup, noodles, apple pie.";
    assert_eq!(elsewhere.said().await, [dishes]);

    let first = again.prompt().await.link;
    assert_eq!(
        again.said().await,
        ["That did not work. Shall I send you a new link?"]
    );
    world.advance(40).await;
    again.say("yes").await;
    let second = again.prompt().await.link;
    assert_ne!(first, second);
    world.advance(119).await;
    assert_eq!(
        again.said().await,
        Vec::<String>::new(),
        "a full new period"
    );
    assert_eq!(
        browser.sign_in(&second, "ann").await.title(),
        "You are signed in"
    );
    assert_eq!(again.said().await, ["A place is reserved for Ann Archer."]);
}

/// Proves: TMO-7
#[tokio::test]
async fn what_arrives_after_expiry_or_cancel_has_no_effect() {
    let world = World::new().await;
    for way in ["expiry", "cancel"] {
        for back in ["link", "callback"] {
            let browser = world.browser();
            let mut chat = browser.chat("acme", "explain").await;
            let link = chat.prompt().await.link;
            let address = browser.set_out(&link).await.provider();
            let callback = world.at_provider(&address, "ann").unwrap();
            match way {
                "expiry" => world.advance(120).await,
                _ => chat.say("cancel").await,
            }
            let before = world.session(&chat).await;
            let page = match back {
                "link" => browser.get(&link).await,
                _ => browser.come_back(&callback).await,
            };
            assert_eq!(page.title(), "This sign-in has ended", "{way}, {back}");
            assert_eq!(world.session(&chat).await, before, "{way}, {back}");
            assert_eq!(chat.status().await["signed_in"], false, "{way}, {back}");
            assert_eq!(world.provider().count(Endpoint::Token), 0, "{way}, {back}");
            assert_ended(&browser.get(&link).await);
        }
    }
    assert_eq!(world.tokens(), Vec::<String>::new());
}

/// Proves: TMO-7
#[tokio::test]
async fn an_answer_that_comes_while_the_time_runs_out_has_no_effect() {
    let world = World::new().await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "explain").await;
    let link = chat.prompt().await.link;
    world.advance(118).await;
    let address = browser.set_out(&link).await.provider();
    let callback = world.at_provider(&address, "ann").unwrap();
    let slow = Http::Late(SignedDuration::from_secs(4));
    world
        .provider()
        .faults
        .once(Fault::Http(Endpoint::Token, slow));
    browser.come_back(&callback).await;

    assert_eq!(failed(&world, &chat, "sign_in").await.len(), 1);
    assert_eq!(chat.said().await.len(), 1);
    assert_eq!(chat.status().await["signed_in"], false);
    let tokens = world.tokens();
    assert_eq!(tokens.len(), 3, "the provider gave them");
    assert!(
        world.provider().count(Endpoint::Revocation) > 0,
        "and took them back"
    );
}

const CALL: &str = "  - id: sign_in
    when: \"[[ChatUser]].SSOToken == null\"
    sign_in: { connection: corp }
  - id: call
    http: { connection: corp, get: \"https://api.acme.example/api/trips\", into: answer }
    on_exception: handler
  - id: normal
    message: \"normal {{ SystemError.IsException }} <{{ SystemError.Code }}>\"
    next: end
  - id: handler
    message: \"handler {{ SystemError.IsException }} <{{ SystemError.Code }}>\"
    next: end";

/// After its handler the flow waits for a word and calls again, in the same pass.
const MORE: &str = "
  - id: handled
    message: \"handler {{ SystemError.IsException }} <{{ SystemError.Code }}>\"
  - id: more
    ask: { into: answer }
    next: call";

async fn calling(steps: &str) -> (World, Chat) {
    let files = Files::acme().agent("probe", "variables: { answer: null }", steps);
    let world = World::with(files).await;
    let chat = world.browser().chat("acme", "probe").await;
    (world, chat)
}

/// Proves: TMO-8, TMO-9
#[tokio::test]
async fn a_failed_call_reaches_its_handler_with_the_right_code() {
    let (world, mut chat) = calling(CALL).await;
    let api = "https://api.acme.example";
    for code in [401, 403, 500] {
        world.script(api, move |_, _| status(code));
        if chat.status().await["signed_in"] == true {
            chat.say("again").await;
        } else {
            chat.sign_in("ann").await;
        }
        assert_eq!(chat.said().await, [format!("handler true <{code}>")]);
        // A 401 takes the sign-in with it; the next pass asks anew.
        if code == 401 {
            chat.say("again").await;
        }
    }
    world.take_away(api);
    chat.say("again").await;
    assert_eq!(chat.said().await, ["handler true <unreachable>"]);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_outcome_unknown_where_the_call_may_not_be_repeated() {
    for (call, code) in [
        ("post: URL, body: {}", "outcome_unknown"),
        ("post: URL, body: {}, repeatable: true", "unreachable"),
        ("get: URL", "unreachable"),
    ] {
        let call = call.replace("URL", "https://api.acme.example/api/trips");
        let steps = format!(
            "  - id: who\n    sign_in: {{ connection: corp }}\n  \
             - id: call\n    http: {{ connection: corp, {call} }}\n    on_exception: told\n  \
             - id: told\n    message: \"<{{{{ SystemError.Code }}}}>\""
        );
        let world = World::with(Files::acme().agent("probe", "", &steps)).await;
        let fault = Fault::Http(Endpoint::Api, Http::Dropped);
        world.provider().faults.always(fault);
        let mut chat = world.browser().chat("acme", "probe").await;
        chat.sign_in("ann").await;
        assert_eq!(chat.said().await, [format!("<{code}>")], "{call}");
        assert_eq!(world.provider().count(Endpoint::Api), 1, "{call}");
    }
}

/// Proves: TMO-8, TMO-11
#[tokio::test]
async fn a_call_that_succeeds_takes_the_normal_route_and_clears_the_error() {
    let again = CALL.replace("on_exception: handler", "on_exception: handled");
    let (world, mut chat) = calling(&format!("{again}{MORE}")).await;
    world.provider().faults.once(Fault::Http(
        Endpoint::Api,
        Http::Status {
            status: 503,
            retry_after_s: None,
        },
    ));
    chat.sign_in("ann").await;
    assert_eq!(chat.said().await, ["handler true <503>"]);
    let before = world.steps(&chat).await.len();
    chat.say("again").await;
    assert_eq!(chat.said().await, ["normal false <>"]);
    let steps = world.steps(&chat).await.split_off(before);
    assert!(steps.iter().all(|step| step.step != "handled"), "{steps:?}");
}

/// Proves: TMO-10
#[tokio::test]
async fn a_flow_can_send_a_401_back_through_the_sign_in_and_call_again() {
    let world = World::new().await;
    let mut chat = world.browser().chat("acme", "travel").await;
    chat.sign_in("ann").await;
    assert!(
        chat.said()
            .await
            .last()
            .unwrap()
            .starts_with("Ann, you have 2 trips")
    );

    world.provider().withdraw("ann");
    world.provider().forget_seen();
    chat.say("my trips").await;
    assert_eq!(chat.prompts().await.len(), 2, "401 led to a new prompt");
    assert_eq!(chat.said().await, ["Hi! I can show your next trips."]);
    chat.sign_in("ann").await;
    assert!(
        chat.said()
            .await
            .last()
            .unwrap()
            .starts_with("Ann, you have 2 trips")
    );
    let calls: Vec<u16> = world
        .provider()
        .seen_at(Endpoint::Api)
        .map(|seen| seen.status)
        .collect();
    assert_eq!(calls, [401, 200], "the same call succeeded, once");
}

#[tokio::test]
async fn a_sign_in_that_a_restart_cut_off_ends_as_interrupted_and_sends_its_code_once() {
    let world = World::new().await;
    let browser = world.browser();
    let mut chat = browser.chat("acme", "explain").await;
    let link = chat.prompt().await.link;
    let address = browser.set_out(&link).await.provider();
    let callback = world.at_provider(&address, "ann").unwrap();
    world.silence(Endpoint::Token);
    let under_way = tokio::spawn({
        let (browser, callback) = (browser.clone(), callback.clone());
        async move { browser.come_back(&callback).await }
    });
    while world.provider().count(Endpoint::Token) == 0 {
        tokio::task::yield_now().await;
    }
    world.restart().await;
    under_way.abort();
    assert_eq!(
        chat.said().await,
        ["The sign-in did not work (interrupted). Our people have been told."]
    );
    let page = browser.come_back(&callback).await;
    assert_eq!(page.title(), "The sign-in was interrupted");
    assert_eq!(world.provider().count(Endpoint::Token), 1);
}
