//! The JSON Schema of each kind of file, and all mistakes against it.

use std::str::FromStr;
use std::sync::LazyLock;

use flow::FlowFile;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use schemars::generate::SchemaSettings;
use schemars::{
    JsonSchema,
    transform::{RecursiveTransform, Transform as _},
};
use serde_json::Value;

use super::agent::AgentFile;
use super::connection::ConnectionFile;
use super::mistake::{Flaw, below, did_you_mean, flaw};
use super::organization::OrganizationFile;

/// A kind of file in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `organization.yaml`
    Organization,
    /// `connections/*.yaml`
    Connection,
    /// `agent.yaml`
    Agent,
    /// `flows/*.yaml`
    Flow,
}

/// The text names no kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kinds are organization, connection, agent and flow")]
pub struct UnknownKind;

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Organization,
        Self::Connection,
        Self::Agent,
        Self::Flow,
    ];

    /// As `usher schema` takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Connection => "connection",
            Self::Agent => "agent",
            Self::Flow => "flow",
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownKind)
    }
}

/// The JSON Schema (2020-12) of a kind of file, for editors. Files are checked against this very schema.
pub fn schema(kind: Kind) -> Value {
    compiled(kind).schema.clone()
}

/// All mistakes of `file` against the schema of its kind.
pub(super) fn mistakes(kind: Kind, file: &Value) -> Vec<Flaw> {
    let Compiled { schema, validator } = compiled(kind);
    let errors = match validator {
        Ok(validator) => validator.iter_errors(file),
        Err(fault) => return vec![flaw("", fault.clone())],
    };
    errors.flat_map(|error| explain(&error, schema)).collect()
}

/// `file` without the members that its schema refuses, and where those stood; `None` if it cannot do
/// without them. So a slip in one key does not hide what is wrong with the rest.
pub(super) fn sound_part(kind: Kind, file: &Value) -> Option<(Value, Vec<String>)> {
    let mut sound = file.clone();
    let mut places = Vec::new();
    for flaw in mistakes(kind, file) {
        let (place, key) = flaw.pointer.rsplit_once('/')?;
        let key = key.replace("~1", "/").replace("~0", "~");
        sound.pointer_mut(place)?.as_object_mut()?.remove(&key);
        places.push(place.to_owned());
    }
    mistakes(kind, &sound).is_empty().then_some((sound, places))
}

struct Compiled {
    schema: Value,
    /// Compiling fails only if a type's annotations make no schema, which the tests would show.
    validator: Result<Validator, String>,
}

fn compiled(kind: Kind) -> &'static Compiled {
    static ORGANIZATION: LazyLock<Compiled> = LazyLock::new(compile::<OrganizationFile>);
    static CONNECTION: LazyLock<Compiled> = LazyLock::new(compile::<ConnectionFile>);
    static AGENT: LazyLock<Compiled> = LazyLock::new(compile::<AgentFile>);
    static FLOW: LazyLock<Compiled> = LazyLock::new(compile::<FlowFile>);
    match kind {
        Kind::Organization => &ORGANIZATION,
        Kind::Connection => &CONNECTION,
        Kind::Agent => &AGENT,
        Kind::Flow => &FLOW,
    }
}

fn compile<T: JsonSchema>() -> Compiled {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(without_null).transform(&mut schema);
    let schema = schema.to_value();
    let validator =
        jsonschema::draft202012::new(&schema).map_err(|error| error.masked().to_string());
    Compiled { schema, validator }
}

/// A key without a value is a mistake, not an absent key: `sign_in:` alone must not read as "off" (CFG-3).
fn without_null(schema: &mut schemars::Schema) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_mut_slice() {
            let only = only.take();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = members.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type") != Some(&Value::from("null")));
        if let [Value::Object(only)] = branches.as_mut_slice() {
            let only = std::mem::take(only);
            members.remove("anyOf");
            for (key, value) in only {
                members.entry(key).or_insert(value);
            }
        }
    }
    if members.get("default") == Some(&Value::Null) {
        members.remove("default");
    }
}

/// An error of the validator as its writer understands it. Values are not repeated: one may be a secret.
fn explain(error: &ValidationError<'_>, schema: &Value) -> Vec<Flaw> {
    let at = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = known_keys(error, schema);
            unexpected
                .iter()
                .map(|key| unknown_key(at, key, &known))
                .collect()
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            choose(at, error.instance(), context, schema)
        }
        _ => vec![flaw(at, message(error))],
    }
}

