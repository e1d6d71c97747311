//! Queries of flights.

use super::parts::{FlightRow, assemble};
use crate::{
    domain::flight::{Flight, FlightWithSeats},
    store::{
        availability,
        schema::{airports, flights},
    },
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::{dsl::exists, pg::Pg, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::FlightStatus,
    iata::{AirportCode, FlightNumber, Registration},
    ids::FlightId,
};
use uuid::Uuid;

/// A filter of flights. An absent member matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FlightFilter {
    /// Code of an airport, or of a city, which stands for all of its airports.
    pub origin: Option<AirportCode>,
    /// Code of an airport, or of a city.
    pub destination: Option<AirportCode>,
    /// Local date of the planned departure.
    pub date: Option<NaiveDate>,
    /// Its number.
    pub flight_number: Option<FlightNumber>,
    /// Status by the clock.
    pub status: Option<FlightStatus>,
    /// Departures from here on.
    pub from: Option<DateTime<Utc>>,
}

/// The longest flight. One that is in the air has left so long ago at most; without this bound all flights that ever left would
/// have to be looked at.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// Flights by departure, from behind `after`.
///
/// Every filter has an index that finds its page (see the migration `index_flight_lists`).
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &mut AsyncPgConnection,
    filter: &FlightFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
    now: DateTime<Utc>,
) -> QueryResult<Vec<Flight>> {
    let mut query = flights::table.order((flights::departs_at, flights::id)).limit(limit).into_boxed();
    if let Some(code) = &filter.origin {
        query = query.filter(flights::origin.eq_any(airports_of(connection, code).await?));
    }
    if let Some(code) = &filter.destination {
        query = query.filter(flights::destination.eq_any(airports_of(connection, code).await?));
    }
    if let Some(date) = filter.date {
        query = query.filter(flights::departure_date.eq(date));
    }
    if let Some(number) = &filter.flight_number {
        query = query.filter(flights::flight_number.eq(number.as_str()));
    }
    if let Some(from) = filter.from {
        query = query.filter(flights::departs_at.ge(from));
    }
    if let Some(status) = filter.status {
        query = by_status(query, status, now);
    }
    if let Some((at, id)) = after {
        let later = flights::departs_at.gt(at).or(flights::departs_at.eq(at).and(flights::id.gt(id)));
        query = query.filter(flights::departs_at.ge(at)).filter(later);
    }
    let rows = query.select(FlightRow::as_select()).load(connection).await?;
    assemble(connection, rows).await
}

/// The codes of the airport itself and of the airports of the city of that code. Asked for first: the planner knows how many
/// flights airports have, but not how many those of a query have.
async fn airports_of(connection: &mut AsyncPgConnection, code: &AirportCode) -> QueryResult<Vec<String>> {
    airports::table
        .filter(airports::iata.eq(code.as_str()).or(airports::city.eq(code.as_str())))
        .select(airports::iata)
        .load(connection)
        .await
}

/// The same rules as [`Flight::status_at`].
fn by_status<'a>(
    query: flights::BoxedQuery<'a, Pg>,
    status: FlightStatus,
    now: DateTime<Utc>,
) -> flights::BoxedQuery<'a, Pg> {
    let flies = flights::status.ne("cancelled");
    match status {
        FlightStatus::Cancelled => query.filter(flights::status.eq("cancelled")),
        FlightStatus::Arrived => query.filter(flies.and(flights::arrives_at.le(now))),
        FlightStatus::Departed => {
            let in_the_air = flights::departs_at.le(now).and(flights::arrives_at.gt(now));
            query.filter(flies.and(in_the_air).and(flights::departs_at.gt(now - LONGEST)))
        }
        FlightStatus::Scheduled => {
            query.filter(flights::status.eq("scheduled").and(flights::departs_at.gt(now)))
        }
        FlightStatus::Delayed => query.filter(flights::status.eq("delayed").and(flights::departs_at.gt(now))),
    }
}

/// Adds the seats that are taken.
///
/// # Errors
/// Those of the database.
pub async fn with_seats(
    connection: &mut AsyncPgConnection,
    flights: Vec<Flight>,
) -> QueryResult<Vec<FlightWithSeats>> {
    let ids: Vec<Uuid> = flights.iter().map(|flight| flight.id.0).collect();
    let mut taken = availability::of_flights(connection, &ids).await?;
    let counted = |flight: Flight| {
        let taken = taken.remove(&flight.id.0).unwrap_or_default();
        FlightWithSeats::new(flight, &taken)
    };
    Ok(flights.into_iter().map(counted).collect())
}

/// One flight.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut AsyncPgConnection, id: FlightId) -> QueryResult<Option<Flight>> {
    Ok(find_many(connection, &[id]).await?.pop())
}

/// Those of these flights that there are, in the order of their ids.
///
/// # Errors
/// Those of the database.
pub async fn find_many(connection: &mut AsyncPgConnection, ids: &[FlightId]) -> QueryResult<Vec<Flight>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = flights::table
        .filter(flights::id.eq_any(ids))
        .order(flights::id)
        .select(FlightRow::as_select())
        .load(connection)
        .await?;
    assemble(connection, rows).await
}

/// One flight, locked until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn lock(connection: &mut AsyncPgConnection, id: FlightId) -> QueryResult<Option<Flight>> {
    let row: Option<FlightRow> = flights::table
        .find(id.0)
        .select(FlightRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    Ok(assemble(connection, row.into_iter().collect()).await?.pop())
}

/// Another flight with this number from this airport on this local date, if any.
///
/// # Errors
/// Those of the database.
pub async fn is_taken(
    connection: &mut AsyncPgConnection,
    number: &FlightNumber,
    origin: &AirportCode,
    date: NaiveDate,
    except: FlightId,
) -> QueryResult<Option<FlightId>> {
    let other: Option<Uuid> = flights::table
        .filter(flights::flight_number.eq(number.as_str()).and(flights::origin.eq(origin.as_str())))
        .filter(flights::departure_date.eq(date).and(flights::id.ne(except.0)))
        .select(flights::id)
        .first(connection)
        .await
        .optional()?;
    Ok(other.map(FlightId))
}

/// Whether flights that have not arrived, and are not cancelled, use the airport.
///
/// # Errors
/// Those of the database.
pub async fn airport_is_in_use(
    connection: &mut AsyncPgConnection,
    airport: &AirportCode,
) -> QueryResult<bool> {
    let here = flights::origin.eq(airport.as_str()).or(flights::destination.eq(airport.as_str()));
    let upcoming = flights::table
        .filter(here.and(flights::arrives_at.gt(diesel::dsl::now)))
        .filter(flights::status.ne("cancelled"));
    diesel::select(exists(upcoming)).get_result(connection).await
}

/// Whether flights that have not arrived, and are not cancelled, are flown by the airplane.
///
/// # Errors
/// Those of the database.
pub async fn airplane_is_in_use(
    connection: &mut AsyncPgConnection,
    airplane: &Registration,
) -> QueryResult<bool> {
    let upcoming = flights::table
        .filter(flights::airplane.eq(airplane.as_str()).and(flights::arrives_at.gt(diesel::dsl::now)))
        .filter(flights::status.ne("cancelled"));
    diesel::select(exists(upcoming)).get_result(connection).await
}
