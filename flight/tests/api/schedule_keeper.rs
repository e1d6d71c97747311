//! The schedule keeper: killed in the middle, two of them at once, and what follows a change.

use crate::{
    schedules::{keep_still, season},
    service::Service,
    world::{code, day, fares, found},
};
use chrono::{NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Integer},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use flight::{
    actors::{catalogue::CatalogueHandle, schedule_keeper::ScheduleKeeperHandle},
    domain::schedule::Schedule,
    store::{
        MIGRATIONS,
        schedules::{self, ChunkResult, StoredSchedule},
    },
};
use futures_util::future::{join, join_all};
use serde_json::json;
use shared::{
    bus::{Bus, in_process::InProcess},
    db::Pool,
    ids::ScheduleId,
    outbox::Relay,
};
use std::time::{Duration, Instant};
use testkit::TestDatabase;

const HORIZON: u16 = 330;

fn daily(number: &str, airplane: &str) -> Schedule {
    Schedule {
        id: ScheduleId::new(),
        flight_number: code(number),
        origin: code("LHR"),
        destination: code("CDG"),
        effective_from: day(-30),
        effective_to: day(500),
        days_of_operation: vec![1, 2, 3, 4, 5, 6, 7].try_into().expect("days"),
        departure_time: code("10:00"),
        arrival_time: code("12:15"),
        arrival_day_offset: 0,
        airplane: code(airplane),
        fares: fares(),
    }
}

async fn database(new: &[Schedule]) -> (TestDatabase, AsyncPgConnection) {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.expect("a connection");
    found(&mut connection).await;
    schedules::insert(&mut connection, new).await.expect("schedules");
    (database, connection)
}

fn keeper(database: &TestDatabase) -> ScheduleKeeperHandle {
    let config = database.config("flight");
    let pool = Pool::new(&config);
    let relay = Relay::start("flight", &config, Bus::new(InProcess::new()));
    let catalogue = CatalogueHandle::start(pool.clone());
    ScheduleKeeperHandle::start(pool, relay, catalogue, HORIZON)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

async fn count(connection: &mut AsyncPgConnection, of: &str) -> i64 {
    let row: Count = diesel::sql_query(format!("SELECT count(*) FROM {of}"))
        .get_result(connection)
        .await
        .expect("a count");
    row.count
}

async fn stored(connection: &mut AsyncPgConnection, schedule: &Schedule) -> StoredSchedule {
    schedules::find(connection, schedule.id).await.expect("an answer").expect("the schedule")
}

fn horizon() -> NaiveDate {
    day(HORIZON.into())
}

async fn chunk(connection: &mut AsyncPgConnection, schedule: &Schedule) -> ChunkResult {
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            schedules::next_chunk(connection, schedule.id, (Utc::now(), horizon()), true).await
        })
        .await
        .expect("a chunk")
}

/// Flights of all dates from today or tomorrow to the horizon, each once and told once.
async fn check_whole(connection: &mut AsyncPgConnection, new: &[Schedule]) {
    let each = i64::try_from(new.len()).expect("a small number");
    let flights = count(connection, "flights").await;
    // Today's flight may have left.
    let whole = i64::from(HORIZON) * each..=(i64::from(HORIZON) + 1) * each;
    assert!(whole.contains(&flights), "{flights}");
    let last = format!("flights WHERE departure_date = '{}'", horizon());
    assert_eq!(count(connection, &last).await, each);
    let told = "events WHERE kind = 'flight.published'";
    assert_eq!(count(connection, told).await, flights);
    for schedule in new {
        let stored = stored(connection, schedule).await;
        assert_eq!((stored.generated_until, stored.conflicts), (Some(horizon()), vec![]));
    }
}

