//! Kinds of query parameters.

use crate::store::places;
use chrono::NaiveDate;
use diesel_async::AsyncPgConnection;
use shared::{
    http::{FieldError, Problem},
    iata::AirportCode,
};
use std::str::FromStr;

pub(super) use shared::http::NoParameters;

/// A calendar date, `2026-12-01` and nothing looser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date(pub(super) NaiveDate);

/// A text that is no such date.
#[derive(Debug, thiserror::Error)]
#[error("must be a date such as 2026-12-01")]
pub(super) struct InvalidDate;

impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = plain.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
        date.map(Self).ok_or(InvalidDate)
    }
}

/// Checks that codes name airports or cities that are known.
///
/// # Errors
/// `validation_failed` with all that are not, by parameter.
pub(super) async fn known_places(
    connection: &mut AsyncPgConnection,
    named: &[(&str, &AirportCode)],
) -> Result<(), Problem> {
    let codes: Vec<&str> = named.iter().map(|(_, code)| code.as_str()).collect();
    let known = places::known(connection, &codes).await?;
    let unknown: Vec<FieldError> = named
        .iter()
        .filter(|(_, code)| !known.contains(code.as_str()))
        .map(|(name, _)| FieldError::parameter(*name, "is no airport or city that is known"))
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(Problem::validation(unknown)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_strictly() {
        assert!("2026-12-01".parse::<Date>().is_ok());
        for text in ["2026-02-30", "2026-2-3", "26-12-01", "2026-12-1x", "+026-12-01", "2026-12-01T00:00", ""]
        {
            assert!(text.parse::<Date>().is_err(), "{text:?}");
        }
    }
}
