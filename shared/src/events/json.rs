//! What an event tells, as text.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// A JSON document that is carried as the text it was written as: made once, stored, published and
/// read without a tree of values in between. Clones share it.
///
/// Two are equal when their texts are.
#[derive(Debug, Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// The document of a value; `null` for one that JSON cannot express, which the types of events can.
    #[must_use]
    pub fn of(value: &(impl Serialize + ?Sized)) -> Self {
        Self(to_raw_value(value).map_or_else(|_| Arc::from(RawValue::NULL.to_owned()), Arc::from))
    }

    /// The document that a text is.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(|raw| Self(Arc::from(raw)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value of a type.
    ///
    /// # Errors
    /// Where the document does not fit the type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(Arc::from(raw)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_keeps_its_text() {
        let text = r#"{"b": [1, "\u0000\n"], "a":null}"#;
        let json = Json::parse(text.to_owned()).unwrap();
        assert_eq!(json.as_str(), text);
        assert_eq!(serde_json::to_string(&[&json]).unwrap(), format!("[{text}]"));
        assert_eq!(serde_json::from_str::<Json>(text).unwrap(), json);
        assert_eq!(json.read::<serde_json::Value>().unwrap()["b"][0], 1);
        assert!(json.read::<Vec<u8>>().is_err());
        for no in ["", "{", "{} {}", "nul"] {
            assert!(Json::parse(no.to_owned()).is_err(), "{no}");
        }
    }
}
