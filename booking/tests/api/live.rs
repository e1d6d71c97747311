//! Live seat maps: Server-Sent Events over real HTTP.

use crate::fixture::{ServiceFixture, booking, eventually, flight, passenger, status_of};
use awc::http::Method;
use chrono::TimeDelta;
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};
use shared::{
    events::{EventType, FlightState, FlightStatus, SeatsState},
    flight_time::FlightTime,
    ids::{FlightId, UserId},
    seat::SeatDesignator,
};
use std::time::Duration;
use testkit::{Client, EventStream, StreamEvent};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

fn path(flight: FlightId) -> String {
    format!("/api/v1/flights/{flight}/seat-map/events")
}

async fn follow(client: &Client, flight: FlightId, seen: Option<&str>) -> EventStream {
    client.events(&path(flight), seen).await
}

/// Holds a seat for a new customer; gives the customer and the booking.
async fn hold(fixture: &ServiceFixture, instance: usize, flight: FlightId, seat: &str) -> (Client, Value) {
    let customer = fixture.user(instance, UserId::new(), &[]);
    let body = booking(flight, &[passenger("ADT", "Ada", Some(seat))]);
    let held = customer.post("/api/v1/bookings", &body).await.expect(201);
    (customer, held)
}

/// The version and the seats of a `seats` event.
fn changes(event: &StreamEvent) -> (i64, Vec<(String, String)>) {
    assert_eq!(event.name, "seats", "{event:?}");
    let version = event.data["version"].as_i64().unwrap();
    assert_eq!(event.id, version.to_string());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let seats = event.data["seats"].as_array().unwrap().iter();
    (version, seats.map(|seat| (text(&seat["designator"]), text(&seat["status"]))).collect())
}

fn one(seat: &str, status: &str) -> Vec<(String, String)> {
    vec![(seat.to_owned(), status.to_owned())]
}

#[actix_web::test]
async fn the_map_comes_first_and_then_each_change() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let guest = fixture.guest(0);
    let mut stream = follow(&guest, flight.id, None).await;
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("cache-control"), "no-cache");
    assert_eq!(stream.header("x-accel-buffering"), "no");
    let first = stream.next().await.unwrap();
    let map = guest.get(&format!("/api/v1/flights/{}/seat-map", flight.id)).await.expect(200);
    assert_eq!((first.name.as_str(), first.id.as_str(), &first.data), ("snapshot", "0", &map));

    let (customer, held) = hold(&fixture, 0, flight.id, "4A").await;
    assert_eq!(changes(&stream.next().await.unwrap()), (1, one("4A", "held")));
    let id = held["id"].as_str().unwrap();
    let card = json!({"method": "card", "token": "tok_visa"});
    let _ = customer.post(&format!("/api/v1/bookings/{id}/payments"), &card).await.expect(200);
    let mut sold = changes(&stream.next().await.unwrap());
    while sold.1.is_empty() {
        // A commit of the payment that changes no status.
        sold = changes(&stream.next().await.unwrap());
    }
    assert_eq!(sold.1, one("4A", "sold"));
    let _ = customer.post(&format!("/api/v1/bookings/{id}/cancel"), &json!({})).await.expect(200);
    assert_eq!(changes(&stream.next().await.unwrap()), (sold.0 + 1, one("4A", "available")));
    fixture.stop().await;
}

#[actix_web::test]
async fn an_expired_hold_is_streamed_when_its_seats_are_released() {
    let fixture = ServiceFixture::with(1, |config| config.reap_ms = 10).await;
    let flight = fixture.flight(30).await;
    let mut stream = follow(&fixture.guest(0), flight.id, None).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");
    hold(&fixture, 0, flight.id, "4A").await;
    assert_eq!(changes(&stream.next().await.unwrap()), (1, one("4A", "held")));
    fixture.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'").await;
    assert_eq!(changes(&stream.next().await.unwrap()), (2, one("4A", "available")));
    fixture.stop().await;
}

#[actix_web::test]
async fn changes_of_other_instances_are_streamed() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let mut streams =
        [follow(&fixture.guest(0), flight.id, None).await, follow(&fixture.guest(1), flight.id, None).await];
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap().name, "snapshot");
    }
    for (version, instance, seat) in [(1, 0, "4A"), (2, 1, "5A")] {
        hold(&fixture, instance, flight.id, seat).await;
        for stream in &mut streams {
            assert_eq!(changes(&stream.next().await.unwrap()), (version, one(seat, "held")));
        }
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn changes_of_other_instances_are_streamed_without_the_bus() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let mut stream = follow(&fixture.guest(0), flight.id, None).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");
    fixture.bus.close().await;
    hold(&fixture, 1, flight.id, "4A").await;
    assert_eq!(changes(&stream.next().await.unwrap()), (1, one("4A", "held")));
    // Nothing is stopped: there is no bus that would take what the outbox holds.
}

