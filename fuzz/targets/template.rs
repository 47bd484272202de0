//! A template of a designer, from its text to what a person reads (TPL-1, TPL-2, TPL-4).
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use flow::{Channel, Env, Event, Facts, FlowFile, Program, Session, advance};
use jiff::Timestamp;
use serde_json::json;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let steps = json!([
        { "id": "a", "set": { "x": text } },
        { "id": "b", "when": text, "message": text },
        { "id": "c", "http": { "get": text, "into": "y" } },
    ]);
    // Each step by itself, so that one refused text does not keep the others from running.
    for step in steps.as_array().into_iter().flatten() {
        let file =
            json!({ "flow": "main", "variables": { "x": text, "y": null }, "steps": [step] });
        let file: FlowFile = serde_json::from_value(file).expect("the form is right");
        run(file);
    }
});

fn run(file: FlowFile) {
    let (connections, flows) = (BTreeSet::new(), BTreeSet::from(["main".to_owned()]));
    let facts = Facts {
        connections: &connections,
        flows: &flows,
    };
    if let Ok(program) = Program::check(vec![("main".to_owned(), file)], "main", &facts) {
        let env = Env {
            now: Timestamp::UNIX_EPOCH,
            seed: [7; 32],
            public_url: "https://usher.example",
            channel: Channel {
                name: "chat",
                buttons: true,
                proves_browser: true,
            },
            tokens: &BTreeMap::new(),
        };
        let session = Session::new("ses_1", &program);
        let _ = advance(&program, session, Event::Started, &env);
    }
}
