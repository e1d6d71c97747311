//! Writes of flights, each with its events in the same transaction.

use super::{SOURCE, read::find_many, rotation::fits, scheduled::note_removed};
use crate::{
    domain::{flight::Flight, rotation::AirplaneFit},
    store::{
        column, fares,
        schema::{airlines, airports, flights},
    },
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, Date, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::{Event, EventType, FlightStatus},
    fare::FlightFare,
    flight_time::FlightTime,
    iata::{AirlineCode, AirportCode, FlightNumber, Registration},
    ids::FlightId,
    outbox,
};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// A flight that is to be made. It takes airline and seats over from its number and airplane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFlight {
    /// Its id.
    pub id: FlightId,
    /// Its number.
    pub flight_number: FlightNumber,
    /// From where.
    pub origin: AirportCode,
    /// To where.
    pub destination: AirportCode,
    /// When it leaves, in the origin's zone.
    pub departure: FlightTime,
    /// When it arrives, in the destination's zone.
    pub arrival: FlightTime,
    /// The airplane that flies it.
    pub airplane: Registration,
    /// What is on sale.
    pub fares: Vec<FlightFare>,
}

/// An update of a flight. A member that is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlightChange {
    /// When it leaves and arrives, each in its airport's zone, by the plan and so in fact.
    pub times: Option<(FlightTime, FlightTime)>,
    /// The airplane that flies it.
    pub airplane: Option<Registration>,
    /// Until when the plan needs the airplane: to be given with new times and with another airplane.
    pub blocked_until: Option<DateTime<Utc>>,
    /// What is on sale.
    pub fares: Option<Vec<FlightFare>>,
}

/// The columns of a change of the plan.
#[derive(AsChangeset)]
#[diesel(table_name = flights)]
struct PlannedColumns<'a> {
    departs_at: Option<DateTime<Utc>>,
    arrives_at: Option<DateTime<Utc>>,
    planned_departs_at: Option<DateTime<Utc>>,
    planned_arrives_at: Option<DateTime<Utc>>,
    departure_date: Option<NaiveDate>,
    /// A flight with a new plan is no longer late.
    status: Option<&'static str>,
    /// The outer one says whether it is written, the inner one is null.
    reason: Option<Option<&'static str>>,
    airplane: Option<&'a str>,
    blocked_until: Option<DateTime<Utc>>,
}

impl<'a> PlannedColumns<'a> {
    fn of(change: &'a FlightChange) -> Self {
        let departure = change.times.as_ref().map(|(departure, _)| departure);
        let arrives_at = change.times.as_ref().map(|(_, arrival)| arrival.at);
        Self {
            departs_at: departure.map(|time| time.at),
            arrives_at,
            planned_departs_at: departure.map(|time| time.at),
            planned_arrives_at: arrives_at,
            departure_date: departure.map(|time| time.local.date()),
            status: departure.map(|_| "scheduled"),
            reason: departure.map(|_| None),
            airplane: change.airplane.as_ref().map(Registration::as_str),
            blocked_until: change.blocked_until,
        }
    }
}

