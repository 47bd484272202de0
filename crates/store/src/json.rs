//! Payloads.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON document as text, checked to be one.
///
/// Payloads are kept as text, not as trees: a turn's session is read once and written once, and an
/// activity goes from its row to the wire as it stands. Cloning shares the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

/// The text is no JSON document.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON document")]
pub struct NotJson(#[from] serde_json::Error);

impl Json {
    /// Writes `value` as JSON.
    ///
    /// Fails where `value` has no JSON form, such as a map whose keys are not texts.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, NotJson> {
        Ok(Self(serde_json::to_string(value)?.into()))
    }

    /// Takes `text` if it is exactly one JSON document.
    pub fn parse(text: &str) -> Result<Self, NotJson> {
        serde_json::from_str::<&RawValue>(text)?;
        Ok(Self(text.into()))
    }

    /// Reads the document as a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, NotJson> {
        Ok(serde_json::from_str(&self.0)?)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self::from(&value)
    }
}

/// The document stands in the output as it is, not as a text.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(Self(raw.get().into()))
    }
}

/// Its length only: a payload may hold what a person said.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_goes_through_as_it_stands() {
        let json = Json::parse(r#"{"b":1.50,"a":[null]}"#).unwrap();
        let outer = serde_json::to_string(std::slice::from_ref(&json)).unwrap();
        assert_eq!(outer, r#"[{"b":1.50,"a":[null]}]"#);
        assert_eq!(serde_json::from_str::<Vec<Json>>(&outer).unwrap(), [json]);
    }

    #[test]
    fn anything_but_one_document_is_refused() {
        for text in ["", "{", "{} {}", "nul", "{'a':1}"] {
            assert!(Json::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_payload_does_not_print() {
        let json = Json::parse(r#"{"text":"hello"}"#).unwrap();
        assert_eq!(format!("{json:?}"), "Json(16 bytes)");
    }
}
