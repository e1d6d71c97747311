//! Disruptions of flights, each with its event in the same transaction. The row of the flight must be locked.

use super::{read::find_many, write::publish};
use crate::{
    domain::{
        delay::{Delay, PlannedTimes},
        flight::Flight,
    },
    store::{fares, flights::planned_times, schema::flights},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, result::Error};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::{EventType, FlightStatus},
    fare::FlightFare,
    flight_time::FlightTime,
    iata::Registration,
    ids::{FlightId, SeatLayoutId},
};
use uuid::Uuid;

/// Another airplane for a flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherAirplane {
    /// Which one.
    pub airplane: Registration,
    /// Its seats.
    pub seat_layout: SeatLayoutId,
    /// Until when the plan needs it.
    pub blocked_until: DateTime<Utc>,
    /// What stays on sale, where the airplane lacks a cabin.
    pub fares: Option<Vec<FlightFare>>,
}

/// The columns that disruptions change. A member that is `None` stays as it is.
#[derive(Default, AsChangeset)]
#[diesel(table_name = flights)]
struct DisruptedColumns<'a> {
    departs_at: Option<DateTime<Utc>>,
    arrives_at: Option<DateTime<Utc>>,
    status: Option<&'static str>,
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it is written, the inner one is null"
    )]
    reason: Option<Option<&'a str>>,
    airplane: Option<&'a str>,
    seat_layout_id: Option<Uuid>,
    blocked_until: Option<DateTime<Utc>>,
}

/// The planned times of a flight, in the zones of its airports.
///
/// # Errors
/// Those of the database; `NotFound` where the flight is gone.
pub async fn plan_of(connection: &mut AsyncPgConnection, flight: &Flight) -> QueryResult<PlannedTimes> {
    let (departs_at, arrives_at) = planned_times(connection, flight.id).await?;
    let time = |at, zone: &str| {
        FlightTime::from_instant(at, zone).map_err(|error| Error::DeserializationError(Box::new(error)))
    };
    Ok(PlannedTimes {
        departure: time(departs_at, &flight.departure.time_zone)?,
        arrival: time(arrives_at, &flight.arrival.time_zone)?,
    })
}

/// Writes new times of a flight beside those of its plan.
///
/// # Errors
/// Those of the database; `NotFound` where the flight is gone.
pub async fn delay(connection: &mut AsyncPgConnection, id: FlightId, delay: &Delay) -> QueryResult<Flight> {
    let columns = DisruptedColumns {
        departs_at: Some(delay.departure.at),
        arrives_at: Some(delay.arrival.at),
        status: Some(match delay.status {
            FlightStatus::Delayed => "delayed",
            _ => "scheduled",
        }),
        reason: Some(delay.reason.as_deref()),
        ..DisruptedColumns::default()
    };
    disrupt(connection, id, columns, EventType::FlightChanged).await
}

/// Cancels a flight.
///
/// # Errors
/// Those of the database; `NotFound` where the flight is gone.
pub async fn cancel(connection: &mut AsyncPgConnection, id: FlightId, reason: &str) -> QueryResult<Flight> {
    let columns = DisruptedColumns {
        status: Some("cancelled"),
        reason: Some(Some(reason)),
        ..DisruptedColumns::default()
    };
    disrupt(connection, id, columns, EventType::FlightCancelled).await
}

/// Gives a flight another airplane.
///
/// # Errors
/// Those of the database, the exclusion constraint of airplanes among them; `NotFound` where the flight is gone.
pub async fn change_airplane(
    connection: &mut AsyncPgConnection,
    id: FlightId,
    other: &OtherAirplane,
) -> QueryResult<Flight> {
    if let Some(fares) = &other.fares {
        fares::replace(connection, id, fares).await?;
    }
    let columns = DisruptedColumns {
        airplane: Some(other.airplane.as_str()),
        seat_layout_id: Some(other.seat_layout.0),
        blocked_until: Some(other.blocked_until),
        ..DisruptedColumns::default()
    };
    disrupt(connection, id, columns, EventType::FlightChanged).await
}

/// Tells flights anew as they are, each in its next version; passes over those that are cancelled or have arrived.
///
/// # Errors
/// Those of the database.
pub async fn renew(connection: &mut AsyncPgConnection, ids: &[FlightId]) -> QueryResult<Vec<Flight>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let ahead = flights::status.ne("cancelled").and(flights::arrives_at.gt(diesel::dsl::now));
    // Locked in the order of ids, as every writer of several flights does.
    let locked: Vec<Uuid> = flights::table
        .filter(flights::id.eq_any(ids).and(ahead))
        .order(flights::id)
        .select(flights::id)
        .for_update()
        .load(connection)
        .await?;
    diesel::update(flights::table.filter(flights::id.eq_any(&locked)))
        .set(flights::version.eq(flights::version + 1))
        .execute(connection)
        .await?;
    let locked: Vec<FlightId> = locked.into_iter().map(FlightId).collect();
    let renewed = find_many(connection, &locked).await?;
    publish(connection, EventType::FlightChanged, &renewed).await?;
    Ok(renewed)
}

async fn disrupt(
    connection: &mut AsyncPgConnection,
    id: FlightId,
    columns: DisruptedColumns<'_>,
    kind: EventType,
) -> QueryResult<Flight> {
    diesel::update(flights::table.find(id.0))
        .set((flights::version.eq(flights::version + 1), columns))
        .execute(connection)
        .await?;
    let changed = find_many(connection, &[id]).await?;
    publish(connection, kind, &changed).await?;
    changed.into_iter().next().ok_or(Error::NotFound)
}