#[actix_web::test]
async fn a_keeper_that_is_killed_loses_what_it_had_not_committed_and_another_goes_on() {
    let new = [daily("AE100", "G-AERA")];
    let (database, mut connection) = database(&new).await;
    let ChunkResult::Generated { news, done } = chunk(&mut connection, &new[0]).await else {
        panic!("no chunk")
    };
    // Of 200 dates from yesterday on: those of yesterday and today may have left.
    assert!(!done && (198..=200).contains(&news.len()), "{}", news.len());
    let reached = stored(&mut connection, &new[0]).await.generated_until;
    assert!(reached.is_some_and(|date| date < horizon()));

    // The next chunk is written, and its connection ended before the commit.
    let mut killed = database.config("flight").connect().await.expect("a connection");
    killed.batch_execute("BEGIN").await.expect("a transaction");
    let backend: Backend =
        diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result(&mut killed).await.expect("a backend");
    let window = (Utc::now(), horizon());
    let result = schedules::next_chunk(&mut killed, new[0].id, window, false).await.expect("a chunk");
    let ChunkResult::Generated { news: lost, done: true } = result else { panic!("no chunk") };
    assert!(lost.len() > 100);
    let other = schedules::next_chunk(&mut connection, new[0].id, window, false).await.expect("an answer");
    assert!(matches!(other, ChunkResult::OthersTurn), "one keeper at a time");
    let mut superuser = AsyncPgConnection::establish(&database.superuser_url()).await.expect("a connection");
    let end = format!("SELECT pg_terminate_backend({}, 20000)", backend.pid);
    superuser.batch_execute(&end).await.expect("the end");
    assert_eq!(stored(&mut connection, &new[0]).await.generated_until, reached);

    keeper(&database).work_through().await.expect("a pass");
    check_whole(&mut connection, &new).await;
}

#[actix_web::test]
async fn two_keepers_make_no_flight_twice() {
    let new = [daily("AE100", "G-AERA"), daily("AE102", "G-AERB")];
    let (database, mut connection) = database(&new).await;
    let keepers = [keeper(&database), keeper(&database)];
    let passes = join_all(keepers.iter().map(ScheduleKeeperHandle::work_through)).await;
    assert!(passes.iter().all(Result::is_ok), "{passes:?}");
    check_whole(&mut connection, &new).await;
    // What is done stays done.
    join(keepers[0].work_through(), keepers[1].work_through()).await.0.expect("a pass");
    check_whole(&mut connection, &new).await;
}

#[actix_web::test]
async fn the_horizon_moves_and_what_staff_have_deleted_stays_deleted() {
    let new = [daily("AE100", "G-AERA")];
    let (database, mut connection) = database(&new).await;
    let keeper = keeper(&database);
    keeper.work_through().await.expect("a pass");
    check_whole(&mut connection, &new).await;
    // As the days before have left it: the last three dates are not there, and staff have deleted another one.
    let back = format!(
        "DELETE FROM flights WHERE departure_date > '{}'; UPDATE schedules SET generated_until = '{}'; \
         DELETE FROM flights WHERE departure_date = '{}'",
        day(327),
        day(327),
        day(50)
    );
    connection.batch_execute(&back).await.expect("days before");
    let before = count(&mut connection, "flights").await;
    keeper.work_through().await.expect("a pass");
    assert_eq!(count(&mut connection, "flights").await, before + 3);
    assert_eq!(count(&mut connection, &format!("flights WHERE departure_date = '{}'", day(50))).await, 0);
}

#[actix_web::test]
async fn a_schedule_that_is_locked_when_the_keeper_comes_by_is_generated_soon_after() {
    let new = [daily("AE100", "G-AERA"), daily("AE102", "G-AERB")];
    let (database, mut connection) = database(&new).await;
    let mut dry_run = database.config("flight").connect().await.expect("a connection");
    let begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0";
    dry_run.batch_execute(begin).await.expect("a transaction");
    schedules::lock(&mut dry_run, new[0].id).await.expect("an answer").expect("the schedule");
    let keeper = keeper(&database);
    let deadline = Instant::now() + Duration::from_secs(60);
    let released = async {
        // The keeper has left the locked one behind when the other one is whole; only the database can tell.
        while stored(&mut connection, &new[1]).await.generated_until != Some(horizon()) {
            assert!(Instant::now() < deadline, "the other schedule waits");
        }
        dry_run.batch_execute("ROLLBACK").await.expect("the end");
    };
    let (pass, ()) = join(keeper.work_through(), released).await;
    pass.expect("a pass");
    check_whole(&mut connection, &new).await;
}

