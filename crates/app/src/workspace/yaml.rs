//! YAML as a tree in which every key and value knows where it stands.
//!
//! A plain subset: one document, no anchors, aliases, tags or merge keys (what is written is what is meant), no key
//! twice, text keys only. Scalars are those of the core schema of YAML 1.2 (§10.3), but for numbers that JSON
//! lacks or that would lose digits: those must be quoted.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Map, Number, Value};

/// Larger files are refused unread.
const MAX_BYTES: usize = 1 << 20;

/// Deeper lists and mappings are refused.
const MAX_DEPTH: usize = 32;

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

impl From<Span> for Position {
    fn from(span: Span) -> Self {
        Self {
            line: span.start.line(),
            column: span.start.col() + 1,
        }
    }
}

/// What is wrong with the YAML itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Position,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    at: Position,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Mapping(Vec<Member>),
}

#[derive(Clone, Debug)]
struct Member {
    key: String,
    at: Position,
    value: Node,
}

/// Reads one document.
///
/// # Errors
/// All faults, up to the first one after which the text cannot be followed any more.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Fault>> {
    if text.len() > MAX_BYTES {
        let message = format!(
            "the file has {} bytes; at most {MAX_BYTES} are allowed",
            text.len()
        );
        return Err(vec![Fault {
            at: Position::START,
            message,
            hint: None,
        }]);
    }
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    builder.run(&mut parser);
    builder.finish()
}

impl Node {
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Mapping(members) => {
                let members = members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.to_json()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// Where the value that `pointer` names stands: the key of a member, the beginning of an item. If there is no such
    /// value, where the innermost one around it stands.
    pub(super) fn position(&self, pointer: &str) -> Position {
        let mut node = self;
        let mut at = Position::START;
        for step in pointer.split('/').skip(1) {
            let Some((inner, found)) = node.child(&step.replace("~1", "/").replace("~0", "~"))
            else {
                break;
            };
            (node, at) = (inner, found);
        }
        at
    }

    fn child(&self, step: &str) -> Option<(&Self, Position)> {
        match &self.kind {
            Kind::Scalar(_) => None,
            Kind::List(items) => items
                .get(step.parse::<usize>().ok()?)
                .map(|item| (item, item.at)),
            Kind::Mapping(members) => members
                .iter()
                .find(|member| member.key == step)
                .map(|member| (&member.value, member.at)),
        }
    }
}

/// Takes the parser's events and builds the tree, without recursion.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    faults: Vec<Fault>,
}

/// A list or mapping whose end is still to come.
struct Open {
    at: Position,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Mapping {
        members: Vec<Member>,
        key: Option<(String, Position)>,
    },
}

impl Builder {
    fn run(&mut self, parser: &mut Parser<'_, StrInput<'_>>) {
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => {
                    if self.take(event, span.into()).is_none() {
                        return;
                    }
                }
                Err(error) => {
                    let at = Position {
                        line: error.marker().line().max(1),
                        column: error.marker().col() + 1,
                    };
                    self.fault(at, format!("not YAML: {}", error.info()), None);
                    return;
                }
            }
        }
    }

    /// `None` when nothing after this event can be made sense of.
    fn take(&mut self, event: Event<'_>, at: Position) -> Option<()> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => return self.document(at),
            Event::Alias(_) => {
                self.fault(
                    at,
                    "an alias (`*name`) is not allowed",
                    Some("write the value out"),
                );
                self.value(Node {
                    at,
                    kind: Kind::Scalar(Value::Null),
                });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_only(at, anchor, tag.is_some());
                self.scalar(&text, style, at);
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_only(at, anchor, tag.is_some());
                return self.begin(at, Inside::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_only(at, anchor, tag.is_some());
                return self.begin(
                    at,
                    Inside::Mapping {
                        members: Vec::new(),
                        key: None,
                    },
                );
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
        Some(())
    }

    fn document(&mut self, at: Position) -> Option<()> {
        self.documents += 1;
        if self.documents == 1 {
            return Some(());
        }
        self.fault(
            at,
            "a second document begins",
            Some("one file holds one document: remove `---`"),
        );
        None
    }

    fn plain_only(&mut self, at: Position, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.fault(
                at,
                "an anchor (`&name`) is not allowed",
                Some("write the value out where it is needed"),
            );
        }
        if tagged {
            self.fault(
                at,
                "a tag (`!name`) is not allowed",
                Some("quote the value if it is a text"),
            );
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Position) {
        if let Some(Open {
            inside:
                Inside::Mapping {
                    key: key @ None,
                    members,
                },
            ..
        }) = self.open.last_mut()
        {
            let fault = key_fault(text, style, members);
            *key = Some((text.to_owned(), at));
            if let Some((message, hint)) = fault {
                self.fault(at, message, hint);
            }
            return;
        }
        let value = if style == ScalarStyle::Plain {
            plain(text)
        } else {
            Ok(Value::from(text))
        };
        let value = value.unwrap_or_else(|message| {
            self.fault(at, message, Some("quote it if it is a text"));
            Value::Null
        });
        self.value(Node {
            at,
            kind: Kind::Scalar(value),
        });
    }

    fn begin(&mut self, at: Position, inside: Inside) -> Option<()> {
        if let Some(Open {
            inside: Inside::Mapping { key: None, .. },
            ..
        }) = self.open.last()
        {
            self.fault(at, "a key must be a text", None);
            return None;
        }
        if self.open.len() == MAX_DEPTH {
            self.fault(at, format!("nested more than {MAX_DEPTH} deep"), None);
            return None;
        }
        self.open.push(Open { at, inside });
        Some(())
    }

    fn end(&mut self) {
        let Some(Open { at, inside }) = self.open.pop() else {
            return;
        };
        let kind = match inside {
            Inside::List(items) => Kind::List(items),
            Inside::Mapping { members, .. } => Kind::Mapping(members),
        };
        self.value(Node { at, kind });
    }

    fn value(&mut self, node: Node) {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Mapping { members, key }) => {
                // An alias may stand in a key's place; it has been found faulty already.
                let (key, at) = key.take().unwrap_or_else(|| (String::new(), node.at));
                members.push(Member {
                    key,
                    at,
                    value: node,
                });
            }
        }
    }

    fn finish(mut self) -> Result<Node, Vec<Fault>> {
        if self.faults.is_empty() && self.root.is_none() {
            self.fault(Position::START, "the file is empty", None);
        }
        match self.root {
            Some(root) if self.faults.is_empty() => Ok(root),
            Some(_) | None => Err(self.faults),
        }
    }

    fn fault(&mut self, at: Position, message: impl Into<String>, hint: Option<&'static str>) {
        self.faults.push(Fault {
            at,
            message: message.into(),
            hint,
        });
    }
}

