//! Request bodies and query parameters, read so that all invalid values are told at once.
//!
//! serde stops at the first error and cannot name it by JSON pointer, so bodies are parsed as JSON and
//! then read member by member with [`JsonReader`], which notes each error and goes on. Whatever a body holds,
//! what is told of it is bounded: [`MOST_ERRORS`], each with a pointer of [`LONGEST_POINTER`].

mod body;
mod empty_body;
mod field_error;
mod json_reader;
mod query_parameters;

pub use body::{
    BODY_LIMIT, Body, IMPORT_LIMIT, IMPORT_TIME, JsonBytes, collect, collect_import, require_identity,
};
pub use empty_body::EmptyBody;
pub use field_error::{FieldError, LONGEST_POINTER, MOST_ERRORS};
pub use json_reader::{FromJson, JsonReader};
pub use query_parameters::QueryParameters;
pub use shared_types::patch::Patch;

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
        fn read(object: &mut JsonReader<'_>) -> Option<Self> {
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
