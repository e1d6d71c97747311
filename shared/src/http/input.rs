//! Request bodies and query parameters, read so that all invalid values are told at once.
//!
//! serde stops at the first error and cannot name it by JSON pointer, so bodies are parsed as JSON and
//! then read member by member with [`Object`], which notes each error and goes on.

use super::{Code, Problem};
use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    web::{self, BytesMut},
};
use futures_util::{StreamExt, future::LocalBoxFuture};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt::Display, future, ops::RangeInclusive, str::FromStr};
use utoipa::ToSchema;

/// The largest body, bytes; imports have their own limit.
pub const BODY_LIMIT: usize = 256 * 1024;

/// An invalid value of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) of a member of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/passengers/0/born_on")]
    pub pointer: Option<String>,
    /// Name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong, for people.
    pub message: String,
}

impl FieldError {
    /// An invalid member of the body.
    #[must_use]
    pub fn at(pointer: impl Into<String>, message: impl Display) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, message: message.to_string() }
    }

    /// An invalid query parameter.
    #[must_use]
    pub fn parameter(name: impl Into<String>, message: impl Display) -> Self {
        Self { pointer: None, parameter: Some(name.into()), message: message.to_string() }
    }
}

/// A request body that can be read member by member.
pub trait FromJson: Sized {
    /// Reads the body. Every error must be noted in the object; `None` is allowed only then.
    fn read(object: &mut Object<'_>) -> Option<Self>;
}

/// A member of a JSON Merge Patch (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not mentioned: stays as it is.
    Keep,
    /// Null: removed.
    Remove,
    /// The new value.
    Set(T),
}

impl<T> Patch<T> {
    /// The value after the patch, where it may be removed.
    pub fn apply(self, present: Option<T>) -> Option<T> {
        match self {
            Self::Keep => present,
            Self::Remove => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// A JSON object that is being read. What is not asked for is an unknown member, and an error.
pub struct Object<'a> {
    members: Map<String, Value>,
    pointer: String,
    errors: &'a mut Vec<FieldError>,
}

impl<'a> Object<'a> {
    /// Reads a value as an object with `read`, noting errors below `pointer`.
    pub fn read_value<T>(
        value: Value,
        pointer: &str,
        errors: &'a mut Vec<FieldError>,
        read: impl FnOnce(&mut Object<'_>) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(members) = value else {
            errors.push(FieldError::at(pointer, "must be an object"));
            return None;
        };
        let mut object = Object { members, pointer: pointer.to_owned(), errors };
        let result = read(&mut object);
        let unknown: Vec<String> = object.members.keys().cloned().collect();
        for name in unknown {
            object.error(&name, "is not a known field");
        }
        result
    }

    /// The JSON pointer of a member.
    #[must_use]
    pub fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }

    /// Notes an error of a member.
    pub fn error(&mut self, name: &str, message: impl Display) {
        self.errors.push(FieldError::at(self.pointer(name), message));
    }

    /// Notes errors that are pointed to from this object: their pointers are put behind its own.
    pub fn note(&mut self, errors: impl IntoIterator<Item = FieldError>) {
        for error in errors {
            let pointer = format!("{}{}", self.pointer, error.pointer.unwrap_or_default());
            self.errors.push(FieldError::at(pointer, error.message));
        }
    }

    /// Whether a member is there and was not read yet, be it null: for the lists of a merge patch.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    fn parse<T: DeserializeOwned>(&mut self, name: &str, value: Value) -> Option<T> {
        serde_json::from_value(value).map_err(|error| self.error(name, error)).ok()
    }

    fn take_required(&mut self, name: &str) -> Option<Value> {
        let value = self.take(name);
        if value.is_none() {
            self.error(name, "is required");
        }
        value
    }

