//! The language of conditions and templates: MiniJinja, cut down and bounded (TPL-1 to TPL-4).
//!
//! Everything is compiled once, when a program is checked, into the [`Library`] that the program keeps. What a value
//! prints is never read again (TPL-1): only the designer's text is ever compiled.

mod address;
mod filters;
mod scan;
mod scope;

use std::collections::BTreeSet;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Output, State, UndefinedBehavior};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use crate::exception::Exception;
use crate::value::{Fields, Value};

pub(crate) use address::Address;
pub(crate) use scan::Fault;
use scan::{Part, Tag};
pub(crate) use scope::{ENTITIES, Scope};

/// Instructions that one evaluation may take (TPL-2).
const FUEL: u64 = 10_000;
/// Deepest nesting of an evaluation (TPL-2).
const DEPTH: usize = 64;

/// RFC 3986 §2.3: all but the unreserved characters are encoded, which is right in any part of an address.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Templates that print into an address are named with this ending.
const ADDRESS: &str = ".address";
/// The name that a template gives to the value of an expression. No source can use it: the check knows no such name.
const RESULT: &str = "result__";

/// All compiled templates and expressions of a program.
#[derive(Debug)]
pub(crate) struct Library {
    env: Environment<'static>,
    made: usize,
    /// Names that may be read.
    known: BTreeSet<String>,
}

/// A template that gives text.
#[derive(Debug)]
pub(crate) enum Text {
    Literal(Box<str>),
    Template(Key),
}

/// Name of a compiled template.
#[derive(Debug)]
pub(crate) struct Key(Box<str>);

/// An expression that is true or not.
#[derive(Debug)]
pub(crate) struct Condition(Key);

/// A value whose texts are templates; one that is a single `{{ … }}` keeps the type of what stands in it.
#[derive(Debug)]
pub(crate) enum Shape {
    Constant(Value),
    Expression(Key),
    Text(Text),
    List(Vec<Shape>),
    Map(Vec<(String, Shape)>),
}

/// Faults, each with the JSON pointer to where it is.
pub(crate) type Faults = Vec<(String, Fault)>;

/// What a template prints into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Text,
    Address,
}