fn key_fault(
    text: &str,
    style: ScalarStyle,
    members: &[Member],
) -> Option<(Cow<'static, str>, Option<&'static str>)> {
    let plain = style == ScalarStyle::Plain;
    if plain && text == "<<" {
        return Some((
            "a merge key (`<<`) is not allowed".into(),
            Some("write the members out"),
        ));
    }
    if plain && matches!(text, "" | "~" | "null") {
        return Some(("a key is missing before `:`".into(), None));
    }
    let first = members.iter().find(|member| member.key == text)?;
    let message = format!(
        "the key `{}` stands here twice, first in line {}",
        text.escape_debug(),
        first.at.line
    );
    Some((message.into(), None))
}

/// A plain scalar by the core schema of YAML 1.2 (§10.3.2).
fn plain(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Value::Null),
        "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => Err(format!("`{text}` is not a number that JSON has")),
        _ if text
            .trim_start_matches(['+', '-'])
            .eq_ignore_ascii_case(".inf") =>
        {
            Err(format!("`{text}` is not a number that JSON has"))
        }
        _ if is_integer(text) => integer(text),
        _ if is_decimal(text) => decimal(text),
        _ => Ok(Value::from(text)),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let based = |prefix, radix| {
        text.strip_prefix(prefix)
            .is_some_and(|digits: &str| all_digits(digits, radix))
    };
    all_digits(digits, 10) || based("0x", 16) || based("0o", 8)
}

fn all_digits(text: &str, radix: u32) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_digit(radix))
}

fn integer(text: &str) -> Result<Value, String> {
    let digits = text.trim_start_matches(['+', '-']);
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(format!(
            "`{text}` begins with a zero, so it is not clear which number is meant"
        ));
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let whole = text
        .parse::<i64>()
        .map(Value::from)
        .or_else(|_| text.parse::<u64>().map(Value::from));
    whole.map_err(|_| format!("`{text}` is too large for a number"))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = text
        .split_once(['e', 'E'])
        .map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let mantissa = match fraction {
        None | Some("") => all_digits(whole, 10),
        Some(fraction) => (whole.is_empty() || all_digits(whole, 10)) && all_digits(fraction, 10),
    };
    let exponent = exponent.is_none_or(|exponent| {
        all_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent), 10)
    });
    mantissa && exponent
}

