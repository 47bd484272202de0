//! Replays hostile templates, in `tests/corpus/template/`: above `---` what is expected, below it the template.
//!
//! `refused`: the check finds a mistake. `fails TEXT`: it raises `expression` with a detail that begins so.
//! `prints TEXT`: it says exactly this.

use std::path::Path;
use std::time::{Duration, Instant};

use flow::{Event, FlowFile, Said};
use serde_json::json;

use crate::world::World;

/// Far above what any of them takes, and far below what an unbounded one would.
const LONGEST: Duration = Duration::from_secs(3);

/// Proves: TPL-2
#[test]
fn hostile_templates_end_soon_and_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/template");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 30);
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let (expected, template) = text.split_once("\n---\n").expect("a line of dashes");
        let begun = Instant::now();
        let got = outcome(template);
        let took = begun.elapsed();
        let exact = !expected.starts_with("fails");
        let fits = if exact {
            got == expected
        } else {
            got.starts_with(expected)
        };
        if !fits || took > LONGEST {
            wrong.push(format!(
                "{}: {expected:?}, but {got:.200?} after {took:?}",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn outcome(template: &str) -> String {
    let Ok(program) = check(template) else {
        return "refused".to_owned();
    };
    let mut world = World::new(program);
    let turn = world.give(Event::Started);
    if world
        .session
        .read("SystemError.IsException", &world.env())
        .to_json()
        == json!(true)
    {
        let detail = world.session.read("SystemError.Detail", &world.env());
        return format!("fails {detail}");
    }
    match turn.said.as_slice() {
        [] => "prints ".to_owned(),
        [Said::Message { text }] => format!("prints {text}"),
        other => panic!("{other:?}"),
    }
}

fn check(template: &str) -> Result<flow::Program, Vec<(String, flow::Mistake)>> {
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
    let file: FlowFile = serde_json::from_value(json!({
        "flow": "main",
        "variables": {
            "text": "text", "n": 3, "zero": 0, "list": [1, 2], "smallest": i64::MIN,
            "big": "x".repeat(60_000), "huge": "x".repeat(70_000), "map": { "huge": "x".repeat(70_000) },
            "long": vec![1; 50_000], "hundred": vec![1; 100], "deep": deep,
            "hostile": "{{ 7 - 7 }}[[SystemError]].Code{% endif %}{#",
        },
        "steps": [{ "id": "say", "message": template }],
    }))
    .unwrap();
    let none = std::collections::BTreeSet::new();
    let facts = flow::Facts {
        connections: &none,
        flows: &none,
    };
    flow::Program::check(vec![("main".to_owned(), file)], "main", &facts)
}
