//! Strict JSON objects (JWT-3): no member named twice anywhere, bounded depth and size, finite numbers.
//!
//! Two readers that disagree about one text are an attack waiting for a name: one that checks the
//! first `sub` and one that uses the last. So a repeated name is refused on every level, also where
//! no field of ours would read it. Names are compared after their escapes are resolved.
//!
//! Reading builds no value tree, only a flat list of where things stand in the text: a token is
//! verified far more often than all of its claims are asked for.

use serde_json::{Map, Number, Value};

/// How much JSON is read before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text.
    pub bytes: usize,
    /// Objects and arrays within each other, the outermost included.
    pub depth: usize,
    /// Members of all objects together.
    pub members: usize,
}

impl Limits {
    /// What a header or a payload may be (JWT-3). Its size is bounded before it is decoded.
    pub const TOKEN: Limits = Limits {
        bytes: 64 * 1024,
        depth: 16,
        members: 256,
    };
}

/// Why a text is not the JSON object we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// More bytes than [`Limits::bytes`].
    #[error("longer than permitted")]
    TooLong,
    /// Not UTF-8; lone surrogates and overlong forms are not.
    #[error("not UTF-8")]
    NotUtf8,
    /// The outermost value is no object.
    #[error("not an object")]
    NotAnObject,
    /// Breaks the grammar of RFC 8259.
    #[error("not JSON")]
    Syntax,
    /// A string escape is unknown, or half of a surrogate pair.
    #[error("a bad escape")]
    Escape,
    /// One object names a member twice.
    #[error("a member is named twice")]
    DuplicateMember,
    /// Nested deeper than [`Limits::depth`].
    #[error("nested too deep")]
    TooDeep,
    /// More members than [`Limits::members`].
    #[error("too many members")]
    TooManyMembers,
    /// A number beyond what a double can hold.
    #[error("a number is not finite")]
    NotFinite,
}

/// Reads an object within [`Limits::TOKEN`].
pub fn parse(bytes: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    parse_with(bytes, Limits::TOKEN)
}

/// Reads an object within `limits`: for the answers of a provider, which may be larger than a token.
pub fn parse_with(bytes: &[u8], limits: Limits) -> Result<Map<String, Value>, JsonFault> {
    if bytes.len() > limits.bytes {
        return Err(JsonFault::TooLong);
    }
    let document = Document::read(bytes.to_vec(), limits, Repeats::Refused)?;
    Ok(document.to_map())
}

/// What to do about a member named twice, and about numbers too large.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    Refused,
    /// The object is marked; for key sets, in which one odd key must not break all (JWK-1).
    Marked,
}

/// A text known to be a strict object, and where its parts stand in it.
#[derive(Clone)]
pub(crate) struct Document {
    text: String,
    /// Strings that had escapes, resolved, one after the other.
    resolved: String,
    nodes: Vec<Node>,
}

/// One value, or the name before it. Inner nodes follow their container in order of the text.
#[derive(Clone, Copy)]
struct Node {
    kind: NodeKind,
    /// Of a scalar: where it starts. Of a container: nothing.
    start: u32,
    /// Of a scalar: where it ends. Of a container: the index of the first node behind it.
    end: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NodeKind {
    Null,
    True,
    False,
    Number,
    /// A string without escapes: a piece of `text`.
    Plain,
    /// A string that had escapes: a piece of `resolved`.
    Resolved,
    List,
    Object,
    /// An object that names a member twice.
    RepeatingObject,
}

impl NodeKind {
    fn is_container(self) -> bool {
        matches!(
            self,
            NodeKind::List | NodeKind::Object | NodeKind::RepeatingObject
        )
    }
}

impl Node {
    /// Of a scalar, in bytes.
    fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

impl Document {
    pub(crate) fn read(
        bytes: Vec<u8>,
        limits: Limits,
        repeats: Repeats,
    ) -> Result<Document, JsonFault> {
        // Positions are kept in 32 bits.
        if bytes.len() > limits.bytes || u32::try_from(bytes.len()).is_err() {
            return Err(JsonFault::TooLong);
        }
        let text = String::from_utf8(bytes).map_err(|_| JsonFault::NotUtf8)?;
        let mut reader = Reader {
            text: &text,
            at: 0,
            depth: 0,
            members: 0,
            limits,
            repeats,
            names: Vec::with_capacity(16),
            // One node for each dozen bytes is what claims come to.
            nodes: Vec::with_capacity(text.len() / 12 + 8),
            resolved: String::new(),
        };
        reader.document()?;
        let Reader {
            resolved, nodes, ..
        } = reader;
        Ok(Document {
            text,
            resolved,
            nodes,
        })
    }

