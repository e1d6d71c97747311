//! More is asked than can be done.

use crate::fixture::{ServiceFixture, booking, eventually, passenger};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::{
    future::{join, join5},
    stream::{FuturesUnordered, StreamExt},
};
use serde_json::json;
use shared::{auth::Permission, ids::UserId};
use std::{io::ErrorKind, time::Duration};
use testkit::Answer;
use tokio::{net::TcpStream, time::timeout};

const BATCH: usize = 1;
const QUEUE: usize = 4;

async fn run(connection: &mut AsyncPgConnection, statement: &str) -> usize {
    diesel::sql_query(statement).execute(connection).await.unwrap()
}

fn refused(answer: &Answer) {
    answer.expect_problem(503, "overloaded");
    assert_eq!(answer.header("connection"), "", "who comes again need not connect again");
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(answer.json["request_id"], answer.header("x-request-id"));
    assert!((1..=3).contains(&answer.header("retry-after").parse().unwrap()));
}

#[actix_web::test]
async fn past_its_bounds_it_refuses_and_serves_those_whom_it_has_admitted() {
    let bounds = |config: &mut booking::config::Config| {
        config.ledger_shards = 1;
        (config.ledger_batch, config.ledger_queue) = (BATCH, QUEUE);
        // Nobody is refused for having waited too long.
        config.patience_ms = 600_000;
    };
    let fixture = ServiceFixture::with(1, bounds).await;
    let flight = fixture.flight(30).await;
    // The database does not go on: somebody has the flight's row.
    let mut somebody = fixture.connection().await;
    run(&mut somebody, "BEGIN").await;
    assert_eq!(run(&mut somebody, "SELECT FROM flights FOR UPDATE").await, 1);
    let seats: Vec<String> = (4..=6)
        .flat_map(|row| ["A", "B", "C", "D", "E", "F"].map(|letter| format!("{row}{letter}")))
        .collect();
    let mut requests = seats.iter().map(|seat| {
        let (client, flight) = (fixture.customer(), flight.id);
        async move {
            let body = booking(flight, &[passenger("ADT", "Ada", Some(seat))]);
            client.post("/api/v1/bookings", &body).await
        }
    });
    // The first one is the batch that waits.
    let (first, others) = (requests.next().unwrap(), requests);
    let others = async {
        let waits = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("the batch that waits", async || fixture.count(waits).await > 0).await;
        let mut answers: FuturesUnordered<_> = others.collect();
        for _ in BATCH + QUEUE..seats.len() {
            let answer = answers.next().await.unwrap();
            refused(&answer);
            assert_eq!(answer.json["flight_id"], flight.id.to_string(), "the gateway opens its waiting room");
        }
        // Nothing is read of what is wanted.
        let nonsense = fixture.customer().post("/api/v1/bookings", &json!("nonsense")).await;
        refused(&nonsense);
        assert!(nonsense.json.get("flight_id").is_none());
        run(&mut somebody, "ROLLBACK").await;
        // Whoever was not refused was admitted.
        while let Some(admitted) = answers.next().await {
            admitted.expect(201);
        }
    };
    let (first, ()) = join(first, others).await;
    first.expect(201);
    assert_eq!(fixture.count("bookings").await, i64::try_from(BATCH + QUEUE).unwrap());
    fixture.stop().await;
}

#[actix_web::test]
async fn reads_fail_in_time_when_the_database_is_silent() {
    let fixture = ServiceFixture::new().await;
    let (flight, client, guest) = (fixture.flight(30).await, fixture.customer(), fixture.guest(0));
    let body = booking(flight.id, &[passenger("ADT", "Ada", None)]);
    let made = client.post("/api/v1/bookings", &body).await.expect(201);
    let path = format!("/api/v1/bookings/{}", made["id"].as_str().unwrap());
    let lookup = json!({"locator": made["locator"], "family_name": "Lovelace"});
    let _lock = fixture.lock_table("passengers").await;
    let staff = fixture.user(0, UserId::new(), &[Permission::BookingReadAny, Permission::ManifestRead]);
    let manifest = format!("/api/v1/admin/flights/{}/manifest", flight.id);
    let asked = join5(
        client.get("/api/v1/bookings"),
        client.get(&path),
        guest.post("/api/v1/bookings/lookup", &lookup),
        staff.get("/api/v1/admin/bookings"),
        staff.get(&manifest),
    );
    // Sooner than the server gives a statement up by itself, after fifteen seconds.
    let answers = timeout(Duration::from_secs(10), asked).await;
    let (own, one, found, any, manifest) = answers.expect("answers before the server closes the connections");
    for answer in [own, one, found, any, manifest] {
        answer.expect_problem(503, "upstream_unavailable");
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn slow_senders_occupy_no_place() {
    let fixture = ServiceFixture::with(1, |config| config.ledger_queue = 1).await;
    let flight = fixture.flight(30).await;
    let slow = TcpStream::connect(fixture.address(0)).await.unwrap();
    let head = "POST /api/v1/bookings HTTP/1.1\r\nhost: aerobus\r\ncontent-type: application/json\r\n\
                content-length: 1000\r\nexpect: 100-continue\r\n\r\n";
    slow.writable().await.unwrap();
    assert_eq!(slow.try_write(head.as_bytes()).unwrap(), head.len());
    let mut told = [0; 64];
    let length = loop {
        slow.readable().await.unwrap();
        match slow.try_read(&mut told) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => break read.unwrap(),
        }
    };
    assert_eq!(&told[..length], b"HTTP/1.1 100 Continue\r\n\r\n", "its body is waited for");
    let body = booking(flight.id, &[passenger("ADT", "Ada", None)]);
    fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    drop(slow);
    fixture.stop().await;
}
