//! Links of prompts.

use std::collections::{BTreeMap, BTreeSet};

use flow::{Channel, Effect, Env, Event, Session, Turn};
use jiff::Timestamp;

use crate::world;

const SOURCE: &str =
    "flow: main\nsteps:\n  - id: a\n    sign_in: { connection: corp }\n    on_exception: a\n";

/// A link is made of the turn's random bytes and the run: neither another session nor another prompt has it.
///
/// Proves in part: CRD-2 (the variable is shown by the transcript, the page is the server's)
#[test]
fn no_two_links_are_alike() {
    let mut links = BTreeSet::new();
    let mut made = 0;
    for seed in [[1; 32], [2; 32]] {
        let program = world::check(&[SOURCE]).unwrap();
        let mut session = Session::new("ses_1", &program);
        for event in [
            Event::Started,
            Event::Said("cancel".to_owned()),
            Event::Said("cancel".to_owned()),
        ] {
            let turn = advance(&program, session, event, seed);
            links.insert(link(&turn));
            made += 1;
            session = turn.session;
        }
    }
    assert_eq!(links.len(), made);
}

/// Whoever reads a log must not be able to open the link.
#[test]
fn no_link_stands_in_debug_output() {
    let program = world::check(&[SOURCE]).unwrap();
    let turn = advance(
        &program,
        Session::new("ses_1", &program),
        Event::Started,
        [1; 32],
    );
    let shown = format!("{:?} {:?}", turn.effects, turn.session.waiting());
    assert!(!shown.contains(&link(&turn)), "{shown}");
}

fn advance(program: &flow::Program, session: Session, event: Event, seed: [u8; 32]) -> Turn {
    let tokens = BTreeMap::new();
    let channel = Channel {
        name: "chat",
        buttons: true,
        proves_browser: true,
    };
    let env = Env {
        now: Timestamp::UNIX_EPOCH,
        seed,
        public_url: "https://usher.example",
        channel,
        tokens: &tokens,
    };
    flow::advance(program, session, event, &env)
}

fn link(turn: &Turn) -> String {
    let id = turn.effects.iter().find_map(|effect| match effect {
        Effect::OpenPrompt { link_id, .. } => Some(link_id.as_str().to_owned()),
        Effect::ClosePrompt { .. } | Effect::CallHttp(_) | Effect::FetchIdentity { .. } => None,
    });
    id.unwrap()
}