impl Library {
    /// An empty library for expressions that read the entities and `variables`.
    pub(crate) fn new(variables: impl IntoIterator<Item = String>) -> Self {
        let mut env = Environment::empty();
        env.set_fuel(Some(FUEL));
        env.set_recursion_limit(DEPTH);
        env.set_undefined_behavior(UndefinedBehavior::Chainable);
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        env.set_formatter(print);

        // Fails for delimiters only, which are left as they are.
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            env.set_syntax(syntax);
        }
        filters::install(&mut env);
        let known = ENTITIES
            .map(str::to_owned)
            .into_iter()
            .chain(variables)
            .collect();
        Self {
            env,
            made: 0,
            known,
        }
    }

    pub(crate) fn compile_text(&mut self, source: &str) -> Result<Text, Fault> {
        self.assemble(scan::template(source)?, Place::Text)
    }

    pub(crate) fn compile_condition(&mut self, source: &str) -> Result<Condition, Fault> {
        let inside = scan::expression(source)?;
        self.expression(&inside).map(Condition)
    }

    pub(crate) fn compile_address(&mut self, source: &str) -> Result<Address, Fault> {
        Address::compile(source, self)
    }

    pub(crate) fn compile_text_shape(&mut self, source: &str) -> Result<Shape, Fault> {
        let parts = scan::template(source)?;
        match parts.as_slice() {
            [
                Part::Tag(Tag {
                    prints: true,
                    inside,
                    ..
                }),
            ] => self.expression(inside).map(Shape::Expression),
            _ => self.assemble(parts, Place::Text).map(Shape::Text),
        }
    }

    /// Compiles `json`; a fault comes with the JSON pointer to where it is.
    pub(crate) fn compile_shape(&mut self, json: &Json) -> Result<Shape, Faults> {
        match json {
            Json::String(source) => self
                .compile_text_shape(source)
                .map_err(|fault| vec![(String::new(), fault)]),
            Json::Array(items) => {
                let named = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| (index.to_string(), item));
                self.compile_all(named)
                    .map(|items| Shape::List(items.into_iter().map(|(_, item)| item).collect()))
            }
            Json::Object(members) => self
                .compile_all(members.iter().map(|(name, item)| (name.clone(), item)))
                .map(Shape::Map),
            Json::Null | Json::Bool(_) | Json::Number(_) => {
                Ok(Shape::Constant(json.clone().into()))
            }
        }
    }

    fn compile_all<'j>(
        &mut self,
        members: impl Iterator<Item = (String, &'j Json)>,
    ) -> Result<Vec<(String, Shape)>, Faults> {
        let mut shapes = Vec::new();
        let mut faults = Vec::new();
        for (name, json) in members {
            match self.compile_shape(json) {
                Ok(shape) => shapes.push((name, shape)),
                Err(inner) => {
                    let under =
                        |(below, fault)| (format!("/{}{below}", escape_pointer(&name)), fault);
                    faults.extend(inner.into_iter().map(under));
                }
            }
        }
        if faults.is_empty() {
            Ok(shapes)
        } else {
            Err(faults)
        }
    }

    pub(crate) fn text(&self, text: &Text, scope: &Scope) -> Result<String, Exception> {
        let key = match text {
            Text::Literal(text) => return Ok(text.as_ref().to_owned()),
            Text::Template(key) => key,
        };
        let mut out = Limited(Vec::new());
        let template = self.env.get_template(&key.0).map_err(describe)?;
        template
            .render_captured_to(scope.root(), &mut out)
            .map_err(describe)?;
        Ok(String::from_utf8_lossy(&out.0).into_owned())
    }

    pub(crate) fn holds(&self, condition: &Condition, scope: &Scope) -> Result<bool, Exception> {
        self.value(&condition.0, scope).map(|value| is_true(&value))
    }

    pub(crate) fn address(&self, address: &Address, scope: &Scope) -> Result<String, Exception> {
        address.render(self, scope)
    }

    pub(crate) fn shape(&self, shape: &Shape, scope: &Scope) -> Result<Value, Exception> {
        Ok(match shape {
            Shape::Constant(value) => value.clone(),
            Shape::Expression(key) => self.value(key, scope)?,
            Shape::Text(text) => self.text(text, scope)?.into(),
            Shape::List(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.shape(item, scope)).collect();
                Value::List(items?.into())
            }
            Shape::Map(members) => {
                let member =
                    |(name, item): &(String, Shape)| Ok((name.clone(), self.shape(item, scope)?));
                Value::Map(
                    members
                        .iter()
                        .map(member)
                        .collect::<Result<Fields, Exception>>()?,
                )
            }
        })
    }

    fn value(&self, key: &Key, scope: &Scope) -> Result<Value, Exception> {
        let template = self.env.get_template(&key.0).map_err(describe)?;
        let done = template.render_captured(scope.root()).map_err(describe)?;
        let value = done.state().lookup(RESULT).unwrap_or_default();
        scope::to_value(&value).map_err(describe)
    }

    fn expression(&mut self, inside: &str) -> Result<Key, Fault> {
        // By itself first: its faults are told without what we put around it.
        self.env
            .compile_expression(inside)
            .map_err(|error| Fault::new(tell(&error)))?;
        self.add(format!("{{% set {RESULT} = ({inside}) %}}"), Place::Text)
    }

    fn assemble(&mut self, parts: Vec<Part>, place: Place) -> Result<Text, Fault> {
        if !parts.iter().any(|part| matches!(part, Part::Tag(_))) {
            let literal: String = parts.into_iter().map(write_part).collect();
            return Ok(Text::Literal(literal.into()));
        }
        self.add(parts.into_iter().map(write_part).collect(), place)
            .map(Text::Template)
    }

    fn add(&mut self, source: String, place: Place) -> Result<Key, Fault> {
        self.made += 1;
        let ending = if place == Place::Address { ADDRESS } else { "" };
        let name = format!("{}{ending}", self.made);
        self.env
            .add_template_owned(name.clone(), source)
            .map_err(|error| Fault::new(tell(&error)))?;
        self.check_names(&name)?;
        Ok(Key(name.into()))
    }

    fn check_names(&self, template: &str) -> Result<(), Fault> {
        let Ok(template) = self.env.get_template(template) else {
            return Ok(());
        };
        let read: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
        match read
            .iter()
            .find(|name| *name != "null" && !self.known.contains(*name))
        {
            None => Ok(()),
            Some(name) => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> Fault {
        let fault = Fault::new(format!("nothing is named `{name}`"));
        match crate::names::nearest(name, self.known.iter().map(String::as_str)) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint("declare it under `variables`"),
        }
    }
}

/// What counts as true: all but null, false, zero and what is empty.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Text(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(fields) => !fields.is_empty(),
        Value::Token(_) => true,
    }
}

/// As MiniJinja reads it. A brace at the end of a text would join the tag behind it, so it becomes a tag itself.
fn write_part(part: Part) -> String {
    match part {
        Part::Text(text) => match text.strip_suffix('{') {
            Some(before) => format!("{before}{{{{ '{{' }}}}"),
            None => text,
        },
        Part::Tag(tag) => {
            let (open, close) = if tag.prints {
                ("{{", "}}")
            } else {
                ("{%", "%}")
            };
            let before = if tag.trims_before { "-" } else { "" };
            let after = if tag.trims_after { "-" } else { "" };
            format!("{open}{before} {} {after}{close}", tag.inside)
        }
    }
}

/// Prints a value for the place it lands in. Ignores what MiniJinja holds to be safe already.
fn print(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &minijinja::Value,
) -> Result<(), minijinja::Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let text = scope::plain(value)?;
    filters::charge(state, text.len())?;
    if state.name().ends_with(ADDRESS) {
        write!(out, "{}", utf8_percent_encode(&text, &RESERVED))?;
    } else {
        out.write_str(&text)?;
    }
    Ok(())
}

/// Takes the longest permitted result and no more.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > scope::MAX_TEXT {
            return Err(io::Error::other("the result is too large"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn describe(error: minijinja::Error) -> Exception {
    Exception::expression(tell(&error))
}

/// What is wrong, without any value.
fn tell(error: &minijinja::Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return "takes too long".to_owned();
    }
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// A member's name as it stands in a JSON pointer (RFC 6901 §3).
pub(crate) fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
