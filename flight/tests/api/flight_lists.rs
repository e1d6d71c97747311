//! Lists of flights and boards read little more than they show, however many flights there are.

use crate::world::{code, found};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{QueryableByName, result::Error, sql_types::BigInt};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use flight::{
    domain::board::BoardDirection,
    store::{
        MIGRATIONS,
        flights::{self, BoardFilter, FlightFilter},
    },
};
use shared::events::FlightStatus;
use testkit::TestDatabase;

/// Flights of a page, and one more.
const PAGE: i64 = 51;
/// Rows that a page may read.
const READ: i64 = 400;

/// 20,000 flights from two years ago to a year ahead, each hour another 1 of 19 by turns: from Heathrow to Paris, a few from Gatwick.
/// A few are cancelled or late.
async fn timetable(connection: &mut AsyncPgConnection) {
    let insert = "INSERT INTO flights (id, flight_number, airline, origin, destination, departs_at, arrives_at, departure_date, \
                                       airplane, seat_layout_id, planned_departs_at, planned_arrives_at, status) \
         SELECT gen_random_uuid(), 'AE' || number % 500 + 1, 'AE', CASE WHEN number % 1000 = 7 THEN 'LGW' ELSE 'LHR' END, 'CDG', \
                at, at + interval '1 hour', at::date, 'G-AERA', seat_layout_id, at, at + interval '1 hour', \
                CASE WHEN number = 19000 THEN 'cancelled' WHEN number = 19100 THEN 'delayed' ELSE 'scheduled' END \
         FROM airplanes, generate_series(1, 20000) AS number, \
              LATERAL (SELECT now() + (number - 13333) * interval '80 minutes' AS at) AS times \
         WHERE registration = 'G-AERA'; \
         INSERT INTO airports (iata, name, city, country, time_zone, latitude, longitude) \
         VALUES ('JFK', 'Kennedy', 'LON', 'US', 'America/New_York', 0, 0)";
    connection.batch_execute(insert).await.expect("flights");
    connection.batch_execute("ANALYZE").await.expect("statistics");
}

#[derive(QueryableByName)]
struct RowsRead {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// The rows of `flights` that this connection has read; the count is not reset within a transaction.
async fn rows_read(connection: &mut AsyncPgConnection) -> i64 {
    let query = "SELECT coalesce(seq_tup_read + idx_tup_fetch, 0)::bigint AS rows FROM pg_stat_xact_user_tables \
                 WHERE relid = 'flights'::regclass";
    let read: RowsRead = diesel::sql_query(query).get_result(connection).await.expect("statistics");
    read.rows
}

/// The flights of a list, and the rows that were read for them.
async fn listed(
    connection: &mut AsyncPgConnection,
    filter: &FlightFilter,
    now: DateTime<Utc>,
) -> (usize, i64) {
    connection
        .transaction::<_, Error, _>(async |connection: &mut AsyncPgConnection| {
            let before = rows_read(connection).await;
            let found = flights::list(connection, filter, None, PAGE, now).await?;
            Ok((found.len(), rows_read(connection).await - before))
        })
        .await
        .expect("a list")
}

#[actix_web::test]
async fn each_filter_reads_little_more_than_its_page() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    timetable(&mut connection).await;
    let now = Utc::now();
    let of = |change: &dyn Fn(&mut FlightFilter)| {
        let mut filter = FlightFilter::default();
        change(&mut filter);
        filter
    };
    let date = (now + chrono::Duration::days(300)).date_naive();
    let far: NaiveDate = "2199-12-31".parse().unwrap();
    for (what, expected, filter) in [
        ("everything", 51, of(&|_| ())),
        ("a date far ahead", 18, of(&|filter| filter.date = Some(date))),
        ("a date without flights", 0, of(&|filter| filter.date = Some(far))),
        ("cancelled", 1, of(&|filter| filter.status = Some(FlightStatus::Cancelled))),
        ("delayed", 1, of(&|filter| filter.status = Some(FlightStatus::Delayed))),
        ("scheduled", 51, of(&|filter| filter.status = Some(FlightStatus::Scheduled))),
        ("in the air", 1, of(&|filter| filter.status = Some(FlightStatus::Departed))),
        ("arrived", 51, of(&|filter| filter.status = Some(FlightStatus::Arrived))),
        ("a city", 51, of(&|filter| filter.origin = Some(code("LON")))),
        ("an airport with few", 20, of(&|filter| filter.origin = Some(code("LGW")))),
        ("an airport without", 0, of(&|filter| filter.origin = Some(code("JFK")))),
        ("to an airport without", 0, of(&|filter| filter.destination = Some(code("JFK")))),
        ("to a city", 51, of(&|filter| filter.destination = Some(code("PAR")))),
        ("a number", 40, of(&|filter| filter.flight_number = Some(code("AE17")))),
        ("from now on", 51, of(&|filter| filter.from = Some(now))),
    ] {
        let (count, read) = listed(&mut connection, &filter, now).await;
        assert_eq!(count, expected, "{what}");
        assert!(read <= READ, "{what}: {read} rows were read");
    }
}

#[actix_web::test]
async fn boards_read_the_flights_of_their_day() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    timetable(&mut connection).await;
    let start = Utc::now() + chrono::Duration::days(200);
    for (airport, direction) in [("LHR", BoardDirection::Departures), ("CDG", BoardDirection::Arrivals)] {
        let filter =
            BoardFilter { airport: code(airport), direction, day: start..start + chrono::Duration::days(1) };
        let (count, read) = connection
            .transaction::<_, Error, _>(async |connection: &mut AsyncPgConnection| {
                let before = rows_read(connection).await;
                let found = flights::board(connection, &filter, None, PAGE).await?;
                Ok((found.len(), rows_read(connection).await - before))
            })
            .await
            .unwrap();
        assert!((17..=18).contains(&count), "{count}");
        assert!(read <= READ, "{airport}: {read} rows were read");
    }
}
