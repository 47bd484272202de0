//! As much YAML as the flows of the tests need.

use flow::FlowFile;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value as Json};

/// Reads a flow file.
pub(crate) fn flow(source: &str) -> FlowFile {
    let mut events = Parser::new_from_str(source)
        .map(|event| event.expect("YAML").0)
        .filter(|event| !matches!(event, Event::StreamStart | Event::DocumentStart(_)));
    let first = events.next().expect("a document");
    let tree = node(first, &mut events);
    serde_json::from_value(tree).expect("a flow file")
}

fn node<'s>(event: Event<'s>, events: &mut impl Iterator<Item = Event<'s>>) -> Json {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
        Event::Scalar(text, ..) => Json::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next().expect("the end of a list") {
                    Event::SequenceEnd => return Json::Array(items),
                    item => items.push(node(item, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut members = Map::new();
            loop {
                match events.next().expect("the end of a mapping") {
                    Event::MappingEnd => return Json::Object(members),
                    Event::Scalar(name, ..) => {
                        let value = events.next().expect("a value");
                        members.insert(name.into_owned(), node(value, events));
                    }
                    other => panic!("no key: {other:?}"),
                }
            }
        }
        other => panic!("not understood: {other:?}"),
    }
}

fn plain(text: &str) -> Json {
    match text {
        "" | "null" | "~" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => text
            .parse::<serde_json::Number>()
            .map_or_else(|_| Json::String(text.to_owned()), Json::Number),
    }
}
