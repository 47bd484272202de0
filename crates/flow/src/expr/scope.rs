//! What expressions read: the session, wrapped so that nothing is copied and all that is missing is null.
//!
//! Null is MiniJinja's `undefined` throughout, in chainable mode: a field of null is null, at any depth.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind};

use crate::env::Env;
use crate::session::{Level, Session, SystemError};
use crate::value::{Fields, MASK, MAX_DEPTH, TokenHandle, Value};

type Jinja = minijinja::Value;

/// Names of the entities; no variable may have one.
pub(crate) const ENTITIES: [&str; 5] =
    ["ChatUser", "Auth", "SystemError", "Session", "Conversation"];

/// Longest text that expressions read, and longest result, in bytes (TPL-2).
pub(crate) const MAX_TEXT: usize = 64 * 1024;

/// Most elements that a computed list keeps.
const MAX_ITEMS: usize = 10_000;

/// The session as expressions see it, at one moment.
#[derive(Clone)]
pub(crate) struct Scope(Jinja);

impl Scope {
    /// Copies what is short and shares the rest.
    pub(crate) fn new(session: &Session, env: &Env<'_>) -> Self {
        let (flow, step) = session.current_step().unwrap_or_default();
        Self(Jinja::from_object(Root {
            variables: session.variables.clone(),
            chat_user: session.chat_user.clone(),
            auth: session.auth.clone(),
            sso_token: session.sso_token(env),
            level: session.level(),
            system_error: session.system_error.clone(),
            id: session.id().to_owned(),
            flow: flow.to_owned(),
            step: step.to_owned(),
            channel: env.channel.name.to_owned(),
            last_message: session.last_message.clone(),
        }))
    }

    /// The value at `path`, null if there is none.
    pub(crate) fn read(&self, path: &str) -> Value {
        let field = |value: Jinja, name| value.get_attr(name).unwrap_or_default();
        to_value(&path.split('.').fold(self.root(), field)).unwrap_or_default()
    }

    pub(super) fn root(&self) -> Jinja {
        self.0.clone()
    }
}

#[derive(Debug)]
struct Root {
    variables: Fields,
    chat_user: Fields,
    auth: Fields,
    sso_token: Value,
    level: Level,
    system_error: SystemError,
    id: String,
    flow: String,
    step: String,
    channel: String,
    last_message: String,
}

impl Root {
    fn system_error(&self) -> Fields {
        let error = &self.system_error;
        named([
            ("IsException", (!error.is_clear()).into()),
            ("Code", error.code.as_str().into()),
            ("Detail", error.detail.as_str().into()),
            ("Step", error.step.as_str().into()),
        ])
    }

    fn session(&self) -> Fields {
        named([
            ("Id", self.id.as_str().into()),
            ("Level", self.level.as_str().into()),
            ("Flow", self.flow.as_str().into()),
            ("Step", self.step.as_str().into()),
        ])
    }

    fn conversation(&self) -> Fields {
        named([
            ("Channel", self.channel.as_str().into()),
            ("LastMessage", self.last_message.as_str().into()),
        ])
    }
}

