//! Carries out what schedules say of dates: makes flights, changes those that are the schedule's own, and tells what
//! stands in the way.

use super::StoredSchedule;
use crate::{
    domain::{
        flight::Flight,
        rotation::{AirplaneFit, turnaround},
        schedule::Schedule,
        schedule_generation::{
            ConflictReason, Decision, ExistingFlight, FormerFlight, ScheduleConflict, ScheduledFlight,
            decide, scheduled_flights,
        },
    },
    store::{
        column,
        flights::{self, FlightChange, NewFlight, ScheduleLink, ScheduledDate},
        parsed,
        schema::airports,
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::{
    iata::{AirportCode, FlightNumber, Registration},
    ids::FlightId,
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The result of a generation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GeneratedFlights {
    /// Flights that were made.
    pub created: Vec<Flight>,
    /// Flights that were changed.
    pub changed: Vec<Flight>,
    /// How many were as they should be.
    pub unchanged: usize,
    /// What stands in the way, by date.
    pub conflicts: Vec<ScheduleConflict>,
}

impl GeneratedFlights {
    /// The flights that have to be told of.
    #[must_use]
    pub fn news(&self) -> Vec<Flight> {
        self.created.iter().chain(&self.changed).cloned().collect()
    }
}

/// Generates the flights of a schedule on these dates. Its row must be locked: this is the transaction that changes its
/// flights.
///
/// # Errors
/// Those of the database.
pub async fn generate(
    connection: &mut AsyncPgConnection,
    StoredSchedule { schedule, .. }: &StoredSchedule,
    dates: impl IntoIterator<Item = NaiveDate>,
    now: DateTime<Utc>,
) -> QueryResult<GeneratedFlights> {
    let route = [&schedule.origin, &schedule.destination];
    flights::hold_references(connection, &[&schedule.flight_number], &route).await?;
    let zones = zones(connection, [schedule]).await?;
    let (wanted, flaws) = scheduled_flights(schedule, route_zones(schedule, &zones)?, dates, now);
    let mut generated = carry_out(connection, &wanted, true).await?;
    generated.conflicts.extend(flaws);
    generated.conflicts.sort_by_key(|conflict| conflict.date);
    Ok(generated)
}

/// The time zones of airports.
pub type Zones = HashMap<AirportCode, String>;

/// The time zones of the airports of schedules.
///
/// # Errors
/// Those of the database.
pub async fn zones<'a>(
    connection: &mut AsyncPgConnection,
    schedules: impl IntoIterator<Item = &'a Schedule>,
) -> QueryResult<Zones> {
    let codes: BTreeSet<&str> = schedules
        .into_iter()
        .flat_map(|schedule| [schedule.origin.as_str(), schedule.destination.as_str()])
        .collect();
    let rows: Vec<(String, String)> = airports::table
        .filter(airports::iata.eq_any(codes))
        .select((airports::iata, airports::time_zone))
        .load(connection)
        .await?;
    rows.into_iter().map(|(code, zone)| Ok((parsed(&code)?, zone))).collect()
}

/// The zones of the two ends of a schedule.
///
/// # Errors
/// `NotFound` where one of them is missing; foreign keys keep airports of schedules there.
pub fn route_zones<'a>(schedule: &Schedule, zones: &'a Zones) -> QueryResult<(&'a str, &'a str)> {
    let zone = |airport: &AirportCode| zones.get(airport).map(String::as_str).ok_or(Error::NotFound);
    Ok((zone(&schedule.origin)?, zone(&schedule.destination)?))
}

/// Makes and changes the flights that schedules want. With `exclusive`, others cannot plan the airplanes until the
/// transaction ends; without it, transactions that wait for each other's flights could end in a deadlock.
///
/// Some hundreds of flights at a time. The references of the schedules must be held.
///
/// # Errors
/// Those of the database.
pub async fn carry_out(
    connection: &mut AsyncPgConnection,
    wanted: &[ScheduledFlight<'_>],
    exclusive: bool,
) -> QueryResult<GeneratedFlights> {
    let mut generated = GeneratedFlights::default();
    if wanted.is_empty() {
        return Ok(generated);
    }
    let existing = existing_flights(connection, wanted).await?;
    let airplanes = column(wanted, |flight| &flight.schedule.airplane);
    if exclusive {
        flights::lock_airplanes(connection, &airplanes).await?;
    }
    let fits = flights::fits(connection, &airplanes).await?;
    let former = former_flights(connection, wanted, &existing).await?;
    let (mut new, mut links) = (Vec::new(), Vec::new());
    for flight in wanted {
        let fit = fits.get(&flight.schedule.airplane).ok_or(Error::NotFound)?;
        let there = existing.get(&key(flight));
        let former = former.get(&(flight.schedule.id, flight.date)).copied();
        match decide(flight.schedule.id, flight.mark, there, former) {
            _ if !has_cabins(fit, flight) => generated.refuse(flight, ConflictReason::CabinMissing, None),
            Decision::Create => new.push(flight),
            Decision::Keep => generated.unchanged += 1,
            Decision::Adopt => {
                generated.unchanged += 1;
                links.extend(there.map(|there| link(there.flight.id, flight)));
            }
            Decision::Refuse(reason) => {
                let moved = former.and_then(|former| match former {
                    FormerFlight::There(moved) => Some(moved),
                    FormerFlight::Removed => None,
                });
                generated.refuse(flight, reason, there.map(|there| there.flight.id).or(moved));
            }
            Decision::Change => {
                let Some(there) = there else { continue };
                match change(connection, flight, there, fit).await? {
                    Ok(changed) => {
                        links.push(link(changed.id, flight));
                        generated.changed.push(changed);
                    }
                    Err((reason, other)) => generated.refuse(flight, reason, other),
                }
            }
        }
    }
    flights::link(connection, &links).await?;
    create(connection, &new, &fits, &mut generated).await?;
    Ok(generated)
}

impl GeneratedFlights {
    fn refuse(&mut self, flight: &ScheduledFlight<'_>, reason: ConflictReason, other: Option<FlightId>) {
        self.conflicts.push(ScheduleConflict::new(flight.date, reason, other));
    }
}

type FlightKey = (FlightNumber, AirportCode, NaiveDate);

fn key(flight: &ScheduledFlight<'_>) -> FlightKey {
    (flight.schedule.flight_number.clone(), flight.schedule.origin.clone(), flight.date)
}

fn link(flight: FlightId, wanted: &ScheduledFlight<'_>) -> ScheduleLink {
    ScheduleLink { flight, schedule: wanted.schedule.id, date: wanted.date, mark: wanted.mark }
}

fn has_cabins(fit: &AirplaneFit, flight: &ScheduledFlight<'_>) -> bool {
    let cabins = fit.plan.cabin_names();
    flight.schedule.fares.iter().all(|fare| cabins.contains(&fare.cabin))
}

/// The flights that are there under the keys of wanted ones, locked until the transaction ends.
async fn existing_flights(
    connection: &mut AsyncPgConnection,
    wanted: &[ScheduledFlight<'_>],
) -> QueryResult<HashMap<FlightKey, ExistingFlight>> {
    let keys: Vec<_> = wanted
        .iter()
        .map(|flight| (&flight.schedule.flight_number, &flight.schedule.origin, flight.date))
        .collect();
    let found = flights::lock_by_number(connection, &keys).await?;
    let keyed = |existing: ExistingFlight| {
        let Flight { flight_number, origin, .. } = &existing.flight;
        ((flight_number.clone(), origin.iata.clone(), existing.date), existing)
    };
    Ok(found.into_iter().map(keyed).collect())
}

/// What has become of the flights that were made for dates on which there is none.
async fn former_flights(
    connection: &mut AsyncPgConnection,
    wanted: &[ScheduledFlight<'_>],
    existing: &HashMap<FlightKey, ExistingFlight>,
) -> QueryResult<HashMap<ScheduledDate, FormerFlight>> {
    let missing = wanted.iter().filter(|flight| !existing.contains_key(&key(flight)));
    let dates: Vec<ScheduledDate> = missing.map(|flight| (flight.schedule.id, flight.date)).collect();
    flights::former(connection, &dates).await
}

/// Why a flight was neither made nor changed.
type Refusal = (ConflictReason, Option<FlightId>);

/// Changes a flight of the schedule to the present schedule.
async fn change(
    connection: &mut AsyncPgConnection,
    wanted: &ScheduledFlight<'_>,
    there: &ExistingFlight,
    fit: &AirplaneFit,
) -> QueryResult<Result<Flight, Refusal>> {
    let flight = &there.flight;
    let equipment = &flight.equipment;
    if (&equipment.aircraft_type.code, &equipment.plan) != (&fit.aircraft_type, &fit.plan) {
        return Ok(Err((ConflictReason::OtherSeats, Some(flight.id))));
    }
    let times = &wanted.times;
    let blocked = (times.departure.at, times.arrival.at + turnaround(&fit.aircraft_type, &fit.plan));
    let airplane = &wanted.schedule.airplane;
    if let Some(other) = flights::planned_elsewhere(connection, airplane, blocked, flight.id).await? {
        return Ok(Err((ConflictReason::AirplaneBusy, Some(other))));
    }
    let change = FlightChange {
        times: Some((times.departure.clone(), times.arrival.clone())),
        airplane: Some(airplane.clone()),
        blocked_until: Some(blocked.1),
        fares: Some(wanted.schedule.fares.clone()),
    };
    // A savepoint: a writer that took no lock costs this date alone.
    let written = connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            flights::update(connection, flight.id, &change).await
        })
        .await;
    match written {
        Err(Error::DatabaseError(DatabaseErrorKind::ExclusionViolation, _)) => {
            let other = flights::planned_elsewhere(connection, airplane, blocked, flight.id).await?;
            Ok(Err((ConflictReason::AirplaneBusy, other)))
        }
        written => written.map(Ok),
    }
}

/// Makes flights; those that others are in the way of are conflicts.
async fn create(
    connection: &mut AsyncPgConnection,
    wanted: &[&ScheduledFlight<'_>],
    fits: &HashMap<Registration, AirplaneFit>,
    generated: &mut GeneratedFlights,
) -> QueryResult<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let new = column(wanted, |wanted| new_flight(wanted));
    generated.created = flights::insert_fitted(connection, &new, fits).await?;
    let made: HashSet<FlightId> = generated.created.iter().map(|flight| flight.id).collect();
    let (made, refused): (Vec<_>, Vec<_>) =
        new.iter().zip(wanted).partition(|(flight, _)| made.contains(&flight.id));
    let links: Vec<ScheduleLink> = made.into_iter().map(|(flight, wanted)| link(flight.id, wanted)).collect();
    flights::link(connection, &links).await?;
    for (flight, wanted) in refused {
        let NewFlight { id, flight_number, origin, departure, arrival, airplane, .. } = flight;
        let namesake = flights::is_taken(connection, flight_number, origin, wanted.date, *id).await?;
        if namesake.is_some() {
            generated.refuse(wanted, ConflictReason::NumberTaken, namesake);
            continue;
        }
        let turnaround = fits.get(airplane).map(|fit| turnaround(&fit.aircraft_type, &fit.plan));
        let blocked = (departure.at, arrival.at + turnaround.unwrap_or_default());
        let other = flights::planned_elsewhere(connection, airplane, blocked, *id).await?;
        generated.refuse(wanted, ConflictReason::AirplaneBusy, other);
    }
    Ok(())
}

fn new_flight(wanted: &ScheduledFlight<'_>) -> NewFlight {
    let schedule = wanted.schedule;
    NewFlight {
        id: FlightId::new(),
        flight_number: schedule.flight_number.clone(),
        origin: schedule.origin.clone(),
        destination: schedule.destination.clone(),
        departure: wanted.times.departure.clone(),
        arrival: wanted.times.arrival.clone(),
        airplane: schedule.airplane.clone(),
        fares: schedule.fares.clone(),
    }
}
