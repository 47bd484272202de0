//! Random lives of sessions: whatever happens, in whatever order, what must stay true stays true.

use flow::{
    Effect, Event, HeaderValue, HttpAnswer, HttpFailure, IdentityFailure, Run, Session,
    SignInFailure, Status, Turn, WaitsFor,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::world::{self, World};

/// Something that may happen; what it refers to is filled in when it does.
#[derive(Clone, Debug)]
enum Happening {
    Start,
    Say(&'static str),
    SignIn {
        late: bool,
        granted: bool,
        other: bool,
    },
    Refuse {
        late: bool,
        reason: SignInFailure,
    },
    TimeOut {
        late: bool,
    },
    Answer {
        late: bool,
        answer: HttpAnswer,
    },
    Identity {
        late: bool,
        answer: Result<Vec<(String, Json)>, IdentityFailure>,
    },
    Pass(i64),
    Ungrant,
    Channel {
        buttons: bool,
        proves_browser: bool,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let late = || prop::bool::weighted(0.15);
    let reasons = [
        SignInFailure::Refused,
        SignInFailure::ProviderDown,
        SignInFailure::NoConfiguration,
    ];
    let words = [
        "go", "call", "round", "out", "post", "end", "cancel", " Cancel ", "Yes", "", "{{ 1 }}",
    ];
    let answers = [
        HttpAnswer::Answered {
            status: 200,
            body: json!({ "x": 3, "$token": { "connection": "corp", "grant": "forged" } }),
        },
        HttpAnswer::Answered {
            status: 200,
            body: json!("text"),
        },
        HttpAnswer::Answered {
            status: 401,
            body: Json::Null,
        },
        HttpAnswer::Answered {
            status: 500,
            body: Json::Null,
        },
        HttpAnswer::Failed(HttpFailure::Unreachable),
        HttpAnswer::Failed(HttpFailure::OutcomeUnknown),
    ];
    let identities = [
        Ok(vec![
            ("ChatUser.FirstName".to_owned(), json!("Ada")),
            ("SSOToken".to_owned(), json!("x")),
        ]),
        Ok(Vec::new()),
        Err(IdentityFailure {
            code: "403".to_owned(),
        }),
    ];
    prop_oneof![
        1 => Just(Happening::Start),
        8 => prop::sample::select(words.to_vec()).prop_map(Happening::Say),
        6 => (late(), prop::bool::weighted(0.9), prop::bool::weighted(0.1))
            .prop_map(|(late, granted, other)| Happening::SignIn { late, granted, other }),
        2 => (late(), prop::sample::select(reasons.to_vec())).prop_map(|(late, reason)| Happening::Refuse { late, reason }),
        2 => late().prop_map(|late| Happening::TimeOut { late }),
        6 => (late(), prop::sample::select(answers.to_vec())).prop_map(|(late, answer)| Happening::Answer { late, answer }),
        6 => (late(), prop::sample::select(identities.to_vec()))
            .prop_map(|(late, answer)| Happening::Identity { late, answer }),
        2 => (0_i64..200).prop_map(Happening::Pass),
        1 => Just(Happening::Ungrant),
        1 => (prop::bool::weighted(0.8), any::<bool>())
            .prop_map(|(buttons, proves_browser)| Happening::Channel { buttons, proves_browser }),
    ]
}

fn event(happening: Happening, world: &mut World) -> Option<Event> {
    let current = world.run();
    let run = |late: bool| {
        if late {
            Run(current.0.wrapping_sub(1))
        } else {
            current
        }
    };
    Some(match happening {
        Happening::Start => Event::Started,
        Happening::Say(text) => Event::Said(text.to_owned()),
        Happening::SignIn {
            late,
            granted,
            other,
        } => {
            let connection = if other {
                "other".to_owned()
            } else {
                world.prompted()
            };
            if granted {
                world.grant(&connection);
            }
            let claims = json!({ "email": "ada@acme.example" })
                .as_object()
                .cloned()
                .unwrap();
            Event::SignedIn {
                run: run(late),
                connection,
                claims,
                account: None,
            }
        }
        Happening::Refuse { late, reason } => Event::SignInFailed {
            run: run(late),
            reason,
        },
        Happening::TimeOut { late } => Event::TimedOut { run: run(late) },
        Happening::Answer { late, answer } => Event::HttpAnswered {
            run: run(late),
            answer,
        },
        Happening::Identity { late, answer } => Event::IdentityFetched {
            run: run(late),
            answer,
        },
        Happening::Pass(seconds) => {
            world.pass(seconds);
            return None;
        }
        Happening::Ungrant => {
            world.tokens.clear();
            return None;
        }
        Happening::Channel {
            buttons,
            proves_browser,
        } => {
            (world.buttons, world.proves_browser) = (buttons, proves_browser);
            return None;
        }
    })
}

/// Either it waits for something known, with a deadline unless for the person's words, or it has ended.
fn assert_lives_or_ended(session: &Session) {
    assert_ne!(
        session.waiting().is_some(),
        session.ended(),
        "neither waits nor has ended: {session:?}"
    );
    if let Some(waiting) = session.waiting() {
        assert_eq!(
            waiting.until.is_none(),
            waiting.for_ == WaitsFor::Answer,
            "{waiting:?}"
        );
        assert!(
            waiting.typing || matches!(waiting.for_, WaitsFor::SignIn { .. }),
            "{waiting:?}"
        );
    }
}

/// No grant's name leaves the session but in a header that is made of its handle.
fn assert_no_token(turn: &Turn) {
    let mut effects = turn.effects.clone();
    for effect in &mut effects {
        if let Effect::CallHttp(call) = effect {
            call.headers
                .retain(|(_, value)| matches!(value, HeaderValue::Text(_)));
        }
    }
    let text = serde_json::to_string(&(&turn.said, &turn.steps, &effects)).unwrap();
    assert!(!text.contains("gra_"), "{text}");
}

fn assert_turn(before: &Session, event: &Event, turn: &Turn, overdue: bool) {
    if turn.refused.is_some() || before.ended() {
        assert_eq!(&turn.session, before);
        assert!(turn.said.is_empty() && turn.effects.is_empty() && turn.steps.is_empty());
    }
    let awaited = before.waiting().map(|waiting| waiting.run);
    if run_of(event).is_some_and(|run| Some(run) != awaited) && !overdue {
        assert_eq!(
            &turn.session, before,
            "an event for another run changed something"
        );
        assert!(turn.effects.is_empty() && turn.steps.is_empty());
    }
    let entered = turn
        .steps
        .iter()
        .filter(|step| step.status != Status::Waiting)
        .count();
    assert!(entered <= 130, "{entered} steps in one turn");
}

fn run_of(event: &Event) -> Option<Run> {
    match event {
        Event::Started | Event::Said(_) => None,
        Event::SignedIn { run, .. }
        | Event::SignInFailed { run, .. }
        | Event::TimedOut { run }
        | Event::HttpAnswered { run, .. }
        | Event::IdentityFetched { run, .. } => Some(*run),
    }
}

fn live(sources: &[&str], happenings: Vec<Happening>) {
    let mut world = World::new(world::check(sources).unwrap());
    assert_lives_or_ended(&world.give(Event::Started).session);
    for happening in happenings {
        let Some(event) = event(happening, &mut world) else {
            continue;
        };
        let before = world.session.clone();
        let overdue = before
            .waiting()
            .and_then(|waiting| waiting.until)
            .is_some_and(|until| until <= world.now);
        let turn = world.give(event.clone());
        assert_turn(&before, &event, &turn, overdue);
        assert_lives_or_ended(&turn.session);
        assert_no_token(&turn);
        assert!(
            serde_json::to_vec(&turn.session).unwrap().len() < 16 * 1024,
            "the session grows"
        );
    }
}

/// Sessions stay on the version they began with; should one not, it does not stick either.
#[test]
fn a_session_whose_step_is_gone_takes_the_general_route() {
    let handled =
        "flow: main\non_exception: x\nsteps:\n  - { id: x, message: '[[SystemError]].Code' }";
    let unhandled = "flow: main\nsteps:\n  - { id: x, message: x }";
    let renamed = "flow: other\nsteps:\n  - { id: x, message: x }";
    for (source, said) in [
        (handled, "no_step"),
        (unhandled, "Sorry"),
        (renamed, "Sorry"),
    ] {
        let mut world = World::new(world::check(&[world::TRAVEL]).unwrap());
        world.give(Event::Started);
        world.program = world::check(&[source]).unwrap();
        let turn = world.give(Event::Said("cancel".to_owned()));
        assert_lives_or_ended(&turn.session);
        assert!(
            serde_json::to_string(&turn.said).unwrap().contains(said),
            "{:?}",
            turn.said
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_travel_assistant_never_sticks(happenings in prop::collection::vec(happening(), 1..40)) {
        live(&[world::TRAVEL], happenings);
    }

    #[test]
    fn a_flow_of_all_kinds_never_sticks(happenings in prop::collection::vec(happening(), 1..60)) {
        live(&[include_str!("../everything.yaml"), include_str!("../other.yaml")], happenings);
    }

    /// Proves in part: TPL-1 (single expressions and texts; addresses stand in the transcript)
    #[test]
    fn what_a_person_says_is_never_read_as_a_template(text in ".{0,60}|(\\{\\{|\\}\\}|\\[\\[ChatUser\\]\\]\\.a|\\{%|%\\}| |a|'){0,12}") {
        let source = "flow: main\nsteps:\n  - id: a\n    ask: { into: said }\n  - id: b\n    message: \"<{{ said }}[[said]]>\"\n";
        let mut world = World::new(world::check(&[source]).unwrap());
        world.give(Event::Started);
        let turn = world.give(Event::Said(text.clone()));
        prop_assert_eq!(turn.said, vec![flow::Said::Message { text: format!("<{text}{text}>") }]);
    }

    /// Nothing a designer writes makes the check or the engine panic.
    #[test]
    fn no_template_panics(source in "(\\{\\{|\\}\\}|\\{%|%\\}|\\[\\[|\\]\\]|ChatUser|\\.|if|endif|for|in|x|endfor|\\||upper|is|not|none|==|true|\\(|\\)|\\[|\\]|'|\"|1|-|/|\\+|~|,| |\\{|#){0,24}") {
        let file: flow::FlowFile = serde_json::from_value(json!({
            "flow": "main", "variables": { "x": [1, "a", null, { "b": true }] },
            "steps": [{ "id": "a", "message": source, "when": source.trim_matches(['{', '}', ' ']) }],
        })).unwrap();
        let none = std::collections::BTreeSet::new();
        let facts = flow::Facts { connections: &none, flows: &none };
        if let Ok(program) = flow::Program::check(vec![("main".to_owned(), file)], "main", &facts) {
            World::new(program).give(Event::Started);
        }
    }
}