fn named<const N: usize>(pairs: [(&str, Value); N]) -> Fields {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

impl Object for Root {
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Jinja> {
        Some(match name {
            "ChatUser" => Jinja::from_object(ChatUser(Arc::clone(self))),
            "Auth" => Jinja::from_object(Named(self.auth.clone())),
            "SystemError" => Jinja::from_object(Named(self.system_error())),
            "Session" => Jinja::from_object(Named(self.session())),
            "Conversation" => Jinja::from_object(Named(self.conversation())),
            variable => from_value(self.variables.get(variable)?),
        })
    }

    fn get_value(self: &Arc<Self>, name: &Jinja) -> Option<Jinja> {
        self.get_value_by_str(name.as_str()?)
    }
}

/// `ChatUser`: what the flow stored, and what the session knows.
#[derive(Debug)]
struct ChatUser(Arc<Root>);

impl Object for ChatUser {
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Jinja> {
        let root = &self.0;
        Some(match name {
            "SSOToken" => from_value(&root.sso_token),
            "IsIdentified" => (root.level >= Level::Identified).into(),
            "IsAuthenticated" => (root.level >= Level::Authenticated).into(),
            field => from_value(root.chat_user.get(field)?),
        })
    }

    fn get_value(self: &Arc<Self>, name: &Jinja) -> Option<Jinja> {
        self.get_value_by_str(name.as_str()?)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Named values.
#[derive(Debug)]
struct Named(Fields);

impl Object for Named {
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Jinja> {
        self.0.get(name).map(from_value)
    }

    fn get_value(self: &Arc<Self>, name: &Jinja) -> Option<Jinja> {
        self.get_value_by_str(name.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let this = Arc::clone(self);
        let name = move |index| {
            this.0
                .at(index)
                .map(|(name, _)| Jinja::from(name))
                .unwrap_or_default()
        };
        Enumerator::Iter(Box::new((0..self.0.len()).map(name)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(&Value::Map(self.0.clone()), f)
    }
}

/// A list.
#[derive(Debug)]
struct List(Arc<Vec<Value>>);

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, index: &Jinja) -> Option<Jinja> {
        self.0.get(index.as_usize()?).map(from_value)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(&Value::List(Arc::clone(&self.0)), f)
    }
}

/// A token: equal to itself, unequal to all else, and printed as a mask (TPL-3).
struct Token(TokenHandle);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Object for Token {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn custom_cmp(
        self: &Arc<Self>,
        other: &minijinja::value::DynObject,
    ) -> Option<std::cmp::Ordering> {
        let other = &other.downcast_ref::<Self>()?.0;
        Some((&self.0.connection, &self.0.grant).cmp(&(&other.connection, &other.grant)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// For MiniJinja. Constant time: lists and maps are wrapped, not copied.
pub(super) fn from_value(value: &Value) -> Jinja {
    match value {
        Value::Null => Jinja::UNDEFINED,
        Value::Bool(flag) => Jinja::from(*flag),
        Value::Number(number) => from_number(number),
        Value::Text(text) if text.len() > MAX_TEXT => too_large().into(),
        Value::Text(text) => Jinja::from(text),
        Value::List(items) => Jinja::from_object(List(Arc::clone(items))),
        Value::Map(fields) => Jinja::from_object(Named(fields.clone())),
        Value::Token(handle) => Jinja::from_object(Token(handle.clone())),
    }
}

fn from_number(number: &serde_json::Number) -> Jinja {
    let whole = number
        .as_i64()
        .map(Jinja::from)
        .or_else(|| number.as_u64().map(Jinja::from));
    whole.unwrap_or_else(|| number.as_f64().map(Jinja::from).unwrap_or_default())
}

/// From MiniJinja. What we wrapped is unwrapped, not copied.
pub(super) fn to_value(jinja: &Jinja) -> Result<Value, Error> {
    let mut left = MAX_ITEMS;
    convert(jinja, 0, &mut left)
}

fn convert(jinja: &Jinja, depth: usize, left: &mut usize) -> Result<Value, Error> {
    *left = left
        .checked_sub(1)
        .filter(|_| depth < MAX_DEPTH)
        .ok_or_else(too_large)?;
    if let Some(list) = jinja.downcast_object_ref::<List>() {
        return Ok(Value::List(Arc::clone(&list.0)));
    }
    if let Some(named) = jinja.downcast_object_ref::<Named>() {
        return Ok(Value::Map(named.0.clone()));
    }
    if let Some(token) = jinja.downcast_object_ref::<Token>() {
        return Ok(Value::Token(token.0.clone()));
    }
    if let Some(text) = jinja.as_str() {
        return if text.len() > MAX_TEXT {
            Err(too_large())
        } else {
            Ok(text.into())
        };
    }
    if jinja.kind() == ValueKind::Bool {
        return Ok(jinja.is_true().into());
    }
    if jinja.kind() == ValueKind::Number {
        return Ok(to_number(jinja));
    }
    if matches!(jinja.kind(), ValueKind::Seq | ValueKind::Iterable) {
        let items: Result<_, _> = jinja
            .try_iter()?
            .checked()
            .map(|item| convert(&item?, depth + 1, left))
            .collect();
        return Ok(Value::List(Arc::new(items?)));
    }
    Ok(Value::Null)
}

/// What JSON cannot hold, such as infinity, is null.
fn to_number(jinja: &Jinja) -> Value {
    let whole = jinja
        .as_i64()
        .filter(|_| jinja.is_integer())
        .map(serde_json::Number::from);
    let float = || {
        f64::try_from(jinja.clone())
            .ok()
            .and_then(serde_json::Number::from_f64)
    };
    whole.or_else(float).map_or(Value::Null, Value::Number)
}

/// As it is printed. MiniJinja would write truth and lists as Python does.
pub(super) fn plain(jinja: &Jinja) -> Result<String, Error> {
    let own = [ValueKind::String, ValueKind::Number, ValueKind::Plain].contains(&jinja.kind());
    if own {
        Ok(jinja.to_string())
    } else {
        Ok(to_value(jinja)?.to_string())
    }
}

pub(super) fn too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a value is too large")
}

/// Writes JSON, cut off at the longest result: a formatter that fails would panic in `format!`.
fn write_json(value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = value.to_json().to_string();
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    f.write_str(&text)
}
