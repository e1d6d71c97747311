//! The flight as a disruption would leave it.

use crate::{
    domain::{
        flight::{Flight, FlightView},
        knock_on::{AddedDeparture, LateArrival, is_out_of_reach, out_of_reach, stranded},
        rotation::{RotationFlight, turnaround},
    },
    error::Conflict,
    http::{preconditions::IfMatch, recorded_flight::present},
    store::flights,
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    events::FlightStatus,
    http::{Code, Problem},
    iata::Registration,
    ids::FlightId,
};

/// How far ahead knock-on is looked for: a delay does not go on for so long without a pause.
const LOOK_AHEAD: TimeDelta = TimeDelta::days(7);

/// A disruption that can be made.
pub(super) struct PlannedDisruption {
    /// The flight as it would be.
    pub(super) after: FlightView,
    /// Later flights that the airplane cannot reach in time.
    pub(super) knock_on: Vec<FlightView>,
}

impl PlannedDisruption {
    pub(super) async fn new(
        connection: &mut AsyncPgConnection,
        after: &Flight,
        knock_on: Vec<FlightId>,
    ) -> Result<Self, Problem> {
        let late = flights::find_many(connection, &knock_on).await?;
        let now = Utc::now();
        let mut late = flights::with_seats(connection, late).await?;
        late.sort_by_key(|found| (found.flight.departure.at, found.flight.id));
        let knock_on = late.iter().map(|found| found.view(now)).collect();
        Ok(Self { after: present(connection, after).await?, knock_on })
    }
}

/// The flight as it is now, for a dry run.
///
/// # Errors
/// `not_found`, `precondition_failed`; those of [`check_planned`].
pub(super) async fn present_flight(
    connection: &mut AsyncPgConnection,
    (id, precondition): (FlightId, &IfMatch),
) -> Result<Flight, Problem> {
    let found = flights::find(connection, id).await?;
    let flight = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    precondition.check(flight.version)?;
    Ok(flight)
}

/// The same, locked until the transaction ends.
pub(super) async fn locked_flight(
    connection: &mut AsyncPgConnection,
    (id, precondition): (FlightId, &IfMatch),
) -> Result<Flight, Problem> {
    let found = flights::lock(connection, id).await?;
    let flight = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    precondition.check(flight.version)?;
    Ok(flight)
}

/// Checks that a flight has yet to leave.
///
/// # Errors
/// `conflict`; `already_cancelled`.
pub(super) fn check_planned(flight: &Flight, now: DateTime<Utc>) -> Result<(), Problem> {
    match flight.status_at(now) {
        FlightStatus::Scheduled | FlightStatus::Delayed => Ok(()),
        FlightStatus::Cancelled => {
            Err(Problem::new(Code::AlreadyCancelled).detail("the flight is cancelled already"))
        }
        FlightStatus::Departed | FlightStatus::Arrived => Err(Conflict::NotPlanned.into()),
    }
}

/// The later flights of the airplane that it cannot reach in time after a flight as it would be.
pub(super) async fn late_flights(
    connection: &mut AsyncPgConnection,
    after: &Flight,
    planned_departs_at: DateTime<Utc>,
) -> QueryResult<Vec<FlightId>> {
    let rotation = rotation(connection, &after.airplane, (planned_departs_at, after.arrival.at)).await?;
    let equipment = &after.equipment;
    let arrival = LateArrival {
        planned_departs_at,
        arrives_at: after.arrival.at,
        turnaround: turnaround(&equipment.aircraft_type.code, &equipment.plan),
    };
    Ok(out_of_reach(&rotation, arrival))
}

/// The later flights of the airplane that it cannot fly because it stays where this flight would have left from.
pub(super) async fn stranded_flights(
    connection: &mut AsyncPgConnection,
    flight: &Flight,
    planned_departs_at: DateTime<Utc>,
) -> QueryResult<Vec<FlightId>> {
    let rotation = rotation(connection, &flight.airplane, (planned_departs_at, flight.arrival.at)).await?;
    Ok(stranded(&rotation, planned_departs_at, &flight.origin.iata))
}

/// What does not fit together when an airplane flies a flight that is new to it: the flight, where the one before ends elsewhere or
/// too late, and the later ones that leave from elsewhere.
pub(super) async fn displaced_flights(
    connection: &mut AsyncPgConnection,
    after: &Flight,
    planned_departs_at: DateTime<Utc>,
) -> QueryResult<Vec<FlightId>> {
    let rotation = rotation(connection, &after.airplane, (planned_departs_at, after.arrival.at)).await?;
    let equipment = &after.equipment;
    let added = AddedDeparture {
        planned_departs_at,
        departs_at: after.departure.at,
        origin: &after.origin.iata,
        turnaround: turnaround(&equipment.aircraft_type.code, &equipment.plan),
    };
    let mut displaced = stranded(&rotation, planned_departs_at, &after.destination.iata);
    displaced.extend(is_out_of_reach(&rotation, added).then_some(after.id));
    Ok(displaced)
}

async fn rotation(
    connection: &mut AsyncPgConnection,
    airplane: &Registration,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> QueryResult<Vec<RotationFlight>> {
    flights::rotation(connection, airplane, from, until + LOOK_AHEAD).await
}