#[actix_web::test]
async fn a_stream_goes_on_where_another_one_ended() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let guest = fixture.guest(0);
    let mut stream = follow(&guest, flight.id, None).await;
    let snapshot = stream.next().await.unwrap();
    hold(&fixture, 0, flight.id, "4A").await;
    let seen = stream.next().await.unwrap();
    drop(stream);
    hold(&fixture, 0, flight.id, "5A").await;

    let mut stream = follow(&guest, flight.id, Some(&seen.id)).await;
    assert_eq!(changes(&stream.next().await.unwrap()), (2, one("5A", "held")));
    hold(&fixture, 0, flight.id, "6A").await;
    let mut stream = follow(&guest, flight.id, Some(&seen.id)).await;
    let both = changes(&stream.next().await.unwrap());
    assert_eq!(both, (3, [one("5A", "held"), one("6A", "held")].concat()));
    // Who has seen all is told nothing until something happens.
    let mut stream = follow(&guest, flight.id, Some("3")).await;
    hold(&fixture, 0, flight.id, "7A").await;
    assert_eq!(changes(&stream.next().await.unwrap()), (4, one("7A", "held")));

    // What cannot be gone on from begins anew: where all began, never heard of, no version at all.
    for unknown in [snapshot.id.as_str(), "4711", "-1", "0.5", "many", "99999999999999999999"] {
        let mut stream = follow(&guest, flight.id, Some(unknown)).await;
        let first = stream.next().await.unwrap();
        assert_eq!((first.name.as_str(), first.id.as_str()), ("snapshot", "4"), "{unknown}");
        assert_eq!(status_of(&first.data, "6A"), "held");
    }
    // The other instance begins to follow now, and does not know the way from there.
    let mut stream = follow(&fixture.guest(1), flight.id, Some("1")).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");
    for (version, seat) in [(5, "8A"), (6, "9A")] {
        hold(&fixture, 0, flight.id, seat).await;
        assert_eq!(changes(&stream.next().await.unwrap()), (version, one(seat, "held")));
    }
    // Now it does.
    let mut stream = follow(&fixture.guest(1), flight.id, Some("5")).await;
    assert_eq!(changes(&stream.next().await.unwrap()), (6, one("9A", "held")));
    fixture.stop().await;
}

#[actix_web::test]
async fn another_airplane_is_shown_anew() {
    let fixture = ServiceFixture::new().await;
    let mut state = fixture.flight(30).await;
    let mut stream = follow(&fixture.guest(0), state.id, None).await;
    assert_eq!(stream.next().await.unwrap().data["counts"]["blocked"], 1);
    hold(&fixture, 0, state.id, "4A").await;
    let seen = stream.next().await.unwrap();

    state.version = 2;
    state.departure =
        FlightTime::from_instant(state.departure.at + TimeDelta::hours(1), "Europe/London").unwrap();
    fixture.publish(EventType::FlightChanged, &state).await;
    state.version = 3;
    state.seat_plan.blocked_seats.push("12E".parse().unwrap());
    fixture.publish(EventType::FlightChanged, &state).await;
    // Other times alone are nothing to those who look at seats.
    let anew = stream.next().await.unwrap();
    assert_eq!((anew.name.as_str(), anew.id.as_str()), ("snapshot", "1"));
    assert_eq!((&anew.data["counts"]["blocked"], &anew.data["counts"]["held"]), (&json!(2), &json!(1)));
    // The version is the same, but the map that was seen with it is not.
    let mut resumed = follow(&fixture.guest(0), state.id, Some(&seen.id)).await;
    assert_eq!(resumed.next().await.unwrap(), anew);

    (state.version, state.status) = (4, FlightStatus::Cancelled);
    fixture.publish(EventType::FlightCancelled, &state).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");
    fixture.stop().await;
}

#[actix_web::test]
async fn bad_requests_are_refused_before_the_stream_begins() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let guest = fixture.guest(0);
    let old = "0191e2a0-0000-7000-8000-000000000000".parse().unwrap();
    guest.get(&path(old)).await.expect_problem(404, "not_found");
    guest.get("/api/v1/flights/zebra/seat-map/events").await.expect_problem(404, "not_found");
    let answer = guest.get(&format!("{}?from=3", path(flight.id))).await;
    answer.expect_problem(422, "validation_failed");
    assert_eq!(answer.invalid(), ["from"]);
    let answer = guest.post(&path(flight.id), &json!({})).await;
    answer.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET, HEAD");
    let head = guest.send(Method::HEAD, &path(flight.id), "", None).await;
    assert_eq!((head.status.as_u16(), head.header("content-type")), (200, "text/event-stream"));
    fixture.stop().await;
}