fn decimal(text: &str) -> Result<Value, String> {
    let number = text.parse::<f64>().ok().and_then(Number::from_f64);
    number
        .map(Value::Number)
        .ok_or_else(|| format!("`{text}` is too large for a number"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn reads(text: &str, expected: Value) {
        assert_eq!(
            parse(text).map(|node| node.to_json()),
            Ok(expected),
            "{text}"
        );
    }

    #[track_caller]
    fn refused(text: &str, expected: &[&str]) {
        let faults = parse(text)
            .map(|node| node.to_json())
            .expect_err("no fault");
        let shown: Vec<String> = faults
            .iter()
            .map(|fault| format!("{}:{}: {}", fault.at.line, fault.at.column, fault.message))
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn scalars_are_those_of_yaml_1_2() {
        reads(
            "a: 1\nb: -2\nc: +3\nd: 0",
            json!({"a": 1, "b": -2, "c": 3, "d": 0}),
        );
        reads(
            "[1.5, .5, 2., 1e3, -1.5E-2]",
            json!([1.5, 0.5, 2.0, 1000.0, -0.015]),
        );
        reads(
            "[true, False, yes, no, on, ~, null, '']",
            json!([true, false, "yes", "no", "on", null, null, ""]),
        );
        reads(
            "['401', \"401\", 1_000, 1.2.3, 12h, -x, ., e5, '~']",
            json!(["401", "401", "1_000", "1.2.3", "12h", "-x", ".", "e5", "~"]),
        );
        reads(
            "18446744073709551615",
            json!(18_446_744_073_709_551_615_u64),
        );
        reads(
            "text: |\n  one\n  two\nfolded: >-\n  one\n  two",
            json!({"text": "one\ntwo\n", "folded": "one two"}),
        );
        reads("401: x", json!({"401": "x"}));
        reads(
            "---\na: {b: [c, {d: }]}\n...\n",
            json!({"a": {"b": ["c", {"d": null}]}}),
        );
    }

    #[test]
    fn numbers_that_would_change_must_be_quoted() {
        refused(
            "pin: 0123",
            &["1:6: `0123` begins with a zero, so it is not clear which number is meant"],
        );
        refused(
            "x: 0x1F",
            &["1:4: `0x1F` begins with a zero, so it is not clear which number is meant"],
        );
        refused(
            "x: 123456789012345678901",
            &["1:4: `123456789012345678901` is too large for a number"],
        );
        refused("x: 1e999", &["1:4: `1e999` is too large for a number"]);
        refused(
            "[.inf, -.INF, .nan]",
            &[
                "1:2: `.inf` is not a number that JSON has",
                "1:8: `-.INF` is not a number that JSON has",
                "1:15: `.nan` is not a number that JSON has",
            ],
        );
    }

    #[test]
    fn what_hides_the_meaning_is_refused_all_at_once() {
        refused(
            "a: &x 1\nb: *x\nc: !!str 2\nd:\n  <<: 3\nd: 4",
            &[
                "1:4: an anchor (`&name`) is not allowed",
                "2:4: an alias (`*name`) is not allowed",
                "3:4: a tag (`!name`) is not allowed",
                "5:3: a merge key (`<<`) is not allowed",
                "6:1: the key `d` stands here twice, first in line 4",
            ],
        );
        refused("a: 1\n---\nb: 2", &["2:1: a second document begins"]);
        refused("", &["1:1: the file is empty"]);
        refused("# nothing\n", &["1:1: the file is empty"]);
        refused("? [a]\n: 1", &["1:3: a key must be a text"]);
        refused(": 1", &["1:1: a key is missing before `:`"]);
        refused(
            "*x : 1",
            &["1:1: not YAML: while parsing node, found unknown anchor"],
        );
    }

    #[test]
    fn large_and_deep_files_are_refused() {
        refused(
            &" ".repeat(MAX_BYTES + 1),
            &["1:1: the file has 1048577 bytes; at most 1048576 are allowed"],
        );
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(32)).is_ok());
        refused(&nested(33), &["1:33: nested more than 32 deep"]);
        refused(
            &"[".repeat(100_000),
            &["1:256: not YAML: recursion limit exceeded"],
        );
    }

    #[test]
    fn a_pointer_leads_to_the_key_or_the_item() {
        let node =
            parse("a:\n  b: 1\n  c/d:\n    - x\n    - e: 2\n      f: |\n        long\n").unwrap();
        let at = |pointer: &str| {
            let Position { line, column } = node.position(pointer);
            (line, column)
        };
        assert_eq!(at(""), (1, 1));
        assert_eq!(at("/a"), (1, 1));
        assert_eq!(at("/a/b"), (2, 3));
        assert_eq!(at("/a/c~1d"), (3, 3));
        assert_eq!(at("/a/c~1d/0"), (4, 7));
        assert_eq!(at("/a/c~1d/1"), (5, 7));
        assert_eq!(at("/a/c~1d/1/f"), (6, 7));
        assert_eq!(at("/a/c~1d/1/missing/deeper"), (5, 7));
        assert_eq!(at("/nowhere"), (1, 1));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            text in "\\PC{0,40}|[ \n\r\t:\\-\\[\\]{}#&*!|>'\"%@`,?<a0~.\\\\]{0,60}",
        ) {
            if let Ok(node) = parse(&text) {
                node.to_json();
            }
        }
    }
}