    pub(crate) fn root(&self) -> Item<'_> {
        Item {
            document: self,
            index: 0,
        }
    }

    pub(crate) fn to_map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        for (name, item) in self.root().members() {
            map.insert(name.to_owned(), item.value());
        }
        map
    }

    fn text_of(&self, node: Node) -> &str {
        piece(&self.text, &self.resolved, node)
    }
}

/// One value within a [`Document`].
#[derive(Clone, Copy)]
pub(crate) struct Item<'d> {
    document: &'d Document,
    index: usize,
}

/// What an [`Item`] is. Containers are walked with [`Item::members`] and [`Item::elements`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape<'d> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'d str),
    Text(&'d str),
    List,
    Object,
}

impl<'d> Item<'d> {
    pub(crate) fn shape(self) -> Shape<'d> {
        let Some(node) = self.node() else {
            return Shape::Null;
        };
        match node.kind {
            NodeKind::Null => Shape::Null,
            NodeKind::True => Shape::Bool(true),
            NodeKind::False => Shape::Bool(false),
            NodeKind::Number => Shape::Number(self.document.text_of(node)),
            NodeKind::Plain | NodeKind::Resolved => Shape::Text(self.document.text_of(node)),
            NodeKind::List => Shape::List,
            NodeKind::Object | NodeKind::RepeatingObject => Shape::Object,
        }
    }

    /// The members in order of the text; none if this is no object.
    pub(crate) fn members(self) -> impl Iterator<Item = (&'d str, Item<'d>)> {
        let mut inner = self.inner(matches!(self.shape(), Shape::Object));
        std::iter::from_fn(move || {
            let name = inner.next()?;
            let item = inner.next()?;
            Some((name.text().unwrap_or_default(), item))
        })
    }

    /// The elements in order; none if this is no array.
    pub(crate) fn elements(self) -> impl Iterator<Item = Item<'d>> {
        self.inner(matches!(self.shape(), Shape::List))
    }

    pub(crate) fn member(self, name: &str) -> Option<Item<'d>> {
        self.members()
            .find_map(|(candidate, item)| (candidate == name).then_some(item))
    }

    pub(crate) fn text(self) -> Option<&'d str> {
        match self.shape() {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether an object in here, or this one, names a member twice.
    pub(crate) fn repeats(self) -> bool {
        let nodes = self.document.nodes.get(self.index..self.end());
        nodes.is_some_and(|nodes| {
            nodes
                .iter()
                .any(|node| node.kind == NodeKind::RepeatingObject)
        })
    }

    pub(crate) fn value(self) -> Value {
        match self.shape() {
            Shape::Null => Value::Null,
            Shape::Bool(flag) => Value::Bool(flag),
            Shape::Number(text) => number(text).map_or(Value::Null, Value::Number),
            Shape::Text(text) => Value::String(text.to_owned()),
            Shape::List => self.elements().map(Item::value).collect(),
            Shape::Object => self
                .members()
                .map(|(name, item)| (name, item.value()))
                .collect(),
        }
    }

    fn inner(self, is_container: bool) -> impl Iterator<Item = Item<'d>> {
        let end = self.end();
        let mut next = if is_container { self.index + 1 } else { end };
        std::iter::from_fn(move || {
            let item = Item {
                document: self.document,
                index: next,
            };
            (next < end).then(|| {
                next = item.end();
                item
            })
        })
    }

    fn node(self) -> Option<Node> {
        self.document.nodes.get(self.index).copied()
    }

    /// The index of the first node behind this one.
    fn end(self) -> usize {
        match self.node() {
            Some(node) if node.kind.is_container() => node.end as usize,
            _ => self.index + 1,
        }
    }
}

