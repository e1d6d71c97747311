//! Requests that others overtake, and requests that are not what they should be.

use crate::{
    service::Service,
    world::{body, day},
};
use chrono::{DateTime, Utc};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use flight::store::flights::FlightFilter;
use futures_util::future::join;
use serde_json::{Value, json};
use shared::http::{PageRequest, QueryParameters};
use std::sync::atomic::Ordering;
use uuid::Uuid;

const ADMIN: &str = "/api/v1/admin/flights";

fn morning() -> Value {
    let date = day(30);
    body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA")
}

fn id(flight: &Value) -> &str {
    flight["id"].as_str().expect("an id")
}

/// A transaction that has done this and is still open.
async fn open(service: &Service, statement: &str) -> AsyncPgConnection {
    let mut connection = service.connect().await;
    connection.batch_execute(&format!("BEGIN; {statement}")).await.expect("done");
    connection
}

async fn commit(mut connection: AsyncPgConnection) {
    connection.batch_execute("COMMIT").await.expect("a commit");
}

#[actix_web::test]
async fn a_flight_that_changes_while_it_is_deleted_is_closed_again() {
    let service = Service::start().await;
    let made = service.make(&morning()).await;
    let address = format!("{ADMIN}/{}", id(&made));
    let change = format!("UPDATE flights SET version = version + 1 WHERE id = '{}'", id(&made));

    // It was sold after the change.
    let other = open(&service, &change).await;
    let meanwhile = async {
        service.blocked().await;
        service.live_bookings.store(1, Ordering::SeqCst);
        commit(other).await;
    };
    join(service.operator.delete(&address), meanwhile).await.0.expect_problem(409, "conflict");
    assert_eq!(service.closings.swap(0, Ordering::SeqCst), 2);
    service.live_bookings.store(0, Ordering::SeqCst);

    // Who named the version gets to know that it is another.
    let other = open(&service, &change).await;
    let meanwhile = async {
        service.blocked().await;
        commit(other).await;
    };
    let careful = service.operator.with_header("if-match", "\"2\"");
    join(careful.delete(&address), meanwhile).await.0.expect_problem(412, "precondition_failed");
    assert_eq!(service.closings.swap(0, Ordering::SeqCst), 1);

    let other = open(&service, &change).await;
    let meanwhile = async {
        service.blocked().await;
        commit(other).await;
    };
    join(service.operator.delete(&address), meanwhile).await.0.expect(204);
    assert_eq!(service.closings.load(Ordering::SeqCst), 2);
}

#[actix_web::test]
async fn what_is_deleted_meanwhile_is_no_fault_of_ours() {
    let service = Service::start().await;
    let date = day(30);
    let flight = body("AE100", "LGW", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
    let other = open(&service, "DELETE FROM airports WHERE iata = 'LGW'").await;
    let meanwhile = async {
        service.blocked().await;
        commit(other).await;
    };
    let refused = join(service.operator.post(ADMIN, &flight), meanwhile).await.0;
    assert_eq!(refused.invalid(), ["/origin"], "airports are locked before they are looked up");

    let rome = json!({"code": "ROM", "name": "Rome", "country": "IT", "time_zone": "Europe/Rome"});
    service.operator.post("/api/v1/admin/cities", &rome).await.expect(201);
    let fiumicino = json!({
        "iata": "FCO", "name": "Fiumicino", "city": "ROM", "country": "IT", "time_zone": "Europe/Rome",
        "latitude": 41.8, "longitude": 12.2,
    });
    let other = open(&service, "DELETE FROM cities WHERE code = 'ROM'").await;
    let meanwhile = async {
        service.blocked().await;
        commit(other).await;
    };
    let refused = join(service.operator.post("/api/v1/admin/airports", &fiumicino), meanwhile).await.0;
    refused.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn a_flight_is_made_by_the_clocks_of_its_airport() {
    let service = Service::start().await;
    let zone = "UPDATE airports SET time_zone = 'Asia/Tokyo' WHERE iata = 'LHR'";
    let lock = format!("SELECT 1 FROM airports WHERE iata = 'LHR' FOR UPDATE; {zone}");
    let other = open(&service, &lock).await;
    let meanwhile = async {
        service.blocked().await;
        commit(other).await;
    };
    let date = day(30);
    let flight = body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
    let made = join(service.operator.post(ADMIN, &flight), meanwhile).await.0.expect(201);
    assert_eq!(made["departure"]["at"], format!("{date}T01:00:00Z"));
}

#[actix_web::test]
async fn a_number_that_is_taken_between_check_and_write_is_a_conflict() {
    let service = Service::start().await;
    let (date, next) = (day(30), day(31));
    let made = service.make(&morning()).await;
    let other = body("AE100", "LHR", &format!("{next}T10:00"), &format!("{next}T12:15"), "G-AERB");
    let other = service.make(&other).await;
    // The other one moves to a third day, and the first follows.
    let third = day(32);
    let set = format!("UPDATE flights SET departure_date = '{third}' WHERE id = '{}'", id(&other));
    let transaction = open(&service, &set).await;
    let meanwhile = async {
        service.blocked().await;
        commit(transaction).await;
    };
    let patch =
        json!({"departure_local": format!("{third}T10:00"), "arrival_local": format!("{third}T12:15")});
    let address = format!("{ADMIN}/{}", id(&made));
    join(service.operator.patch(&address, &patch), meanwhile).await.0.expect_problem(409, "conflict");
    let unchanged = service.anybody.get(&format!("/api/v1/flights/{}", id(&made))).await.expect(200);
    assert_eq!(unchanged["departure"]["local"], format!("{date}T10:00"));
}

#[actix_web::test]
async fn unknown_parameters_are_refused_everywhere() {
    let service = Service::start().await;
    let made = service.make(&morning()).await;
    let flight = format!("/api/v1/flights/{}?x=1", id(&made));
    let admin = format!("{ADMIN}/{}?x=1", id(&made));
    let (post, one) = ("/api/v1/admin/cities?x=1", "/api/v1/admin/cities/LON?x=1");
    let city = json!({"code": "ROM", "name": "Rome", "country": "IT", "time_zone": "Europe/Rome"});
    for refused in [
        service.anybody.get(&flight).await,
        service.anybody.get("/api/v1/cities/LON?x=1").await,
        service.operator.post(&format!("{ADMIN}?x=1"), &morning()).await,
        service.operator.patch(&admin, &json!({"airplane": "G-AERB"})).await,
        service.operator.delete(&admin).await,
        service.operator.post(post, &city).await,
        service.operator.patch(one, &json!({"name": "Londinium"})).await,
        service.operator.delete(one).await,
    ] {
        refused.expect_problem(422, "validation_failed");
        assert_eq!(refused.invalid(), ["x"]);
    }
    service.anybody.post(post, &city).await.expect_problem(401, "unauthenticated");
}

#[actix_web::test]
async fn a_forged_cursor_is_a_bad_parameter() {
    let service = Service::start().await;
    let cursor = |at: DateTime<Utc>| {
        let filters = ("flights", &FlightFilter::default());
        let request = PageRequest::read(&mut QueryParameters::parse("limit=1"), &filters);
        let page = request.page(vec![(at, Uuid::nil()); 2], |key| *key);
        format!("/api/v1/flights?after={}", page.page.next.expect("a cursor"))
    };
    service.anybody.get(&cursor(Utc::now())).await.expect(200);
    for forged in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
        let refused = service.anybody.get(&cursor(forged)).await;
        refused.expect_problem(422, "validation_failed");
        assert_eq!(refused.invalid(), ["after"]);
    }
}