#[actix_web::test]
async fn readers_are_bounded_and_their_places_come_back() {
    for (of_all, of_flight) in [(2, 10), (10, 2)] {
        let fixture = ServiceFixture::with(1, |config| {
            (config.seat_map_readers, config.seat_map_flight_readers) = (of_all, of_flight);
            config.seat_map_heartbeat_ms = 10;
        })
        .await;
        let flight = fixture.flight(30).await;
        let guest = fixture.guest(0);
        let mut streams = [follow(&guest, flight.id, None).await, follow(&guest, flight.id, None).await];
        let refused = guest.get(&path(flight.id)).await;
        refused.expect_problem(503, "overloaded");
        assert!((1..=3).contains(&refused.header("retry-after").parse().unwrap()));
        streams[0].heartbeat().await;
        drop(streams);
        // A connection that is gone is noticed by what is written to it.
        let admitted =
            async || guest.send(Method::HEAD, &path(flight.id), "", None).await.status.as_u16() == 200;
        eventually("a place", admitted).await;
        fixture.stop().await;
    }
}

#[actix_web::test]
async fn a_stop_does_not_wait_for_those_who_listen() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let mut stream = follow(&fixture.guest(0), flight.id, None).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");
    // The reader waits for the end of the stream, for less time than a stop takes.
    let (fixture, end) = futures_util::future::join(fixture.stop_instances(), stream.next()).await;
    assert_eq!(end, None);
    fixture.stop().await;
}

/// A flight of so many seats that an event of all of them fills tens of kilobytes.
async fn large_flight(fixture: &ServiceFixture) -> FlightState {
    let mut state = flight(TimeDelta::days(30));
    state.seat_plan = serde_json::from_value(json!({
        "cabins": [{"cabin": "economy", "rows": [1, 99], "columns": "ABC|DEFG|HJK"}],
        "exit_rows": [], "blocked_seats": [],
    }))
    .unwrap();
    fixture.publish(EventType::FlightPublished, &state).await;
    state
}

#[actix_web::test]
async fn a_reader_that_never_reads_is_dropped_and_the_others_go_on() {
    let fixture = ServiceFixture::with(1, |config| config.seat_map_pause_ms = 1).await;
    let flight = large_flight(&fixture).await;
    let seats: Vec<SeatDesignator> = flight.seat_plan.seats().map(|(seat, _)| seat).collect();
    let mut stream = follow(&fixture.guest(0), flight.id, None).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut idle = socket.connect(fixture.address(0)).await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", path(flight.id));
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    idle.read_exact(&mut answer).await.unwrap();

    // More than sockets and queues hold together: 220 events of more than 30 kilobytes.
    let newest = 220;
    for version in 1..=newest {
        let (held, sold) = if version % 2 == 0 { (seats.clone(), vec![]) } else { (vec![], seats.clone()) };
        let state = SeatsState { flight_id: flight.id, version, held, sold };
        fixture.announce(&state).await;
        let (told, changed) = changes(&stream.next().await.unwrap());
        assert_eq!((told, changed.len()), (version, seats.len()));
    }

    // It gets what was on its way when it was dropped, and then an end. (On a slow machine the system may
    // have cut the connection by now: then the end is an error.)
    let end = tokio::time::timeout(Duration::from_secs(30), idle.read_to_end(&mut answer)).await;
    assert!(end.is_ok(), "the stream ends");
    let answer = String::from_utf8(answer).unwrap();
    let last = answer.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap();
    assert!(last.parse::<i64>().unwrap() < newest, "{last}");
    let mut resumed = follow(&fixture.guest(0), flight.id, Some(last)).await;
    assert_eq!(resumed.next().await.unwrap().id, newest.to_string());
    fixture.stop().await;
}

#[actix_web::test]
async fn two_thousand_readers_of_one_flight_hear_of_a_booking() {
    // Both ends of each connection are files of this process.
    shared::service::raise_file_limit();
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let guest = fixture.guest(0);
    let open = async |_| {
        let mut stream = follow(&guest, flight.id, None).await;
        assert_eq!(stream.next().await.unwrap().name, "snapshot");
        stream
    };
    let mut streams: Vec<EventStream> = stream::iter(0..2000).map(open).buffer_unordered(64).collect().await;
    assert_eq!(streams.len(), 2000);
    for (version, seat) in [(1, "4A"), (2, "5A")] {
        hold(&fixture, 0, flight.id, seat).await;
        for event in join_all(streams.iter_mut().map(EventStream::next)).await {
            assert_eq!(changes(&event.unwrap()), (version, one(seat, "held")));
        }
    }
    drop(streams);
    fixture.stop().await;
}
