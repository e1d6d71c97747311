//! Writes the demo data, each part once, and rolls its window of flights forward.

use super::{
    airlines::AEROBUS,
    airports::{DemoPlaces, InvalidPlaces},
    fits::InvalidFit,
    fleet::Fleet,
    network,
    schedule::{DemoTimetable, PlannedFlight, ScheduleError},
};
use crate::{
    domain::reference::Airline,
    store::{
        ReferenceTable,
        flights::{self, Naming, NewFlight},
    },
};
use chrono::{Days, NaiveDate};
use diesel::{
    ConnectionError, QueryResult, QueryableByName,
    sql_types::{Array, Date, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{db::DatabaseConfig, iata::InvalidCode, ids::FlightId};
use std::{
    collections::HashSet,
    pin::pin,
    sync::{Mutex, PoisonError},
};

/// Flights are on sale this many days ahead, today among them.
pub const WINDOW_DAYS: u64 = 60;

/// Days that are written at once.
const CONNECTIONS: usize = 4;

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadStep {
    /// Cities and airports.
    Places,
    /// Airlines, aircraft types, seat layouts and airplanes.
    Fleet,
    /// Flights, counted by days.
    Flights,
}

/// How far the loading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadProgress {
    /// What is being written.
    pub step: LoadStep,
    /// Parts of the step that are written.
    pub done: usize,
    /// Parts that the step has; known when the step begins.
    pub total: usize,
}

/// What was written, in rows; nothing where it was there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cities.
    pub cities: usize,
    /// Airports.
    pub airports: usize,
    /// Airlines.
    pub airlines: usize,
    /// Aircraft types.
    pub aircraft_types: usize,
    /// Seat layouts.
    pub seat_layouts: usize,
    /// Airplanes.
    pub airplanes: usize,
    /// Days of flights.
    pub days: usize,
    /// Flights.
    pub flights: usize,
}

