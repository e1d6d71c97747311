//! What accounts may do whose e-mail address is not verified.

use crate::fixture::{ServiceFixture, booking, name, paid, passenger};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    ids::{FlightId, UserId},
};
use testkit::{Client, EMAIL};

/// A client of an instance with a new account whose address, [`EMAIL`], is not verified.
fn unverified(fixture: &ServiceFixture, instance: usize, permissions: &[Permission]) -> Client {
    let mut claims = fixture.issuer.claims(UserId::new(), permissions);
    claims.email_verified = false;
    fixture.guest(instance).with_token(&fixture.issuer.sign(&claims))
}

/// A hold of so many seats for travellers from this number on.
fn hold(flight: FlightId, from: usize, count: usize) -> Value {
    let party: Vec<_> = (from..from + count).map(|number| passenger("ADT", &name(number), None)).collect();
    booking(flight, &party)
}

#[actix_web::test]
async fn an_unverified_account_books_for_its_own_address_only() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = unverified(&fixture, 0, &[]);
    let mut other = hold(flight.id, 0, 1);
    other["contact"]["email"] = json!("stranger@example.org");
    for body in [other.clone(), paid(other.clone(), "tok_visa")] {
        client.post("/api/v1/bookings", &body).await.expect_problem(403, "email_unverified");
    }
    assert_eq!(fixture.count("bookings").await, 0);
    // Accounts compare without case.
    let mut own = hold(flight.id, 0, 1);
    own["contact"]["email"] = json!(EMAIL.to_uppercase());
    let made = client.post("/api/v1/bookings", &own).await.expect(201);
    let path = format!("/api/v1/bookings/{}", made["id"].as_str().unwrap());
    let to = |email: &str| json!({"contact": {"email": email}});
    client.patch(&path, &to("stranger@example.org")).await.expect_problem(403, "email_unverified");
    let phone = json!({"contact": {"phone": "+33123456789"}});
    client.patch(&path, &phone).await.expect(200);
    client.patch(&path, &to(EMAIL)).await.expect(200);
    // Agents, who book for others, and load tests are free of this.
    for permission in [Permission::BookingWriteAny, Permission::LimitsExempt] {
        let staff = unverified(&fixture, 0, &[permission]);
        staff.post("/api/v1/bookings", &other).await.expect(201);
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn an_unverified_account_holds_for_a_quarter_of_an_hour() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = unverified(&fixture, 0, &[]);
    let with = |minutes: i64, from| {
        let mut body = hold(flight.id, from, 1);
        body["hold_minutes"] = json!(minutes);
        body
    };
    for minutes in [16, 60, 1440] {
        client.post("/api/v1/bookings", &with(minutes, 0)).await.expect_problem(403, "email_unverified");
    }
    client.post("/api/v1/bookings", &with(15, 0)).await.expect(201);
    client.post("/api/v1/bookings", &hold(flight.id, 1, 1)).await.expect(201);
    let long = "bookings WHERE hold_expires_at > created_at + interval '15 minutes'";
    assert_eq!(fixture.count(long).await, 0);
    fixture.customer().post("/api/v1/bookings", &with(1440, 0)).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn an_unverified_account_holds_nine_seats_on_all_flights_together() {
    let fixture = ServiceFixture::with(1, |config| config.reap_ms = 3_600_000).await;
    let [one, two] = [fixture.flight(30).await, fixture.flight(31).await];
    let client = unverified(&fixture, 0, &[]);
    let full = async |flight: FlightId| {
        client.post("/api/v1/bookings", &hold(flight, 80, 1)).await.expect_problem(409, "hold_limit");
    };
    client.post("/api/v1/bookings", &hold(one.id, 0, 5)).await.expect(201);
    // Each flight of a journey counts.
    let mut journey = hold(one.id, 10, 2);
    journey["segments"] = json!([
        {"flight_id": one.id, "cabin": "economy", "brand": "standard"},
        {"flight_id": two.id, "cabin": "economy", "brand": "standard"},
    ]);
    for passenger in journey["passengers"].as_array_mut().unwrap() {
        passenger["seats"] = Value::Null;
    }
    let held = client.post("/api/v1/bookings", &journey).await.expect(201);
    client.post("/api/v1/bookings", &hold(two.id, 20, 1)).await.expect_problem(409, "hold_limit");
    // What was paid for, given back, or has ended, is not held.
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    let pay = json!({"method": "card", "token": "tok_visa"});
    client.post(&format!("{path}/payments"), &pay).await.expect(200);
    let again = client.post("/api/v1/bookings", &hold(two.id, 30, 4)).await.expect(201);
    full(two.id).await;
    let path = format!("/api/v1/bookings/{}", again["id"].as_str().unwrap());
    client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    client.post("/api/v1/bookings", &hold(two.id, 40, 4)).await.expect(201);
    full(one.id).await;
    fixture.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE status = 0").await;
    // Purchases whose cards are declined are holds like others.
    let declined = paid(hold(one.id, 50, 9), "tok_declined");
    client.post("/api/v1/bookings", &declined).await.expect_problem(402, "payment_declined");
    full(two.id).await;
    assert_eq!(fixture.count("unverified_holds").await, 1, "nothing is kept of what counts no more");
    // Somebody else is not concerned.
    unverified(&fixture, 0, &[]).post("/api/v1/bookings", &hold(two.id, 60, 9)).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn many_holds_at_once_on_many_flights_and_instances_come_to_nine_seats() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let mut flights = Vec::new();
    for day in 30..50 {
        flights.push(fixture.flight(day).await);
    }
    let mut claims = fixture.issuer.claims(UserId::new(), &[]);
    claims.email_verified = false;
    let token = fixture.issuer.sign(&claims);
    let asked = flights.iter().enumerate().flat_map(|(number, flight)| {
        let clients = [0, 1].map(|instance| fixture.guest(instance).with_token(&token));
        let bodies = [hold(flight.id, number, 1), paid(hold(flight.id, 100 + number, 1), "tok_declined")];
        clients.into_iter().zip(bodies).map(|(client, body)| async move {
            let answer = client.post("/api/v1/bookings", &body).await;
            assert!([201, 402, 409, 503].contains(&answer.status.as_u16()), "{}", answer.json);
            answer.status.as_u16()
        })
    });
    let answers = join_all(asked).await;
    let held = answers.iter().filter(|status| [201, 402].contains(*status)).count();
    assert!((1..=9).contains(&held), "{answers:?}");
    assert_eq!(fixture.count("seats").await, i64::try_from(held).unwrap());
    fixture.stop().await;
}

#[actix_web::test]
async fn an_installation_may_ask_for_verified_accounts() {
    let fixture = ServiceFixture::with(1, |config| config.require_verified_email = true).await;
    let flight = fixture.flight(30).await;
    let body = paid(hold(flight.id, 0, 1), "tok_visa");
    unverified(&fixture, 0, &[])
        .post("/api/v1/bookings", &body)
        .await
        .expect_problem(403, "email_unverified");
    fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}
