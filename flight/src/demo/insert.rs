//! Writes the demo data, each part once, and rolls its window of flights forward.

use super::{
    airlines::AEROBUS,
    airports::{DemoPlaces, InvalidPlaces},
    fits::InvalidFit,
    fleet::Fleet,
    schedule::{DemoTimetable, ScheduleError},
    seasons::{self, Season},
};
use crate::{
    domain::{reference::Airline, schedule_generation::scheduled_flights},
    store::{
        ReferenceTable,
        flights::{self, Naming},
        schedules::{self, StoredSchedule, Zones},
    },
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::{
    ConnectionError, QueryResult, QueryableByName,
    sql_types::{Array, Date, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{db::DatabaseConfig, iata::InvalidCode, ids::ScheduleId};
use std::{
    collections::HashSet,
    pin::pin,
    sync::{Mutex, PoisonError},
};

/// Flights are on sale this many days ahead, today among them.
pub const WINDOW_DAYS: u64 = 60;

/// The horizon of a schedule keeper that stays within the window: a season has more flights than a newcomer waits for.
pub const HORIZON_DAYS: u16 = 59;

/// Days that are written at once.
const CONNECTIONS: usize = 4;

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadStep {
    /// Cities and airports.
    Places,
    /// Airlines, aircraft types, seat layouts, airplanes and season schedules.
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
    /// Season schedules.
    pub schedules: usize,
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
/// time, the schedules of each season that the window touches, and out of the schedules the flights of the days from
/// `today` on that are not there yet, each with its `flight.published` event. The active relay of the service publishes them.
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
    let mut new = insert_seasons(&mut connection, &timetable, &missing).await?;
    summary.schedules = new.len();
    if missing.as_slice().first() != Some(&today) {
        // An earlier release has made the flights of the first days. The schedule keeper notes which of them are the
        // schedules' own.
        new.clear();
    }
    insert_flights((config, &mut connection), (&new, missing), &mut summary, &mut progress).await?;
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
    let (numbers, hubs): (Vec<String>, Vec<&str>) = seasons::first_flights().unzip();
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
            let moved: Vec<Naming> =
                moved.iter().map(|airport| Ok(Naming::Airport(airport.parse()?))).collect::<Result<_, DemoError>>()?;
            flights::republish(connection, &moved).await?;
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

#[derive(QueryableByName)]
struct SeasonStart {
    #[diesel(sql_type = Date)]
    effective_from: NaiveDate,
}

/// Writes the schedules of the seasons of these days, where no line has one in the season; gives their ids.
async fn insert_seasons(
    connection: &mut AsyncPgConnection,
    timetable: &DemoTimetable<'_>,
    days: &[NaiveDate],
) -> Result<Vec<ScheduleId>, DemoError> {
    let (numbers, hubs): (Vec<String>, Vec<&str>) = seasons::first_flights().unzip();
    let loaded: Vec<SeasonStart> = diesel::sql_query(
        "SELECT DISTINCT effective_from FROM schedules \
         JOIN unnest($1, $2) AS line (flight_number, origin) USING (flight_number, origin)",
    )
    .bind::<Array<Text>, _>(numbers)
    .bind::<Array<Text>, _>(hubs)
    .get_results(connection)
    .await?;
    let mut ids = Vec::new();
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(ids) };
    let mut season = Season::of(*first).ok_or(DemoError::Date)?;
    while season.first <= *last {
        let dates = season.first..=season.last;
        if !loaded.iter().any(|start| dates.contains(&start.effective_from)) {
            let new = seasons::schedules(timetable, season)?;
            schedules::insert(connection, &new).await?;
            ids.extend(new.iter().map(|schedule| schedule.id));
        }
        season = season.next().ok_or(DemoError::Date)?;
    }
    Ok(ids)
}

/// Generates the flights of these days out of all schedules, day by day, over several connections: the work is the
/// database's, and it gives each connection a core.
async fn insert_flights(
    (config, connection): (&DatabaseConfig, &mut AsyncPgConnection),
    (new, days): (&[ScheduleId], Vec<NaiveDate>),
    summary: &mut Summary,
    progress: &mut impl FnMut(LoadProgress),
) -> Result<(), DemoError> {
    let total = days.len();
    progress(LoadProgress { step: LoadStep::Flights, done: 0, total });
    let (Some(first), Some(last)) = (days.as_slice().first().copied(), days.last().copied()) else {
        return Ok(());
    };
    let stored = schedules::of_dates(connection, first, last).await?;
    let zones = schedules::zones(connection, stored.iter().map(|stored| &stored.schedule)).await?;
    let (idle, stored, zones) = (&Mutex::new(Vec::new()), &stored, &zones);
    let day = async |day: NaiveDate| {
        // A connection that met an error is not used again: it may be in a transaction.
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match connection {
            Some(connection) => connection,
            None => config.connect().await?,
        };
        let generated = generate_day(&mut connection, stored, zones, day).await?;
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok::<(usize, bool), DemoError>(generated)
    };
    let mut whole = true;
    let mut generated = pin!(stream::iter(days).map(day).buffer_unordered(CONNECTIONS));
    while let Some((flights, complete)) = generated.try_next().await? {
        whole &= complete;
        summary.flights += flights;
        summary.days += 1;
        progress(LoadProgress { step: LoadStep::Flights, done: summary.days, total });
    }
    // Where something stood in the way, the schedule keeper looks at everything and keeps the conflicts.
    if whole {
        schedules::note_dates(connection, new, (first, last)).await?;
    }
    Ok(())
}

/// Generates the flights of a day with their events in one transaction; gives how many were new, and whether nothing was in
/// the way.
async fn generate_day(
    connection: &mut AsyncPgConnection,
    stored: &[StoredSchedule],
    zones: &Zones,
    day: NaiveDate,
) -> QueryResult<(usize, bool)> {
    let mut wanted = Vec::new();
    let mut complete = true;
    for StoredSchedule { schedule, .. } in stored.iter().filter(|stored| stored.schedule.operates_on(day)) {
        // Those that have left today too: the boards show them.
        let zones = schedules::route_zones(schedule, zones)?;
        let (flights, conflicts) = scheduled_flights(schedule, zones, [day], DateTime::<Utc>::MIN_UTC);
        complete &= conflicts.is_empty();
        wanted.extend(flights);
    }
    let generated = connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            schedules::carry_out(connection, &wanted, false).await
        })
        .await?;
    Ok((generated.created.len(), complete && generated.conflicts.is_empty()))
}
