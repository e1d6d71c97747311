//! Request bodies and query parameters, read so that all invalid values are told at once.
//!
//! serde stops at the first error and cannot name it by JSON pointer, so bodies are parsed as JSON and
//! then read member by member with [`Object`], which notes each error and goes on. Whatever a body holds,
//! what is told of it is bounded: [`MOST_ERRORS`], each with a pointer of [`LONGEST_POINTER`].

mod body;
mod object;
mod query_parameters;

pub use body::{BODY_LIMIT, Body, JsonBytes, collect, require_identity};
pub use object::Object;
pub use query_parameters::QueryParameters;
use serde::Serialize;
pub use shared_types::patch::Patch;
use std::fmt::Display;
use utoipa::ToSchema;

/// Errors of a request that are told; of those beyond them nothing is said.
pub const MOST_ERRORS: usize = 100;
/// Characters of a pointer or a parameter's name in an error; a longer one is cut, and ends with `...`.
pub const LONGEST_POINTER: usize = 256;
/// Characters of what serde says of a value, which it quotes in full.
const LONGEST_MESSAGE: usize = 512;

/// A text that a client has made as long as it liked.
fn cut(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn note(errors: &mut Vec<FieldError>, error: impl FnOnce() -> FieldError) {
    if errors.len() < MOST_ERRORS {
        errors.push(error());
    }
}

/// An invalid value of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) of a member of the body; one of more than 256 characters is cut.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::Code, iata::AirportCode};
    use serde_json::{Value, json};

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
    fn what_is_told_of_a_body_is_bounded() {
        let name = "n".repeat(128 * 1024);
        let trip = json!({"origin": "LHR", "guests": [{"name": "Ada"}]});
        let with = |member: &str, value: Value| {
            let mut body = trip.clone();
            body[member] = value;
            errors(&body)
        };
        let told = with(&name, json!(vec!["\0"; 14_000]));
        assert_eq!(told.len(), MOST_ERRORS);
        let longest = |told: &[(String, String)]| {
            told.iter().map(|(pointer, _)| pointer.chars().count()).max().unwrap()
        };
        assert_eq!(longest(&told), LONGEST_POINTER + 3);
        let mut body = trip.clone();
        body.as_object_mut().unwrap().extend((0..30_000).map(|index| (format!("x{index}"), json!(1))));
        assert_eq!(errors(&body).len(), MOST_ERRORS);
        let told = with(&"~/".repeat(64 * 1024), json!(1));
        assert!(told[0].0.starts_with("/~0~1") && longest(&told) == LONGEST_POINTER + 3);
        let told = with("guests", json!([{"name": {&name: 1}}, {"name": 1, "nmae": &name}]));
        assert!(told.iter().all(|(_, message)| message.len() < 600), "{told:?}");
        let told = with("origin", json!(name));
        assert!(told.iter().all(|(_, message)| message.len() < 600), "{told:?}");
    }

    #[test]
    fn an_escaped_backslash_is_no_nul() {
        let body = br#"{"origin": "LHR", "note": "\\\\u0", "guests": [{"name": "\\\\u0000"}]}"#;
        assert_eq!(Body::<Trip>::parse(body).unwrap().value.guests, ["\\\\u0000"]);
    }

    #[test]
    fn bad_json_is_told_apart() {
        assert_eq!(Body::<Trip>::parse(b"{").unwrap_err().code(), Code::MalformedJson);
        assert_eq!(Body::<Trip>::parse(b"\xff").unwrap_err().code(), Code::MalformedJson);
    }
}
