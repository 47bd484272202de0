//! Values that a session holds: JSON, plus handles to tokens.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values nest no deeper than this; what lies below is cut off and reads as null (TPL-2).
pub const MAX_DEPTH: usize = 64;

/// What a token prints as, wherever it is printed (TPL-3, MON-1).
pub const MASK: &str = "[token]";

/// The one member of the object that a handle is stored as.
const TOKEN_KEY: &str = "$token";

/// One value of a session: JSON, or a handle to a token.
///
/// Clones are cheap. Stored as JSON; a handle is `{"$token": …}`, and a key of data that begins with `$` is
/// stored with one more `$`, so no data can become a handle by being stored and loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Absent, unset or null: flows cannot tell these apart.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A JSON number.
    Number(serde_json::Number),
    /// Text.
    Text(Arc<str>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// Named values, in the order they came.
    Map(Fields),
    /// A token, which only the owner of the vault can turn into its text (TPL-3).
    Token(TokenHandle),
}

/// Points at a token of the session; worth nothing outside of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHandle {
    /// The connection that the token was obtained by.
    pub connection: String,
    /// The grant that holds the token.
    pub grant: String,
}

/// Named values in the order they came. Clones share the values until one of them is changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Arc<IndexMap<String, Value>>);

impl Fields {
    /// The value of `name`; `None` if it was never set.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The value of `name`, null if it was never set.
    pub fn read(&self, name: &str) -> Value {
        self.get(name).cloned().unwrap_or_default()
    }

    /// Sets `name`, keeping its place if it was there already.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let fields = Arc::make_mut(&mut self.0);
        match fields.get_mut(name) {
            Some(place) => *place = value,
            None => {
                fields.insert(name.to_owned(), value);
            }
        }
    }

    /// All names and values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&String, &Value)> + ExactSizeIterator {
        self.0.iter()
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name and value at `index`.
    pub(crate) fn at(&self, index: usize) -> Option<(&String, &Value)> {
        self.0.get_index(index)
    }
}

impl FromIterator<(String, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Self(Arc::new(pairs.into_iter().collect()))
    }
}

impl Value {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Token(_) => None,
        }
    }

    /// As JSON for the outside, each token masked.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Number(number) => Json::Number(number.clone()),
            Value::Text(text) => Json::String(text.to_string()),
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect()),
            Value::Map(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), v.to_json()))
                    .collect(),
            ),
            Value::Token(_) => Json::String(MASK.to_owned()),
        }
    }

    /// Bytes and elements, or `None` if there are more than `most`, or more levels than [`MAX_DEPTH`].
    ///
    /// Counts what is shared as often as it stands there, as storing does.
    pub(crate) fn weight(&self, most: usize) -> Option<usize> {
        self.weigh(most, 0)
    }

    fn weigh(&self, most: usize, depth: usize) -> Option<usize> {
        let own = match self {
            Value::Text(text) => text.len(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Token(_) => 0,
        };
        let mut weight = own + 8;
        let mut add = |name: usize, value: &Value| {
            weight += name + value.weigh(most.checked_sub(weight + name)?, depth + 1)?;
            Some(())
        };
        match self {
            Value::List(items) => items.iter().try_for_each(|item| add(0, item))?,
            Value::Map(fields) => fields
                .iter()
                .try_for_each(|(name, item)| add(name.len(), item))?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Token(_) => {}
        }
        (weight <= most && depth < MAX_DEPTH).then_some(weight)
    }

    /// From JSON that came from outside. Never gives a token.
    fn from_json(json: serde_json::Value, depth: usize) -> Self {
        use serde_json::Value as Json;
        if depth >= MAX_DEPTH {
            return Value::Null;
        }
        let inner = |json| Self::from_json(json, depth + 1);
        match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(flag),
            Json::Number(number) => Value::Number(number),
            Json::String(text) => Value::Text(text.into()),
            Json::Array(items) => Value::List(Arc::new(items.into_iter().map(inner).collect())),
            Json::Object(members) => {
                Value::Map(members.into_iter().map(|(k, v)| (k, inner(v))).collect())
            }
        }
    }
}

