//! Kinds of query parameters.

use crate::store::places;
use diesel_async::AsyncPgConnection;
use shared::{
    http::{FieldError, Problem},
    iata::AirportCode,
};

pub(crate) use shared::{calendar_date::CalendarDate, http::NoParameters};

/// Why a search text is refused that has characters, but none that a name could contain: accents alone.
pub(crate) const NOTHING_TO_FIND: &str = "must have letters or digits";

/// Checks that codes name airports or cities that are known.
///
/// # Errors
/// `validation_failed` with all that are not, by parameter.
pub(crate) async fn known_places(
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