    /// A member that must be there. `None` means that an error was noted.
    pub fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.take_required(name)?;
        self.parse(name, value)
    }

    /// A member that may be absent or null.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name)?;
        self.parse(name, value)
    }

    /// A text that must be there, trimmed, of so many characters, without control characters.
    pub fn text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = self.required::<String>(name)?;
        self.check_text(name, &text, length)
    }

    /// A text that may be absent or null.
    pub fn optional_text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = self.optional::<String>(name)?;
        self.check_text(name, &text, length)
    }

    fn check_text(&mut self, name: &str, text: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            self.error(name, "must not contain control characters");
        } else if !length.contains(&text.chars().count()) {
            self.error(name, format!("must have {} to {} characters", length.start(), length.end()));
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// A member of a merge patch.
    pub fn patch<T: DeserializeOwned>(&mut self, name: &str) -> Patch<T> {
        match self.members.remove(name) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Remove,
            Some(value) => self.parse(name, value).map_or(Patch::Keep, Patch::Set),
        }
    }

    /// A member of a merge patch that may be changed but not removed.
    pub fn patch_required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match self.patch(name) {
            Patch::Keep => None,
            Patch::Set(value) => Some(value),
            Patch::Remove => {
                self.error(name, "cannot be removed");
                None
            }
        }
    }

    /// A text of a merge patch that may be changed but not removed; checked as [`Self::text`] does.
    pub fn patch_text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = self.patch_required::<String>(name)?;
        self.check_text(name, &text, length)
    }

    /// A member that a merge patch must not mention: it is fixed when the resource is made.
    pub fn immutable(&mut self, name: &str) {
        if self.members.remove(name).is_some() {
            self.error(name, "cannot be changed");
        }
    }

    /// An object that must be there.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Object<'_>) -> Option<T>) -> Option<T> {
        let value = self.take_required(name)?;
        let pointer = self.pointer(name);
        Object::read_value(value, &pointer, self.errors, read)
    }

    /// An object that may be absent or null.
    pub fn optional_object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Object<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let pointer = self.pointer(name);
        Object::read_value(value, &pointer, self.errors, read)
    }

    /// A list of so many objects that must be there. `None` if any of them is invalid.
    pub fn list<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Object<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = match self.take_required(name)? {
            Value::Array(items) => items,
            _ => {
                self.error(name, "must be a list");
                return None;
            }
        };
        if !length.contains(&items.len()) {
            self.error(name, format!("must have {} to {} items", length.start(), length.end()));
            return None;
        }
        let pointer = self.pointer(name);
        // Reads all of them before it gives up, so that all errors are noted.
        let read: Vec<Option<T>> = items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                Object::read_value(item, &format!("{pointer}/{index}"), self.errors, &mut read)
            })
            .collect();
        read.into_iter().collect()
    }
}

/// A JSON body, checked.
#[derive(Debug, Clone)]
pub struct Body<T> {
    /// The body as its type.
    pub value: T,
    /// The body as it came, parsed; idempotency compares it.
    pub json: Value,
}

impl<T: FromJson> Body<T> {
    /// Reads bytes as a body. No bytes are an empty object, so that actions need no body.
    ///
    /// # Errors
    /// `malformed_json`, or `validation_failed` with all errors.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let json: Value = match bytes {
            [] => Value::Object(Map::new()),
            bytes => serde_json::from_slice(bytes)
                .map_err(|error| Problem::new(Code::MalformedJson).detail(error))?,
        };
        let mut errors = Vec::new();
        // PostgreSQL's text cannot hold NUL; no field of ours wants it.
        find_nul(&json, "", &mut errors);
        let value = Object::read_value(json.clone(), "", &mut errors, T::read);
        match value {
            Some(value) if errors.is_empty() => Ok(Self { value, json }),
            _ => Err(Problem::validation(errors)),
        }
    }
}

fn find_nul(value: &Value, pointer: &str, errors: &mut Vec<FieldError>) {
    match value {
        Value::String(text) if text.contains('\0') => {
            errors.push(FieldError::at(pointer, "must not contain U+0000"));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_nul(item, &format!("{pointer}/{index}"), errors);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                find_nul(member, &format!("{pointer}/{name}"), errors);
            }
        }
        _ => {}
    }
}

impl<T: FromJson + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let json = match request.mime_type() {
            Ok(None) => true,
            Ok(Some(mime)) => {
                mime.subtype() == "json" || mime.suffix().is_some_and(|suffix| suffix == "json")
            }
            Err(_) => false,
        };
        let mut payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let mut bytes = BytesMut::new();
            let mut stream = (&mut payload).await.map_err(|_| Problem::new(Code::MalformedJson))?;
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| Problem::new(Code::MalformedJson).detail(error))?;
                if bytes.len() + chunk.len() > BODY_LIMIT {
                    return Err(Problem::new(Code::PayloadTooLarge));
                }
                bytes.extend_from_slice(&chunk);
            }
            if !json && !bytes.is_empty() {
                return Err(Problem::new(Code::UnsupportedMediaType));
            }
            Self::parse(&bytes)
        })
    }
}

/// The query parameters of a request. What is not asked for is an error.
#[derive(Debug)]
pub struct QueryParameters {
    values: BTreeMap<String, Vec<String>>,
    errors: Vec<FieldError>,
}