/// Prints null as nothing, a token as a mask, text as it is, all else as JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Bool(flag) => write!(f, "{flag}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => f.write_str(text),
            Value::Token(_) => f.write_str(MASK),
            Value::List(_) | Value::Map(_) => write!(f, "{}", self.to_json()),
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        Self::from_json(json, 0)
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for Fields {
    fn from(members: serde_json::Map<String, serde_json::Value>) -> Self {
        members
            .into_iter()
            .map(|(k, v)| (k, Value::from_json(v, 1)))
            .collect()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}

impl From<TokenHandle> for Value {
    fn from(handle: TokenHandle) -> Self {
        Value::Token(handle)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::Number(number) => number.serialize(serializer),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items
                    .iter()
                    .try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Value::Map(fields) => fields.serialize(serializer),
            Value::Token(handle) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(TOKEN_KEY, handle)?;
                map.end()
            }
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            if name.starts_with('$') {
                map.serialize_entry(&format!("${name}"), value)?;
            } else {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Map(fields) => Ok(fields),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Token(_) => Err(de::Error::custom("expected named values")),
        }
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a session")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(Arc::new(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = IndexMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == TOKEN_KEY {
                return token_alone(map.next_value()?, &fields, &mut map);
            }
            let name = name.strip_prefix('$').map(str::to_owned).unwrap_or(name);
            fields.insert(name, map.next_value()?);
        }
        Ok(Value::Map(Fields(Arc::new(fields))))
    }
}

/// A handle stands alone in its object; anything else was not written by us.
fn token_alone<'de, A: MapAccess<'de>>(
    handle: TokenHandle,
    before: &IndexMap<String, Value>,
    rest: &mut A,
) -> Result<Value, A::Error> {
    if before.is_empty() && rest.next_key::<String>()?.is_none() {
        return Ok(Value::Token(handle));
    }
    Err(de::Error::custom(
        "a token handle stands beside other members",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(value: &Value) -> serde_json::Value {
        serde_json::to_value(value).unwrap()
    }

    #[test]
    fn every_value_survives_being_stored() {
        let handle = TokenHandle {
            connection: "corp".into(),
            grant: "gra_1".into(),
        };
        let values = [
            Value::from(json!({"a": [1, -2, 2.5, null, true, "t"], "$b": {"$$c": {}}})),
            Value::from(handle),
            Value::from(json!({"$token": {"connection": "corp", "grant": "gra_1"}})),
            Value::from(json!({"$token": 3})),
        ];
        for value in values {
            let back: Value = serde_json::from_value(stored(&value)).unwrap();
            assert_eq!(back, value);
        }
    }

    /// Data that looks like a handle stays data.
    #[test]
    fn data_never_becomes_a_handle() {
        let forged = Value::from(json!({"$token": {"connection": "corp", "grant": "gra_1"}}));
        assert!(matches!(forged, Value::Map(_)));
        assert_eq!(stored(&forged)["$$token"]["grant"], "gra_1");
    }

    #[test]
    fn a_handle_beside_other_members_is_not_read() {
        let handle = json!({"connection": "corp", "grant": "gra_1"});
        for mixed in [
            json!({"$token": handle, "a": 1}),
            json!({"a": 1, "$token": handle}),
        ] {
            assert!(serde_json::from_value::<Value>(mixed).is_err());
        }
    }

    #[test]
    fn what_lies_too_deep_is_cut_off() {
        let mut deep = json!(1);
        for _ in 0..200 {
            deep = json!([deep]);
        }
        let text = serde_json::to_string(&Value::from(deep)).unwrap();
        assert_eq!(
            text,
            format!("{}null{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))
        );
    }
}
