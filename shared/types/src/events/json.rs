//! What an event tells, as text.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::sync::Arc;

/// A JSON document that is carried as the text it was written as: made once, stored, published and
/// read without a tree of values in between. Clones share it.
///
/// Two are equal when their texts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// The document of a value; `null` for one that JSON cannot express, which the types of events can.
    #[must_use]
    pub fn of(value: &(impl Serialize + ?Sized)) -> Self {
        Self(serde_json::to_string(value).map_or_else(|_| Arc::from("null"), Arc::from))
    }

    /// A document that was written down as the text of one, and is not looked at again: it goes by in
    /// thousands a second, and whoever reads it notices damage.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(Arc::from(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of a type.
    ///
    /// # Errors
    /// Where the document does not fit the type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(Arc::from(Box::<str>::from(raw))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_keeps_its_text() {
        let text = r#"{"b": [1, "\u0000\n"], "a":null}"#;
        let json: Json = serde_json::from_str(text).unwrap();
        assert_eq!(json.as_str(), text);
        assert_eq!(Json::stored(text.to_owned()), json);
        assert_eq!(json.read::<serde_json::Value>().unwrap()["b"][0], 1);
        assert_eq!(Json::of(&[1, 2]).as_str(), "[1,2]");
        assert!(json.read::<Vec<u8>>().is_err());
        for no in ["", "{", "{} {}", "nul"] {
            assert!(serde_json::from_str::<Json>(no).is_err(), "{no}");
        }
    }
}