#[actix_web::test]
async fn flights_that_move_make_room_in_the_same_pass() {
    // AE100 takes over the time of AE102, which is looked at later and moves away.
    let mut new = [daily("AE100", "G-AERA"), daily("AE102", "G-AERA")];
    for (schedule, hour) in new.iter_mut().zip(["10", "14"]) {
        schedule.departure_time = code(&format!("{hour}:00"));
        schedule.arrival_time = code(&format!("{}:15", hour.parse::<u8>().expect("an hour") + 2));
    }
    let (database, mut connection) = database(&new).await;
    let keeper = keeper(&database);
    keeper.work_through().await.expect("a pass");
    check_whole(&mut connection, &new).await;
    for (schedule, hour) in new.iter_mut().zip(["14", "18"]) {
        schedule.departure_time = code(&format!("{hour}:00"));
        schedule.arrival_time = code(&format!("{}:15", hour.parse::<u8>().expect("an hour") + 2));
        schedules::update(&mut connection, std::slice::from_ref(schedule)).await.expect("a change");
    }
    keeper.work_through().await.expect("a pass");
    for schedule in &new {
        assert_eq!(stored(&mut connection, schedule).await.conflicts, []);
    }
}

#[actix_web::test]
async fn a_schedule_that_fails_keeps_no_other_from_its_flights() {
    let new = [daily("AE100", "G-AERA"), daily("AE102", "G-AERB")];
    let (database, mut connection) = database(&new).await;
    let spoil = format!("UPDATE schedules SET fares = '7' WHERE id = '{}'", new[0].id);
    connection.batch_execute(&spoil).await.expect("a fault");
    let keeper = keeper(&database);
    let mend = async {
        let deadline = Instant::now() + Duration::from_secs(60);
        while stored(&mut connection, &new[1]).await.generated_until != Some(horizon()) {
            assert!(Instant::now() < deadline, "the other schedule waits");
        }
        let fares = serde_json::to_string(&new[0].fares).expect("fares");
        let mend = format!("UPDATE schedules SET fares = '{fares}' WHERE id = '{}'", new[0].id);
        connection.batch_execute(&mend).await.expect("the end of the fault");
    };
    let (pass, ()) = join(keeper.work_through(), mend).await;
    pass.expect("a pass");
    check_whole(&mut connection, &new).await;
}

#[actix_web::test]
async fn a_conflict_that_has_gone_is_made_good_for() {
    let new = [daily("AE100", "G-AERA")];
    let (database, mut connection) = database(&new).await;
    let busy = crate::world::flight("AE5", "LHR", day(20), "10:30", "G-AERA");
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            flight::store::flights::insert(connection, std::slice::from_ref(&busy)).await
        })
        .await
        .expect("a flight");
    let keeper = keeper(&database);
    keeper.work_through().await.expect("a pass");
    let conflicts = stored(&mut connection, &new[0]).await.conflicts;
    assert_eq!(
        json!(conflicts),
        json!([{"date": day(20), "reason": "airplane_busy", "refers": [format!("flights/{}", busy.id)]}])
    );
    connection.batch_execute("DELETE FROM flights WHERE flight_number = 'AE5'").await.expect("a deletion");
    keeper.work_through().await.expect("a pass");
    assert_eq!(stored(&mut connection, &new[0]).await.conflicts, []);
    assert_eq!(count(&mut connection, &format!("flights WHERE departure_date = '{}'", day(20))).await, 1);
}

#[actix_web::test]
async fn the_keeper_of_the_service_hears_of_changes() {
    let service = Service::start().await;
    let mut heard = service.listen().await;
    let made = service.operator.post("/api/v1/admin/schedules", &season(day(10), day(10))).await.expect(201);
    let event = heard.recv().await.expect("an event");
    assert_eq!((event.kind.as_str(), event.version), ("flight.published", 1));
    let path = format!("/api/v1/admin/schedules/{}", made["id"].as_str().expect("an id"));
    service.operator.patch(&path, &json!({"departure_time": "09:30"})).await.expect(200);
    let event = heard.recv().await.expect("an event");
    assert_eq!((event.kind.as_str(), event.version), ("flight.changed", 2));
    // Nothing is made while another keeper has its turn.
    drop(keep_still(&service).await);
}
