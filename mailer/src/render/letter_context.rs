//! What a template sees of a letter.

use minijinja::{Value, value::Object};
use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use shared::events::LetterToken;
use std::{fmt, sync::Arc};

/// The member that templates print as JSON and do not look into.
const STRUCTURED: &str = "structured";

/// A letter's data, as the templates need it: values, and JSON as the text that it is.
#[derive(Debug)]
pub(super) struct LetterData {
    /// Few enough to be looked through.
    members: Vec<(String, Value)>,
    structured: Option<Value>,
}

/// What a template sees of a letter. Globals come from the environment.
#[derive(Debug, Clone)]
pub(super) struct LetterContext {
    subject: Value,
    /// The token that the letter brings.
    token: Option<LetterToken>,
    data: Arc<LetterData>,
    /// Whether the template may show what machines read.
    is_structured: bool,
}

impl LetterData {
    /// Reads a letter's JSON.
    ///
    /// # Errors
    /// Where it is no object.
    pub(super) fn read(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    fn get(&self, name: &str) -> Option<Value> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, value)| value.clone())
    }
}

impl<'de> Deserialize<'de> for LetterData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = LetterData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LetterData, A::Error> {
                let mut data = LetterData { members: Vec::with_capacity(8), structured: None };
                while let Some(name) = map.next_key::<String>()? {
                    if name == STRUCTURED {
                        let items: Vec<&RawValue> = map.next_value()?;
                        data.structured = (!items.is_empty()).then(|| structured(&items));
                    } else {
                        data.members.push((name, map.next_value()?));
                    }
                }
                Ok(data)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The JSON of a list, a line for each item, as it may stand in a script of HTML: what could end the script or a quoted
/// text is escaped as JSON allows it. Those characters stand in texts only.
fn structured(items: &[&RawValue]) -> Value {
    let mut json = String::with_capacity(items.iter().map(|item| item.get().len() + 8).sum());
    for (number, item) in items.iter().enumerate() {
        json.push_str(if number == 0 { "[" } else { ",\n" });
        let mut rest = item.get();
        while let Some(at) = rest.find(['<', '>', '&', '\'']) {
            let (plain, special) = rest.split_at(at);
            json.push_str(plain);
            json.push_str(match special.as_bytes()[0] {
                b'<' => "\\u003c",
                b'>' => "\\u003e",
                b'&' => "\\u0026",
                _ => "\\u0027",
            });
            rest = &special[1..];
        }
        json.push_str(rest);
    }
    json.push(']');
    Value::from_safe_string(json)
}

impl LetterContext {
    pub(super) fn new(subject: &str, token: Option<&LetterToken>, data: LetterData) -> Self {
        let token = token.cloned();
        Self { subject: Value::from(subject), token, data: Arc::new(data), is_structured: true }
    }

    /// The same without what machines read.
    pub(super) fn without_structured(&self) -> Self {
        Self { is_structured: false, ..self.clone() }
    }

    /// The context as templates take it.
    pub(super) fn value(&self) -> Value {
        Value::from_object(self.clone())
    }
}

impl Object for LetterContext {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "subject" => Some(self.subject.clone()),
            "token" => self.token.as_ref().map(|LetterToken(token)| Value::from(token.as_str())),
            STRUCTURED => {
                let shown = self.data.structured.clone().filter(|_| self.is_structured);
                Some(shown.unwrap_or(Value::from(())))
            }
            name => self.data.get(name),
        }
    }
}
