//! The flights of one airplane, and the rule that it is not planned in two places.
//!
//! The exclusion constraint `flights_airplane_in_one_place` is what holds. Writers of planned times lock the airplane
//! first, so that they wait for each other and can name the flight that was there before.

use crate::{
    domain::rotation::{AirplaneFit, RotationFlight},
    store::{
        parsed,
        schema::{airplanes, flights, seat_layouts},
        seat_layouts::read_plan,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{iata::Registration, ids::FlightId};
use std::collections::HashMap;
use uuid::Uuid;

/// No flight lasts longer, so one that leaves earlier than this before an instant has arrived by then, unless it is
/// delayed by more than a day.
const LOOK_BACK: TimeDelta = TimeDelta::hours(48);

/// Keeps others from planning these airplanes, and from changing their types and seats, until the transaction ends.
/// Readers and foreign keys do not wait.
///
/// Lock flights before, where flights are to be changed: every writer does it in this order.
///
/// # Errors
/// Those of the database. What is not there is passed over.
pub async fn lock_airplanes(
    connection: &mut AsyncPgConnection,
    registrations: &[&Registration],
) -> QueryResult<()> {
    let keys: Vec<&str> = registrations.iter().map(|registration| registration.as_str()).collect();
    airplanes::table
        .filter(airplanes::registration.eq_any(keys))
        .order(airplanes::registration)
        .select(airplanes::registration)
        .for_no_key_update()
        .load::<String>(connection)
        .await?;
    Ok(())
}

/// The types and seats of these airplanes.
///
/// # Errors
/// Those of the database. What is not there is passed over.
pub async fn fits(
    connection: &mut AsyncPgConnection,
    registrations: &[&Registration],
) -> QueryResult<HashMap<Registration, AirplaneFit>> {
    let mut keys: Vec<&str> = registrations.iter().map(|registration| registration.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    let rows: Vec<(String, String, serde_json::Value)> = airplanes::table
        .inner_join(seat_layouts::table.on(seat_layouts::id.eq(airplanes::seat_layout_id)))
        .filter(airplanes::registration.eq_any(keys))
        .select((airplanes::registration, airplanes::aircraft_type, seat_layouts::plan))
        .load(connection)
        .await?;
    let read = |(registration, aircraft_type, plan): (String, String, serde_json::Value)| {
        let fit = AirplaneFit { aircraft_type: parsed(&aircraft_type)?, plan: read_plan(plan)? };
        Ok((parsed(&registration)?, fit))
    };
    rows.into_iter().map(read).collect()
}

/// How long each of these airplanes stays on the ground between two flights at least.
///
/// # Errors
/// Those of the database. What is not there is passed over.
pub async fn turnarounds(
    connection: &mut AsyncPgConnection,
    registrations: &[&Registration],
) -> QueryResult<HashMap<Registration, TimeDelta>> {
    let fits = fits(connection, registrations).await?;
    Ok(fits.into_iter().map(|(registration, fit)| (registration, fit.turnaround())).collect())
}

#[derive(QueryableByName)]
struct FlightKey {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Another flight that the airplane is planned for between these instants, its turnaround among them; the first one.
///
/// # Errors
/// Those of the database.
pub async fn planned_elsewhere(
    connection: &mut AsyncPgConnection,
    airplane: &Registration,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    except: FlightId,
) -> QueryResult<Option<FlightId>> {
    // The expressions of the constraint, so that its index finds them.
    let found: Option<FlightKey> = diesel::sql_query(
        "SELECT id FROM flights WHERE airplane = $1 AND hashtextextended(airplane, 0) = hashtextextended($1, 0) \
         AND tstzrange(planned_departs_at, blocked_until) && tstzrange($2, $3) \
         AND status <> 'cancelled' AND blocked_until IS NOT NULL AND id <> $4 ORDER BY planned_departs_at LIMIT 1",
    )
    .bind::<Text, _>(airplane.as_str())
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .bind::<SqlUuid, _>(except.0)
    .get_result(connection)
    .await
    .optional()?;
    Ok(found.map(|key| key.id.into()))
}

/// The planned departure and arrival of a flight.
///
/// # Errors
/// Those of the database; `NotFound` where the flight is gone.
pub async fn planned_times(
    connection: &mut AsyncPgConnection,
    flight: FlightId,
) -> QueryResult<(DateTime<Utc>, DateTime<Utc>)> {
    let times = (flights::planned_departs_at, flights::planned_arrives_at);
    flights::table.find(flight.0).select(times).first(connection).await
}

type RotationRow = (Uuid, String, String, String, DateTime<Utc>, DateTime<Utc>, DateTime<Utc>, DateTime<Utc>);

fn read(row: RotationRow) -> QueryResult<RotationFlight> {
    let (id, number, origin, destination, planned_departs_at, planned_arrives_at, departs_at, arrives_at) =
        row;
    Ok(RotationFlight {
        id: id.into(),
        flight_number: parsed(&number)?,
        origin: parsed(&origin)?,
        destination: parsed(&destination)?,
        planned_departs_at,
        planned_arrives_at,
        departs_at,
        arrives_at,
    })
}

/// What the airplane flies around a time, by planned departure: its flights that are not cancelled and are planned to
/// leave between two days before `from` and two days after `until`.
///
/// # Errors
/// Those of the database.
pub async fn rotation(
    connection: &mut AsyncPgConnection,
    airplane: &Registration,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> QueryResult<Vec<RotationFlight>> {
    let rows: Vec<RotationRow> = flights::table
        .filter(flights::airplane.eq(airplane.as_str()).and(flights::status.ne("cancelled")))
        .filter(flights::planned_departs_at.between(from - LOOK_BACK, until + LOOK_BACK))
        .order((flights::planned_departs_at, flights::id))
        .select((
            flights::id,
            flights::flight_number,
            flights::origin,
            flights::destination,
            flights::planned_departs_at,
            flights::planned_arrives_at,
            flights::departs_at,
            flights::arrives_at,
        ))
        .load(connection)
        .await?;
    rows.into_iter().map(read).collect()
}
