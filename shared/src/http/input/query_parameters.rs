//! Query parameters, read so that all invalid ones are told at once.

use super::field_error::{FieldError, LONGEST_MESSAGE, LONGEST_POINTER, cut, note};
use crate::http::Problem;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use percent_encoding::percent_decode_str;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    future,
    str::FromStr,
};

fn note_parameter(errors: &mut Vec<FieldError>, name: &str, message: impl Display) {
    note(errors, || {
        FieldError::parameter(
            cut(name.to_owned(), LONGEST_POINTER),
            cut(message.to_string(), LONGEST_MESSAGE),
        )
    });
}

/// A name or a value as it was before it was encoded as a form.
///
/// `form_urlencoded` would put U+FFFD in the place of what is not UTF-8, and leave a `%` alone that begins no
/// escape: a bad text would then pass as another one.
fn decode(text: &str) -> Result<String, &'static str> {
    let bytes = text.as_bytes();
    let is_escape =
        |at: usize| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if memchr::memchr_iter(b'%', bytes).any(|at| !is_escape(at)) {
        return Err("must have two hexadecimal digits after each %");
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| "must be UTF-8")
}

/// A value that a parameter may have.
fn decode_value(text: &str) -> Result<String, &'static str> {
    let value = decode(text)?;
    if value.is_empty() {
        return Err("must not be empty");
    }
    if value.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    Ok(value)
}

/// The query parameters of a request. An unknown one is an error, and so is one that is empty or not UTF-8.
#[derive(Debug)]
pub struct QueryParameters {
    values: BTreeMap<String, Vec<String>>,
    /// Names of parameters with a value that cannot be read: their error is noted already.
    unreadable: BTreeSet<String>,
    errors: Vec<FieldError>,
}

impl QueryParameters {
    /// Reads a query string.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut parameters =
            Self { values: BTreeMap::new(), unreadable: BTreeSet::new(), errors: Vec::new() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = decode(name).and_then(|name| Ok((name, decode_value(value)?)));
            match decoded {
                Ok((name, value)) => parameters.values.entry(name).or_default().push(value),
                Err(message) => {
                    let name = percent_decode_str(&name.replace('+', " ")).decode_utf8_lossy().into_owned();
                    if !parameters.unreadable.contains(&name) {
                        parameters.error(&name, message);
                        parameters.unreadable.insert(name);
                    }
                }
            }
        }
        parameters
    }

    /// Whether a parameter is given and was not read yet.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// All values of a parameter that may be repeated.
    pub fn repeated(&mut self, name: &str) -> Vec<String> {
        self.values.remove(name).unwrap_or_default()
    }

    /// A text that may be absent. `None` also after an error was noted.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let mut values = self.repeated(name);
        if values.len() > 1 {
            self.error(name, "must not be repeated");
        }
        values.pop()
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

    /// Notes an error of a parameter. One that cannot be read keeps the error that says so: it is not missing
    /// as well.
    pub fn error(&mut self, name: &str, message: impl Display) {
        if self.unreadable.contains(name) {
            return;
        }
        note_parameter(&mut self.errors, name, message);
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
    use crate::{http::input::MOST_ERRORS, iata::AirportCode};

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

    /// The parameters that are told as wrong, with what is told of them.
    fn told(query: &str) -> Vec<(String, String)> {
        let mut parameters = QueryParameters::parse(query);
        let _ = (parameters.required::<String>("q"), parameters.optional::<u8>("limit"));
        let problem = parameters.finish().unwrap_err();
        let text = |error: &serde_json::Value, member: &str| error[member].as_str().unwrap().to_owned();
        let errors = problem.members_for_test()["errors"].as_array().unwrap();
        errors.iter().map(|error| (text(error, "parameter"), text(error, "message"))).collect()
    }

    #[test]
    fn empty_and_undecodable_parameters_are_bad_ones_and_told_once() {
        let (empty, utf8) = ("must not be empty", "must be UTF-8");
        let escape = "must have two hexadecimal digits after each %";
        for (query, name, message) in [
            ("q=", "q", empty),
            ("q", "q", empty),
            ("q=&q=", "q", empty),
            ("q=x&limit=", "limit", empty),
            ("q=%ff", "q", utf8),
            ("q=%C3", "q", utf8),
            ("q=100%", "q", escape),
            ("q=%4", "q", escape),
            ("q=%zz", "q", escape),
            ("q=x&limit=%", "limit", escape),
            ("q=%0A", "q", "must not contain control characters"),
            ("q=x&typo=", "typo", empty),
            ("q=x&%ff=1", "\u{fffd}", utf8),
            ("q=x&%zz=1", "%zz", escape),
            ("q=x&=1", "", "is not a known parameter"),
        ] {
            assert_eq!(told(query), [(name.to_owned(), message.to_owned())], "{query}");
        }
        let mut good = QueryParameters::parse("&q=Z%C3%BC+rich%2B&&");
        assert_eq!(good.required::<String>("q").as_deref(), Some("Zü rich+"));
        assert!(good.finish().is_ok());
        assert!(QueryParameters::parse("").finish().is_ok());
    }

    #[test]
    fn query_parameters_are_bounded_too() {
        let query: String = (0..1000).map(|index| format!("x{index}{}=1&", "y".repeat(300))).collect();
        let problem = QueryParameters::parse(&query).finish().unwrap_err();
        let errors = problem.members_for_test()["errors"].as_array().unwrap().clone();
        assert_eq!(errors.len(), MOST_ERRORS);
        assert!(errors.iter().all(|error| error["parameter"].as_str().unwrap().len() < 260));
    }
}