/// Why the demo data could not be loaded. What was written stays, in whole days.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No connection.
    #[error("the database cannot be reached")]
    Connect(#[from] ConnectionError),
    /// A statement failed.
    #[error("the database refused the demo data")]
    Query(#[from] diesel::result::Error),
    /// The embedded places are wrong.
    #[error("the places cannot be read")]
    DemoPlaces(#[from] InvalidPlaces),
    /// The tables of the fleet are wrong.
    #[error("the fleet cannot be made")]
    Fleet(#[from] InvalidFit),
    /// The tables of the network are wrong.
    #[error("the schedule cannot be made")]
    Schedule(#[from] ScheduleError),
    /// A code is wrong.
    #[error("a code of the demo data is wrong")]
    Code(#[from] InvalidCode),
    /// The days are beyond the calendar.
    #[error("the date is out of range")]
    Date,
}

/// Writes what is missing of the demo data into the (migrated) schema: places and fleet at the first
/// time, and the flights of the days from `today` on that are not there yet, each with its
/// `flight.published` event. The active relay of the service publishes them.
///
/// A second start on the same day writes nothing, one on the next day adds a day; what was changed or
/// deleted meanwhile is left alone. Airports that an earlier release left outside of their metropolitan areas join
/// them. Instances that start at once wait for each other.
///
/// # Errors
/// [`DemoError`]. A day is written as a whole or not at all, so loading again goes on where it ended.
pub async fn load(
    config: &DatabaseConfig,
    today: NaiveDate,
    mut progress: impl FnMut(LoadProgress),
) -> Result<Summary, DemoError> {
    let mut connection = config.connect().await?;
    // A session lock: released with the connection. The number is arbitrary but fixed.
    diesel::sql_query("SELECT pg_advisory_lock(4713, hashtext(current_schema()))")
        .execute(&mut connection)
        .await?;
    let window: Option<Vec<NaiveDate>> =
        (0..WINDOW_DAYS).map(|ahead| today.checked_add_days(Days::new(ahead))).collect();
    let places = DemoPlaces::read()?;
    join_areas(&mut connection, &places).await?;
    let missing = missing_days(&mut connection, window.ok_or(DemoError::Date)?).await?;
    let mut summary = Summary::default();
    if missing.is_empty() {
        return Ok(summary);
    }
    insert_places(&mut connection, &places, &mut summary, &mut progress).await?;
    let fleet = Fleet::new()?;
    insert_fleet(&mut connection, &fleet, &mut summary, &mut progress).await?;
    let timetable = DemoTimetable::new(&places.airports, &fleet)?;
    insert_flights(config, timetable.plan(&missing)?, &mut summary, &mut progress).await?;
    tracing::info!(demo.days = summary.days, demo.flights = summary.flights, "the demo data are loaded");
    Ok(summary)
}

#[derive(QueryableByName)]
struct FlownDay {
    #[diesel(sql_type = Date)]
    departure_date: NaiveDate,
}

/// The days of the window of which no line's first flight is there. (One that is tells that the day
/// was loaded, even where others of it have been deleted since.)
async fn missing_days(
    connection: &mut AsyncPgConnection,
    window: Vec<NaiveDate>,
) -> QueryResult<Vec<NaiveDate>> {
    let (numbers, hubs): (Vec<String>, Vec<&str>) = network::lines()
        .map(|line| (format!("{}{}", line.airline.code, line.first_number), line.hub.airport))
        .unzip();
    let loaded: Vec<FlownDay> = diesel::sql_query(
        "SELECT DISTINCT departure_date FROM flights \
         JOIN unnest($1, $2) AS line (flight_number, origin) USING (flight_number, origin) \
         WHERE departure_date = ANY ($3)",
    )
    .bind::<Array<Text>, _>(numbers)
    .bind::<Array<Text>, _>(hubs)
    .bind::<Array<Date>, _>(&window)
    .get_results(connection)
    .await?;
    let loaded: HashSet<NaiveDate> = loaded.into_iter().map(|day| day.departure_date).collect();
    Ok(window.into_iter().filter(|day| !loaded.contains(day)).collect())
}

/// Writes the world once: the house airline, which comes with it, tells that it was written.
async fn insert_places(
    connection: &mut AsyncPgConnection,
    places: &DemoPlaces,
    summary: &mut Summary,
    progress: &mut impl FnMut(LoadProgress),
) -> Result<(), DemoError> {
    let total = places.cities.len() + places.airports.len();
    progress(LoadProgress { step: LoadStep::Places, done: 0, total });
    if Airline::find(connection, &AEROBUS.code.parse()?).await?.is_none() {
        let house = AEROBUS.airline()?;
        let inserted = connection
            .transaction(async |connection: &mut AsyncPgConnection| {
                let cities = ReferenceTable::insert(connection, &places.cities).await?;
                let airports = ReferenceTable::insert(connection, &places.airports).await?;
                let airlines = ReferenceTable::insert(connection, &[house]).await?;
                Ok::<_, diesel::result::Error>((cities, airports, airlines))
            })
            .await?;
        (summary.cities, summary.airports, summary.airlines) = inserted;
    }
    progress(LoadProgress { step: LoadStep::Places, done: total, total });
    Ok(())
}

#[derive(QueryableByName)]
struct Moved {
    #[diesel(sql_type = Text)]
    iata: String,
}

/// Moves airports into their metropolitan areas that an earlier release has written with a city of their own, and
/// deletes these cities. An airport that has got another city meanwhile keeps it.
async fn join_areas(connection: &mut AsyncPgConnection, places: &DemoPlaces) -> Result<(), DemoError> {
    let members: Vec<_> =
        places.airports.iter().filter(|airport| airport.city.as_str() != airport.iata.as_str()).collect();
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            let moved: Vec<Moved> = diesel::sql_query(
                "UPDATE airports SET city = area.code, version = airports.version + 1 \
                 FROM unnest($1, $2) AS member (iata, city) JOIN cities AS area ON area.code = member.city \
                 WHERE airports.iata = member.iata AND airports.city = member.iata RETURNING airports.iata",
            )
            .bind::<Array<Text>, _>(members.iter().map(|airport| airport.iata.as_str()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(members.iter().map(|airport| airport.city.as_str()).collect::<Vec<_>>())
            .get_results(connection)
            .await?;
            let moved: Vec<String> = moved.into_iter().map(|airport| airport.iata).collect();
            if moved.is_empty() {
                return Ok(());
            }
            diesel::sql_query(
                "DELETE FROM cities WHERE code = ANY ($1) AND NOT EXISTS (SELECT FROM airports WHERE city = cities.code)",
            )
            .bind::<Array<Text>, _>(&moved)
            .execute(connection)
            .await?;
            for airport in &moved {
                flights::republish(connection, &Naming::Airport(airport.parse()?)).await?;
            }
            Ok::<_, DemoError>(())
        })
        .await
}

/// Writes what flights refer to, where it is missing: a newer release may bring new airplanes.
async fn insert_fleet(
    connection: &mut AsyncPgConnection,
    fleet: &Fleet,
    summary: &mut Summary,
    progress: &mut impl FnMut(LoadProgress),
) -> Result<(), DemoError> {
    let total =
        fleet.airlines.len() + fleet.aircraft_types.len() + fleet.seat_layouts.len() + fleet.airplanes.len();
    progress(LoadProgress { step: LoadStep::Fleet, done: 0, total });
    let inserted = connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            let airlines = ReferenceTable::insert(connection, &fleet.airlines).await?;
            let aircraft_types = ReferenceTable::insert(connection, &fleet.aircraft_types).await?;
            let seat_layouts = ReferenceTable::insert(connection, &fleet.seat_layouts).await?;
            let airplanes = ReferenceTable::insert(connection, &fleet.airplanes).await?;
            Ok::<_, diesel::result::Error>((airlines, aircraft_types, seat_layouts, airplanes))
        })
        .await?;
    summary.airlines += inserted.0;
    (summary.aircraft_types, summary.seat_layouts, summary.airplanes) = (inserted.1, inserted.2, inserted.3);
    progress(LoadProgress { step: LoadStep::Fleet, done: total, total });
    Ok(())
}

/// Writes the flights day by day, over several connections: the work is the database's, and it gives
/// each connection a core.
async fn insert_flights(
    config: &DatabaseConfig,
    plan: Vec<Vec<PlannedFlight>>,
    summary: &mut Summary,
    progress: &mut impl FnMut(LoadProgress),
) -> Result<(), DemoError> {
    let total = plan.len();
    progress(LoadProgress { step: LoadStep::Flights, done: 0, total });
    let idle = &Mutex::new(Vec::new());
    let day = async |planned: Vec<PlannedFlight>| {
        // A connection that met an error is not used again: it may be in a transaction.
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match connection {
            Some(connection) => connection,
            None => config.connect().await?,
        };
        let inserted = insert_day(&mut connection, planned).await?;
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok::<usize, DemoError>(inserted)
    };
    let mut days = pin!(stream::iter(plan).map(day).buffer_unordered(CONNECTIONS));
    while let Some(flights) = days.try_next().await? {
        summary.flights += flights;
        summary.days += 1;
        progress(LoadProgress { step: LoadStep::Flights, done: summary.days, total });
    }
    Ok(())
}

/// Writes the flights of a day with their events in one transaction; gives how many were new.
async fn insert_day(connection: &mut AsyncPgConnection, planned: Vec<PlannedFlight>) -> QueryResult<usize> {
    let new: Vec<NewFlight> = planned.into_iter().map(new_flight).collect();
    connection
        .transaction(async |connection: &mut AsyncPgConnection| flights::insert(connection, &new).await)
        .await
        .map(|inserted| inserted.len())
}

fn new_flight(planned: PlannedFlight) -> NewFlight {
    NewFlight {
        id: FlightId::new(),
        flight_number: planned.flight_number,
        origin: planned.origin,
        destination: planned.destination,
        departure: planned.departure,
        arrival: planned.arrival,
        airplane: planned.airplane,
        fares: planned.fares,
    }
}