/// Integers stay exact as far as 64 bits go; all else is a double, as `serde_json` has it.
fn number(text: &str) -> Option<Number> {
    // An integer type would lose the sign of `-0`.
    if text != "-0" {
        if let Ok(whole) = text.parse::<u64>() {
            return Some(whole.into());
        }
        if let Ok(whole) = text.parse::<i64>() {
            return Some(whole.into());
        }
    }
    text.parse().ok().and_then(Number::from_f64)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    members: usize,
    limits: Limits,
    repeats: Repeats,
    /// Which nodes are the names of the objects that are open, the innermost one's last.
    names: Vec<u32>,
    nodes: Vec<Node>,
    resolved: String,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), JsonFault> {
        self.skip_space();
        if self.peek() != Some(b'{') {
            return Err(JsonFault::NotAnObject);
        }
        self.object()?;
        self.skip_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(JsonFault::Syntax),
        }
    }

    fn value(&mut self) -> Result<(), JsonFault> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            Some(b't') => self.literal("true", NodeKind::True),
            Some(b'f') => self.literal("false", NodeKind::False),
            Some(b'n') => self.literal("null", NodeKind::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(JsonFault::Syntax),
        }
    }

    fn object(&mut self) -> Result<(), JsonFault> {
        let container = self.open()?;
        let first_name = self.names.len();
        if !self.closes(b'}') {
            loop {
                self.skip_space();
                self.member()?;
                if self.ends(b'}')? {
                    break;
                }
            }
        }
        let repeats = self.has_repeats(first_name);
        if repeats && self.repeats == Repeats::Refused {
            return Err(JsonFault::DuplicateMember);
        }
        self.names.truncate(first_name);
        let kind = if repeats {
            NodeKind::RepeatingObject
        } else {
            NodeKind::Object
        };
        self.close(container, kind);
        Ok(())
    }

    fn member(&mut self) -> Result<(), JsonFault> {
        self.members += 1;
        if self.members > self.limits.members {
            return Err(JsonFault::TooManyMembers);
        }
        if self.peek() != Some(b'"') {
            return Err(JsonFault::Syntax);
        }
        self.names.push(narrow(self.nodes.len()));
        self.string()?;
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        self.value()
    }

    fn list(&mut self) -> Result<(), JsonFault> {
        let container = self.open()?;
        if !self.closes(b']') {
            loop {
                self.skip_space();
                self.value()?;
                if self.ends(b']')? {
                    break;
                }
            }
        }
        self.close(container, NodeKind::List);
        Ok(())
    }

    /// Steps into a container; its node gets its end when it is closed.
    fn open(&mut self) -> Result<usize, JsonFault> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(JsonFault::TooDeep);
        }
        self.at += 1;
        let container = self.nodes.len();
        self.push(NodeKind::Null, 0, 0);
        Ok(container)
    }

    fn close(&mut self, container: usize, kind: NodeKind) {
        self.depth -= 1;
        let end = narrow(self.nodes.len());
        if let Some(node) = self.nodes.get_mut(container) {
            *node = Node {
                kind,
                start: 0,
                end,
            };
        }
    }

    /// Whether the container that was just opened is empty.
    fn closes(&mut self, bracket: u8) -> bool {
        self.skip_space();
        let closes = self.peek() == Some(bracket);
        self.at += usize::from(closes);
        closes
    }

    /// Steps over what follows a value: `bracket` ends the container, a comma does not.
    fn ends(&mut self, bracket: u8) -> Result<bool, JsonFault> {
        self.skip_space();
        let byte = self.peek().ok_or(JsonFault::Syntax)?;
        self.at += 1;
        match byte {
            b',' => Ok(false),
            byte if byte == bracket => Ok(true),
            _ => Err(JsonFault::Syntax),
        }
    }

    fn has_repeats(&mut self, first_name: usize) -> bool {
        /// Above this many, sorting beats comparing each with each, and bounds a hostile object.
        const FEW: usize = 24;
        let (text, resolved, nodes) = (self.text, &self.resolved, &self.nodes);
        let Some(names) = self.names.get_mut(first_name..) else {
            return false;
        };
        let node = |name: &u32| nodes.get(*name as usize).copied();
        let read = |name: &u32| node(name).map(|node| piece(text, resolved, node));
        if names.len() > FEW {
            names.sort_unstable_by(|a, b| read(a).cmp(&read(b)));
            return names
                .windows(2)
                .any(|pair| matches!(pair, [a, b] if read(a) == read(b)));
        }
        // Most names differ in length, and that is known without reading them.
        let length = |name: &u32| node(name).map(Node::len);
        names.iter().enumerate().any(|(index, name)| {
            let earlier = names.get(..index).unwrap_or_default();
            earlier
                .iter()
                .any(|other| length(other) == length(name) && read(other) == read(name))
        })
    }

    fn string(&mut self) -> Result<(), JsonFault> {
        let start = self.at + 1;
        let end = start + self.run_from(start);
        match self.byte(end) {
            Some(b'"') => {
                self.at = end + 1;
                self.push(NodeKind::Plain, start, end);
                Ok(())
            }
            Some(b'\\') => self.escaped_string(start),
            _ => Err(JsonFault::Syntax),
        }
    }

    /// How many bytes from `start` on stand for themselves.
    fn run_from(&self, start: usize) -> usize {
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        rest.iter()
            .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)
            .unwrap_or(rest.len())
    }

    fn escaped_string(&mut self, start: usize) -> Result<(), JsonFault> {
        let resolved_start = self.resolved.len();
        self.at = start;
        loop {
            let run = self.at..self.at + self.run_from(self.at);
            self.at = run.end;
            let plain = self.text.get(run).ok_or(JsonFault::Syntax)?;
            self.resolved.push_str(plain);
            let byte = self.peek();
            self.at += 1;
            match byte {
                Some(b'"') => break,
                Some(b'\\') => {
                    let character = self.escape()?;
                    self.resolved.push(character);
                }
                _ => return Err(JsonFault::Syntax),
            }
        }
        self.push(NodeKind::Resolved, resolved_start, self.resolved.len());
        Ok(())
    }

    fn escape(&mut self) -> Result<char, JsonFault> {
        let byte = self.peek().ok_or(JsonFault::Syntax)?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode_escape()?,
            _ => return Err(JsonFault::Escape),
        })
    }

    /// What follows `\u`: one code unit, or a high and a low surrogate (RFC 8259 §7).
    fn unicode_escape(&mut self) -> Result<char, JsonFault> {
        let unit = self.code_unit()?;
        if !(0xD800..0xDC00).contains(&unit) {
            return char::from_u32(unit).ok_or(JsonFault::Escape);
        }
        if self.peek() != Some(b'\\') || self.byte(self.at + 1) != Some(b'u') {
            return Err(JsonFault::Escape);
        }
        self.at += 2;
        let low = self.code_unit()?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(JsonFault::Escape);
        }
        let code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        char::from_u32(code).ok_or(JsonFault::Escape)
    }

    fn code_unit(&mut self) -> Result<u32, JsonFault> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        self.at += 4;
        digits
            .ok_or(JsonFault::Escape)?
            .iter()
            .try_fold(0, |unit, &digit| {
                let digit = char::from(digit).to_digit(16).ok_or(JsonFault::Escape)?;
                Ok(unit << 4 | digit)
            })
    }

    /// RFC 8259 §6: no leading zero, no `+`, digits on both sides of the point.
    fn number(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut is_whole = true;
        if self.take(b'.') {
            is_whole = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            is_whole = false;
            let _sign = self.take(b'-') || self.take(b'+');
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        // Fewer digits than this are finite whatever they are.
        let is_short = is_whole && text.len() < 300;
        if self.repeats == Repeats::Refused && !is_short && !is_finite(text) {
            return Err(JsonFault::NotFinite);
        }
        self.push(NodeKind::Number, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(JsonFault::Syntax);
        }
        Ok(())
    }

    fn literal(&mut self, word: &str, kind: NodeKind) -> Result<(), JsonFault> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(JsonFault::Syntax);
        }
        self.at += word.len();
        self.push(kind, 0, 0);
        Ok(())
    }

    fn push(&mut self, kind: NodeKind, start: usize, end: usize) {
        self.nodes.push(Node {
            kind,
            start: narrow(start),
            end: narrow(end),
        });
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonFault> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(JsonFault::Syntax)
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }
}