impl QueryParameters {
    /// Reads a query string.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut values = BTreeMap::<String, Vec<String>>::new();
        let mut errors = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if value.chars().any(char::is_control) {
                errors.push(FieldError::parameter(name, "must not contain control characters"));
            } else {
                values.entry(name.into_owned()).or_default().push(value.into_owned());
            }
        }
        Self { values, errors }
    }

    /// All values of a parameter that may be repeated.
    pub fn repeated(&mut self, name: &str) -> Vec<String> {
        self.values.remove(name).unwrap_or_default()
    }

    /// A text that may be absent; an empty one counts as absent.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let mut values = self.repeated(name);
        if values.len() > 1 {
            self.error(name, "must not be repeated");
        }
        values.pop().filter(|value| !value.is_empty())
    }

    /// A value that may be absent. `None` also after an error was noted.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        text.parse().map_err(|error| self.error(name, error)).ok()
    }

    /// A value that must be there. `None` means that an error was noted.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        if !self.values.contains_key(name) {
            self.error(name, "is required");
        }
        self.optional(name)
    }

    /// Notes an error of a parameter.
    pub fn error(&mut self, name: &str, message: impl Display) {
        self.errors.push(FieldError::parameter(name, message));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `validation_failed` with all errors that were noted, unknown parameters among them.
    pub fn finish(mut self) -> Result<(), Problem> {
        for name in std::mem::take(&mut self.values).into_keys() {
            self.error(&name, "is not a known parameter");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::validation(self.errors)) }
    }
}

impl FromRequest for QueryParameters {
    type Error = Problem;
    type Future = future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(Ok(Self::parse(request.query_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iata::AirportCode;
    use serde_json::json;

    #[derive(Debug, PartialEq)]
    struct Trip {
        origin: AirportCode,
        note: Option<String>,
        guests: Vec<String>,
    }

    impl FromJson for Trip {
        fn read(object: &mut Object<'_>) -> Option<Self> {
            let origin = object.required("origin");
            let note = object.optional_text("note", 1..=5);
            let guests = object.list("guests", 1..=3, |guest| guest.text("name", 1..=10));
            Some(Self { origin: origin?, note, guests: guests? })
        }
    }

    fn errors(body: &Value) -> Vec<(String, String)> {
        let problem = Body::<Trip>::parse(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(problem.code(), Code::ValidationFailed);
        let response = serde_json::to_value(&problem.members_for_test()["errors"]).unwrap();
        let one = |error: &Value| {
            (error["pointer"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
        };
        response.as_array().unwrap().iter().map(one).collect()
    }

    #[test]
    fn a_good_body_is_read() {
        let body = json!({"origin": "LHR", "note": null, "guests": [{"name": " Ada "}]});
        let trip = Body::<Trip>::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(trip.value.guests, ["Ada"]);
        assert_eq!(trip.json, body);
    }

    #[test]
    fn all_errors_are_told_at_once_by_pointer() {
        let body =
            json!({"origin": "lhr", "note": "too long", "guests": [{"name": "Ada"}, {"nmae": 1}], "x/y": 1});
        let pointers: Vec<String> = errors(&body).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/origin", "/note", "/guests/1/name", "/guests/1/nmae", "/x~1y"]);
        assert_eq!(errors(&json!([1])), [(String::new(), "must be an object".to_owned())]);
        assert_eq!(errors(&json!({"origin": "LHR", "guests": [{"name": "a\u{0}"}]}))[0].0, "/guests/0/name");
    }

    #[test]
    fn bad_json_is_told_apart() {
        assert_eq!(Body::<Trip>::parse(b"{").unwrap_err().code(), Code::MalformedJson);
        assert_eq!(Body::<Trip>::parse(b"\xff").unwrap_err().code(), Code::MalformedJson);
    }

    #[test]
    fn query_parameters_are_strict() {
        let mut query = QueryParameters::parse("origin=LHR&adults=x&typo=1&adults=2");
        assert!(query.required::<AirportCode>("origin").is_some());
        assert!(query.required::<AirportCode>("destination").is_none());
        let _ = query.optional::<u8>("adults");
        let problem = query.finish().unwrap_err();
        let errors = &problem.members_for_test()["errors"];
        let named: Vec<&str> =
            errors.as_array().unwrap().iter().filter_map(|e| e["parameter"].as_str()).collect();
        assert_eq!(named, ["destination", "adults", "typo"]);
    }
}
