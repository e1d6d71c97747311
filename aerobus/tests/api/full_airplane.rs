//! A full airplane does not fly: 350 bookings are cancelled, refunded and told, each once; and a flight that was withdrawn for
//! nothing is sold again.

use crate::system::{PATIENCE, RunningSystem, book, booking};
use diesel::{QueryableByName, sql_types::BigInt};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use shared::auth::ServiceTokens;
use testkit::{Client, SERVICE_TOKEN_SECRET};

const SEATS: usize = 350;
/// Bookings that are made at the same time.
const AT_ONCE: usize = 32;

#[derive(QueryableByName)]
struct RowCount {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

async fn count(system: &RunningSystem, of: &str) -> i64 {
    let mut database =
        AsyncPgConnection::establish(&system.database.superuser_url()).await.expect("a connection");
    let query = diesel::sql_query(format!("SELECT count(*) FROM {of}"));
    query.get_result::<RowCount>(&mut database).await.expect("a count").count
}

/// A client of booking's internal routes, as the flight service is one.
fn as_flight(system: &RunningSystem) -> Client {
    let tokens = ServiceTokens::new(SERVICE_TOKEN_SECRET.to_owned().into());
    let token = tokens.authorization("flight").expect("a token");
    let client = Client::new(format!("http://{}", system.services.address("booking")));
    client.with_header("authorization", &token)
}

/// The body of a booking of its own traveller, with an address of its own.
fn of_traveller(flight: &Value, number: usize) -> Value {
    let mut body = booking(flight, None, Some("tok_visa"));
    let letters =
        [number / 26, number % 26].map(|digit| char::from(b'a' + u8::try_from(digit).expect("a letter")));
    body["passengers"][0]["given_name"] = json!(format!("Ada{}", letters.iter().collect::<String>()));
    body["contact"]["email"] = json!(format!("traveller{number}@aerobus.example"));
    body
}

async fn check(admin: &Client) {
    let report = admin.post("/api/v1/admin/invariants/check", &json!({})).await.expect(200);
    assert_eq!(report["violations"], json!([]));
}

#[actix_web::test]
async fn each_of_350_bookings_is_refunded_and_told_once_of_a_cancellation() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    system.make_network(&admin, "ABC|DEFG|HJK", 35).await;
    let flight = system.make_flight(&admin, 10).await;
    let id = flight["id"].as_str().unwrap();
    let (second, bus) = system.second_booking().await;
    let bodies: Vec<Value> = (0..SEATS).map(|number| of_traveller(&flight, number)).collect();
    let booked: Vec<Value> = stream::iter(&bodies)
        .map(|body| book(&admin, body))
        .buffer_unordered(AT_ONCE)
        .map(|answer| answer.expect(201))
        .collect()
        .await;
    book(&admin, &of_traveller(&flight, SEATS)).await.expect_problem(409, "flight_full");
    let cents = |money: &Value| money["amount"].as_str().unwrap().replace('.', "").parse::<u64>().unwrap();
    let paid: u64 = booked.iter().map(|one| cents(&one["price"]["total"])).sum();