#[derive(QueryableByName)]
struct InsertedFlight {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Keeps the airports and the airlines of flights that are to be made as they are until the transaction ends, so that no
/// time zone changes between the reading of the times and the insert.
///
/// Call it before any other lock is taken: who changes reference data locks its row first, then flights.
///
/// # Errors
/// Those of the database. What is not there is passed over.
pub async fn hold_references(
    connection: &mut AsyncPgConnection,
    numbers: &[&FlightNumber],
    route: &[&AirportCode],
) -> QueryResult<()> {
    airports::table
        .filter(airports::iata.eq_any(column(route, |airport| airport.as_str())))
        .order(airports::iata)
        .select(airports::iata)
        .for_key_share()
        .load::<String>(connection)
        .await?;
    let airlines: HashSet<AirlineCode> = numbers.iter().map(|number| number.airline()).collect();
    let airlines: Vec<&str> = airlines.iter().map(AirlineCode::as_str).collect();
    airlines::table
        .filter(airlines::code.eq_any(airlines))
        .order(airlines::code)
        .select(airlines::code)
        .for_key_share()
        .load::<String>(connection)
        .await?;
    Ok(())
}

/// Inserts flights with their fares and their `flight.published` events; gives those that were not
/// there yet (by id, or by number, origin and local date), and whose airplane is not planned elsewhere.
///
/// Six statements and those of the outbox, however many flights: hand over some hundreds at a time.
///
/// # Errors
/// Those of the database, an unknown airport, airline or airplane among them.
pub async fn insert(connection: &mut AsyncPgConnection, new: &[NewFlight]) -> QueryResult<Vec<Flight>> {
    let fits = fits(connection, &column(new, |flight| &flight.airplane)).await?;
    insert_fitted(connection, new, &fits).await
}

/// The same, where types and seats of the airplanes are known.
///
/// # Errors
/// As those of [`insert`].
pub async fn insert_fitted(
    connection: &mut AsyncPgConnection,
    new: &[NewFlight],
    fits: &HashMap<Registration, AirplaneFit>,
) -> QueryResult<Vec<Flight>> {
    // An airplane without a turnaround is not there: the insert itself refuses it.
    let turnaround =
        |flight: &NewFlight| fits.get(&flight.airplane).map_or(TimeDelta::zero(), AirplaneFit::turnaround);
    let inserted: Vec<InsertedFlight> = diesel::sql_query(
        "INSERT INTO flights (id, flight_number, airline, origin, destination, departs_at, arrives_at, departure_date, \
                              airplane, seat_layout_id, planned_departs_at, planned_arrives_at, blocked_until) \
         SELECT new.id, new.flight_number, left(new.flight_number, 2), new.origin, new.destination, \
                new.departs_at, new.arrives_at, new.departure_date, new.airplane, airplanes.seat_layout_id, \
                new.departs_at, new.arrives_at, new.blocked_until \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS new \
              (id, flight_number, origin, destination, departs_at, arrives_at, departure_date, airplane, blocked_until) \
         LEFT JOIN airplanes ON airplanes.registration = new.airplane \
         ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind::<Array<SqlUuid>, _>(column(new, |flight| flight.id.0))
    .bind::<Array<Text>, _>(column(new, |flight| flight.flight_number.as_str()))
    .bind::<Array<Text>, _>(column(new, |flight| flight.origin.as_str()))
    .bind::<Array<Text>, _>(column(new, |flight| flight.destination.as_str()))
    .bind::<Array<Timestamptz>, _>(column(new, |flight| flight.departure.at))
    .bind::<Array<Timestamptz>, _>(column(new, |flight| flight.arrival.at))
    .bind::<Array<Date>, _>(column(new, |flight| flight.departure.local.date()))
    .bind::<Array<Text>, _>(column(new, |flight| flight.airplane.as_str()))
    .bind::<Array<Timestamptz>, _>(column(new, |flight| flight.arrival.at + turnaround(flight)))
    .get_results(connection)
    .await?;
    let inserted: HashSet<FlightId> = inserted.into_iter().map(|key| key.id.into()).collect();
    let new: Vec<&NewFlight> = new.iter().filter(|flight| inserted.contains(&flight.id)).collect();
    let rows: Vec<_> =
        new.iter().flat_map(|flight| flight.fares.iter().map(|fare| (flight.id, fare))).collect();
    fares::insert(connection, &rows).await?;
    let ids = column(&new, |flight| flight.id);
    let flights = find_many(connection, &ids).await?;
    publish(connection, EventType::FlightPublished, &flights).await?;
    Ok(flights)
}

/// Writes a flight's changes and its `flight.changed` event. The row must be locked.
///
/// # Errors
/// Those of the database; `NotFound` where the flight is gone.
pub async fn update(
    connection: &mut AsyncPgConnection,
    id: FlightId,
    change: &FlightChange,
) -> QueryResult<Flight> {
    let written = diesel::update(flights::table.find(id.0))
        .set((flights::version.eq(flights::version + 1), PlannedColumns::of(change)))
        .execute(connection)
        .await?;
    if written == 0 {
        return Err(diesel::result::Error::NotFound);
    }
    if let Some(new) = &change.fares {
        fares::replace(connection, id, new).await?;
    }
    let flights = find_many(connection, &[id]).await?;
    publish(connection, EventType::FlightChanged, &flights).await?;
    flights.into_iter().next().ok_or(diesel::result::Error::NotFound)
}

/// Deletes a flight and tells that it was cancelled, in a version of its own; the keeper of its schedule does not make it again. The
/// row must be locked.
///
/// # Errors
/// Those of the database.
pub async fn delete(connection: &mut AsyncPgConnection, flight: &Flight) -> QueryResult<Flight> {
    note_removed(connection, flight.id).await?;
    diesel::delete(flights::table.find(flight.id.0)).execute(connection).await?;
    let gone = Flight { version: flight.version + 1, status: FlightStatus::Cancelled, ..flight.clone() };
    publish(connection, EventType::FlightCancelled, std::slice::from_ref(&gone)).await?;
    Ok(gone)
}

pub(super) async fn publish(
    connection: &mut AsyncPgConnection,
    kind: EventType,
    flights: &[Flight],
) -> QueryResult<()> {
    let event = |flight: &Flight| Event::new(SOURCE, kind, flight.id, flight.version, &flight.state());
    outbox::append(connection, &column(flights, event)).await
}
