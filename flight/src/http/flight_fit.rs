//! Whether a flight fits among the others: its number once a day, and its airplane in one place.

use crate::{
    domain::flight::Flight,
    error::{Conflict, overtaken},
    store::flights::{self, FlightChange, NewFlight},
};
use chrono::{DateTime, Utc};
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    flight_time::FlightTime,
    http::Problem,
    iata::{AirportCode, FlightNumber, Registration},
    ids::FlightId,
};

/// Checks that a flight that is to be made has its number and its airplane to itself.
pub(super) async fn check_fit(connection: &mut AsyncPgConnection, new: &NewFlight) -> Result<(), Problem> {
    let NewFlight { id, flight_number, origin, departure, arrival, airplane, .. } = new;
    check_number(connection, (flight_number, origin), departure, *id).await?;
    let turnarounds = flights::turnarounds(connection, &[airplane]).await?;
    let turnaround = turnarounds.get(airplane).copied().unwrap_or_default();
    check_airplane(connection, airplane, (departure.at, arrival.at + turnaround), *id).await
}

/// Checks the same of a change.
async fn check_change(
    connection: &mut AsyncPgConnection,
    before: &Flight,
    change: &FlightChange,
) -> Result<(), Problem> {
    if let Some((departure, _)) = &change.times {
        let key = (&before.flight_number, &before.origin.iata);
        check_number(connection, key, departure, before.id).await?;
    }
    let Some(until) = change.blocked_until else { return Ok(()) };
    let from = match &change.times {
        Some((departure, _)) => departure.at,
        None => flights::planned_times(connection, before.id).await?.0,
    };
    let airplane = change.airplane.as_ref().unwrap_or(&before.airplane);
    check_airplane(connection, airplane, (from, until), before.id).await
}

/// Writes a change. Where another transaction came between the check and the write, the check is made again.
pub(super) async fn update(
    connection: &mut AsyncPgConnection,
    before: &Flight,
    change: &FlightChange,
) -> Result<Flight, Problem> {
    check_change(connection, before, change).await?;
    // A savepoint: after a statement that failed, the other flight can be looked up in the same transaction.
    let written = connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            flights::update(connection, before.id, change).await
        })
        .await;
    match written {
        Ok(changed) => Ok(changed),
        Err(Error::DatabaseError(
            DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::ExclusionViolation,
            _,
        )) => {
            check_change(connection, before, change).await?;
            Err(Conflict::ChangedMeanwhile.into())
        }
        Err(error) => Err(overtaken(error)),
    }
}

async fn check_number(
    connection: &mut AsyncPgConnection,
    (number, origin): (&FlightNumber, &AirportCode),
    departure: &FlightTime,
    flight: FlightId,
) -> Result<(), Problem> {
    let date = departure.local.date();
    let other = flights::is_taken(connection, number, origin, date, flight).await?;
    other.map_or(Ok(()), |other| Err(Conflict::NumberTaken(Some(other)).into()))
}

async fn check_airplane(
    connection: &mut AsyncPgConnection,
    airplane: &Registration,
    blocked: (DateTime<Utc>, DateTime<Utc>),
    flight: FlightId,
) -> Result<(), Problem> {
    let other = flights::planned_elsewhere(connection, airplane, blocked, flight).await?;
    other.map_or(Ok(()), |other| Err(Conflict::AirplaneBusy(other).into()))
}