    let path = format!("/api/v1/admin/flights/{id}/cancel");
    let impact = admin.post(&path, &json!({"reason": "strike", "dry_run": true})).await.expect(200);
    assert_eq!((&impact["bookings"], &impact["letters"]), (&json!(SEATS), &json!(SEATS)));
    assert_eq!(cents(&impact["refunds"]), paid);
    let cancelled = admin.post(&path, &json!({"reason": "strike"})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");

    // Everything that told booking of it is told again while the bookings follow, to either instance.
    let following = async {
        let told = again(&system, id).await;
        let client = as_flight(&system);
        let instances = [system.services.address("booking"), second.address].map(|at| format!("http://{at}"));
        for instance in instances.iter().cycle() {
            let state = json!({ "flight": told });
            client.at(instance).put(&format!("/internal/flights/{id}"), &state).await.expect(204);
            admin.post(&path, &json!({"reason": "strike"})).await.expect_problem(409, "already_cancelled");
            if count(&system, "booking.seats").await == 0 && count(&system, "booking.disruptions").await == 0
            {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, following).await.expect("the bookings follow");

    let mut refunded = 0;
    for one in &booked {
        let path = format!("/api/v1/bookings/{}", one["id"].as_str().unwrap());
        let settled = async {
            loop {
                let shown = admin.get(&path).await.expect(200);
                if shown["payment_status"] == "refunded" {
                    return shown;
                }
            }
        };
        let shown = tokio::time::timeout(PATIENCE, settled).await.expect("a refund");
        assert_eq!(shown["status"], "cancelled");
        let refunds = shown["refunds"].as_array().unwrap();
        assert_eq!((refunds.len(), &refunds[0]["amount"]), (1, &one["price"]["total"]));
        refunded += cents(&refunds[0]["amount"]);
    }
    assert_eq!(refunded, paid);
    check(&admin).await;

    // All that booking had to tell was told, and each traveller has one letter of it.
    let events = "booking.events WHERE kind = 'booking.cancelled'";
    let letters = format!("mailer.letters WHERE event_id IN (SELECT id FROM {events})");
    let told = async {
        while count(&system, "booking.outbox").await > 0 || count(&system, &letters).await < SEATS as i64 {}
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the letters");
    let recipients = format!("(SELECT DISTINCT recipient FROM {letters}) AS recipients");
    for of in [events, &letters, &recipients] {
        assert_eq!(count(&system, of).await, SEATS as i64, "{of}");
    }
    second.stop().await;
    bus.close().await;
    system.stop().await;
}

/// The state that an event tells.
async fn state(database: &mut AsyncPgConnection, event: &str) -> Value {
    #[derive(QueryableByName)]
    struct Told {
        #[diesel(sql_type = diesel::sql_types::Text)]
        data: String,
    }
    let told: Told =
        diesel::sql_query(format!("SELECT data {event}")).get_result(database).await.expect("an event");
    serde_json::from_str(&told.data).expect("its data")
}

/// Has the event of the cancellation published once more, and gives the state that it tells.
async fn again(system: &RunningSystem, flight: &str) -> Value {
    let mut database =
        AsyncPgConnection::establish(&system.database.superuser_url()).await.expect("a connection");
    let event = format!("FROM flight.events WHERE kind = 'flight.cancelled' AND subject = '{flight}'");
    let published = diesel::sql_query(format!("INSERT INTO flight.outbox (event_id) SELECT id {event}"));
    assert_eq!(published.execute(&mut database).await.expect("an event"), 1);
    state(&mut database, &event).await
}

#[actix_web::test]
async fn a_flight_that_was_withdrawn_for_nothing_is_sold_again_when_flight_starts() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let id = flight["id"].as_str().unwrap();
    // What a cancellation has done when its process dies: noted it, and had booking withdraw the flight.
    let mut database = AsyncPgConnection::establish(&system.database.superuser_url()).await.unwrap();
    let state = state(&mut database, &format!("FROM flight.events WHERE subject = '{id}'")).await;
    let withdraw = format!("/internal/flights/{id}/withdraw");
    let withdrawn = as_flight(&system).post(&withdraw, &json!({ "flight": state })).await.expect(200);
    assert_eq!(withdrawn["was_on_sale"], true);
    let note = format!(
        "INSERT INTO flight.withdrawals (id, flight_id, noted_at) \
         VALUES (gen_random_uuid(), '{id}', now() - interval '1 minute')"
    );
    assert_eq!(diesel::sql_query(note).execute(&mut database).await.unwrap(), 1);
    book(&admin, &of_traveller(&flight, 0)).await.expect_problem(409, "flight_not_bookable");

    let (second, bus) = system.second_flight().await;
    let sold = async {
        loop {
            let answer = book(&admin, &of_traveller(&flight, 0)).await;
            if answer.status.as_u16() == 201 {
                return;
            }
            answer.expect_problem(409, "flight_not_bookable");
        }
    };
    tokio::time::timeout(PATIENCE, sold).await.expect("it is on sale again");
    assert_eq!(count(&system, "flight.withdrawals").await, 0);
    check(&admin).await;
    second.stop().await;
    bus.close().await;
    system.stop().await;
}
