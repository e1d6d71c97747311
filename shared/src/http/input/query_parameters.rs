//! Query parameters, read so that all invalid ones are told at once.

use super::{FieldError, LONGEST_MESSAGE, LONGEST_POINTER, cut, note};
use crate::http::Problem;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use std::{collections::BTreeMap, fmt::Display, future, str::FromStr};

fn note_parameter(errors: &mut Vec<FieldError>, name: &str, message: impl Display) {
    note(errors, || {
        FieldError::parameter(
            cut(name.to_owned(), LONGEST_POINTER),
            cut(message.to_string(), LONGEST_MESSAGE),
        )
    });
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
                note_parameter(&mut errors, &name, "must not contain control characters");
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

    #[test]
    fn query_parameters_are_bounded_too() {
        let query: String = (0..1000).map(|index| format!("x{index}{}=1&", "y".repeat(300))).collect();
        let problem = QueryParameters::parse(&query).finish().unwrap_err();
        let errors = problem.members_for_test()["errors"].as_array().unwrap().clone();
        assert_eq!(errors.len(), MOST_ERRORS);
        assert!(errors.iter().all(|error| error["parameter"].as_str().unwrap().len() < 260));
    }
}