fn piece<'p>(text: &'p str, resolved: &'p str, scalar: Node) -> &'p str {
    let whole = match scalar.kind {
        NodeKind::Resolved => resolved,
        _ => text,
    };
    whole
        .get(scalar.start as usize..scalar.end as usize)
        .unwrap_or_default()
}

fn is_finite(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Positions lie within a text whose length fits in 32 bits; nodes are fewer than its bytes.
fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, limits: Limits) -> Result<Value, JsonFault> {
        parse_with(text.as_bytes(), limits).map(Value::Object)
    }

    #[test]
    fn strings_are_read_with_their_escapes_resolved() {
        for (text, expected) in [
            (r#"{"a":"\"\\\/\b\f\n\r\t"}"#, Ok("\"\\/\u{8}\u{c}\n\r\t")),
            (r#"{"\u0061":"\u00e9\u20AC"}"#, Ok("é€")),
            (r#"{"a":"x\ud83d\ude00y"}"#, Ok("x😀y")),
            (r#"{"a":"\u0000"}"#, Ok("\0")),
            (r#"{"a":"😀"}"#, Ok("😀")),
            (r#"{"a":""}"#, Ok("")),
            (r#"{"a":"\ud83d"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\ud83d\n"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\ud83d\ud83d"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\ude00\ud83d"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\x41"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\u12"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\u+123"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\U0041"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\u00é"}"#, Err(JsonFault::Escape)),
            (r#"{"a":"\u"#, Err(JsonFault::Escape)),
            (r#"{"a":"\"#, Err(JsonFault::Syntax)),
            (r#"{"a":"x"#, Err(JsonFault::Syntax)),
            ("{\"a\":\"\n\"}", Err(JsonFault::Syntax)),
            ("{\"a\":\"\\n\u{1f}\"}", Err(JsonFault::Syntax)),
        ] {
            let read = check(text, Limits::TOKEN).map(|object| object["a"].clone());
            assert_eq!(read, expected.map(Value::from), "{text}");
        }
    }

    #[test]
    fn numbers_follow_the_grammar() {
        for good in [
            "0", "-0", "10", "-1", "0.5", "1e5", "1E+5", "1e-5", "-1.25e2", "1e-999",
        ] {
            let text = format!("{{\"a\":{good}}}");
            let expected: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(check(&text, Limits::TOKEN), Ok(expected), "{good}");
        }
        for bad in [
            "01", "+1", ".5", "1.", "1e", "1e+", "-", "0x1", "1_0", "--1", "1.e5", "\u{661}",
        ] {
            let text = format!("{{\"a\":{bad}}}");
            assert_eq!(check(&text, Limits::TOKEN), Err(JsonFault::Syntax), "{bad}");
        }
    }

    #[test]
    fn the_limits_are_the_callers() {
        let limits = Limits {
            bytes: 20,
            depth: 2,
            members: 2,
        };
        for (text, expected) in [
            (r#"{"a":[0],"b":{}}"#, None),
            (r#"{"a":[0],"b":[[]]}"#, Some(JsonFault::TooDeep)),
            (r#"{"a":0,"b":{"c":0}}"#, Some(JsonFault::TooManyMembers)),
            (r#"{"a":"0123456789abc"}"#, Some(JsonFault::TooLong)),
        ] {
            assert_eq!(check(text, limits).err(), expected, "{text}");
        }
    }

    /// Any value that nests a little, with names that need escapes.
    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            // `serde_json` is exact for short fractions only.
            any::<i32>().prop_map(|quarters| (f64::from(quarters) / 4.0).into()),
            any::<String>().prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..30)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read_back(value in values(), pretty in any::<bool>()) {
            let object = serde_json::json!({ "value": value });
            let text = if pretty {
                serde_json::to_string_pretty(&object).unwrap()
            } else {
                object.to_string()
            };
            let limits = Limits { members: 10_000, bytes: usize::MAX, ..Limits::TOKEN };
            prop_assert_eq!(check(&text, limits), Ok(serde_json::from_str(&text).unwrap()));
        }

        /// Ours refuses more than `serde_json` does, never less, and reads the same where both read.
        #[test]
        fn what_is_refused_elsewhere_is_refused_here(
            value in values(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            // These could make a long fraction of an integer.
            prop_assume!(!b".eE".contains(&byte));
            let mut text = serde_json::json!({ "value": value }).to_string().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            let limits = Limits { members: 10_000, bytes: usize::MAX, ..Limits::TOKEN };
            if let Ok(read) = parse_with(&text, limits) {
                prop_assert_eq!(Value::Object(read), serde_json::from_slice::<Value>(&text).unwrap());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _outcome = parse(&bytes);
            let _outcome = Document::read(bytes, Limits::TOKEN, Repeats::Marked);
        }
    }
}