fn message(error: &ValidationError<'_>) -> String {
    let found = error.instance();
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            format!("`{}` is missing", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::Type { kind } => expected(&type_names(kind), found),
        ValidationErrorKind::MinLength { limit } if *limit == 1 => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => {
            format!("must have at least {limit} characters")
        }
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
        ValidationErrorKind::MinItems { limit } if *limit == 1 => {
            "the list must not be empty".to_owned()
        }
        ValidationErrorKind::MinItems { limit } => {
            format!("the list must have at least {limit} items")
        }
        ValidationErrorKind::MaxItems { limit } => {
            format!("the list must have at most {limit} items")
        }
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::Pattern { pattern } => format!("must match `{pattern}`"),
        _ => error.masked().to_string(),
    }
}

fn unknown_key(at: &str, key: &str, known: &[&str]) -> Flaw {
    let hint = did_you_mean(key, known.iter().copied())
        .or_else(|| (!known.is_empty()).then(|| format!("here stand {}", quoted(known))));
    Flaw {
        hint,
        ..flaw(
            below(at, key),
            format!("unknown key `{}`", key.escape_debug()),
        )
    }
}

/// The keys that the object may have: those beside the keyword that refused another one.
fn known_keys<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Vec<&'a str> {
    let path = error.schema_path().as_str();
    let object = path
        .rsplit_once('/')
        .and_then(|(object, _)| schema.pointer(object));
    let properties = object.and_then(|object| object.get("properties")?.as_object());
    properties
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// What to say when no branch fits: the mistakes of the one branch that has the right type; or, among fixed words,
/// which words there are; or which types.
fn choose(
    at: &str,
    found: &Value,
    branches: &[Vec<ValidationError<'static>>],
    schema: &Value,
) -> Vec<Flaw> {
    let words: Vec<&str> = branches
        .iter()
        .flatten()
        .filter_map(|error| word(error))
        .flatten()
        .collect();
    if !words.is_empty() && branches.len() <= words.len() {
        return vec![not_among(at, found, &words)];
    }
    let is_wrong_type = |error: &ValidationError<'_>| {
        error.instance_path().as_str() == at
            && matches!(error.kind(), ValidationErrorKind::Type { .. })
    };
    let fitting: Vec<_> = branches
        .iter()
        .filter(|branch| !branch.iter().any(is_wrong_type))
        .collect();
    if let [only] = fitting.as_slice() {
        return only
            .iter()
            .flat_map(|error| explain(error, schema))
            .collect();
    }
    let types: Vec<String> = branches
        .iter()
        .flatten()
        .filter_map(|error| match error.kind() {
            ValidationErrorKind::Type { kind } if is_wrong_type(error) => Some(type_names(kind)),
            _ => None,
        })
        .flatten()
        .collect();
    vec![flaw(at, expected(&types, found))]
}

fn word<'a>(error: &'a ValidationError<'_>) -> Option<Vec<&'a str>> {
    match error.kind() {
        ValidationErrorKind::Constant { expected_value } => Some(vec![expected_value.as_str()?]),
        ValidationErrorKind::Enum { options } => Some(
            options
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .collect(),
        ),
        _ => None,
    }
}

fn not_among(at: &str, found: &Value, words: &[&str]) -> Flaw {
    let one_of = format!("must be one of {}", quoted(words));
    match found.as_str() {
        Some(text) => Flaw {
            hint: did_you_mean(text, words.iter().copied()),
            ..flaw(at, one_of)
        },
        None => flaw(at, format!("{one_of}, not {}", described(found))),
    }
}

fn expected(types: &[String], found: &Value) -> String {
    if found.is_null() {
        return "a value is missing".to_owned();
    }
    format!("must be {}, not {}", types.join(" or "), described(found))
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn type_names(kind: &TypeKind) -> Vec<String> {
    let name = |kind: JsonType| match kind {
        JsonType::Null => "nothing",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a text",
        JsonType::Array => "a list",
        JsonType::Object => "a mapping",
    };
    match kind {
        TypeKind::Single(kind) => vec![name(*kind).to_owned()],
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| name(kind).to_owned()).collect(),
    }
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
