//! How many letters an account may cause to addresses other than its own.

use crate::fixture::{ServiceFixture, booking, name, paid, passenger};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    ids::{FlightId, UserId},
};
use testkit::{Answer, Client};

/// A purchase for a stranger.
fn purchase(flight: FlightId, number: usize, token: &str) -> Value {
    let mut body = paid(booking(flight, &[passenger("ADT", &name(number), None)]), token);
    body["contact"]["email"] = json!("stranger@example.org");
    body
}

fn limited(answer: &Answer) {
    answer.expect_problem(429, "rate_limited");
    assert_eq!(answer.header("ratelimit-policy"), "\"letters\";q=60;w=3600");
    let left: u64 = answer.header("retry-after").parse().unwrap();
    assert!((3400..=3600).contains(&left), "{left}");
}

/// Notes that the account has caused so many letters in the last minutes.
async fn caused(fixture: &ServiceFixture, account: UserId, letters: usize) {
    fixture
        .sql(&format!(
            "INSERT INTO letters_caused SELECT '{account}', array_agg(now()) FROM generate_series(1, {letters})
             ON CONFLICT (account_id) DO UPDATE SET caused_at = excluded.caused_at"
        ))
        .await;
}

/// How many letters of the account count.
async fn counted(fixture: &ServiceFixture, account: UserId) -> i64 {
    fixture.count(&format!("letters_caused, unnest(caused_at) WHERE account_id = '{account}'")).await
}

#[actix_web::test]
async fn many_purchases_at_once_for_strangers_come_to_sixty_letters() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let mut flights = Vec::new();
    for day in 30..40 {
        flights.push(fixture.flight(day).await.id);
    }
    let two = flights[1];
    let account = UserId::new();
    let asked = (0..80).map(|number| {
        let client = fixture.user(number % 2, account, &[]);
        // Of each flight fewer than an account may hold at once.
        let flight = flights[number / 8];
        async move { client.post("/api/v1/bookings", &purchase(flight, number, "tok_visa")).await }
    });
    let answers = join_all(asked).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    answers.iter().filter(|answer| answer.status == 429).for_each(limited);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 20);
    assert_eq!((made, counted(&fixture, account).await), (60, 60));
    // An hour later there are more; to the account's own address they never counted.
    let own = paid(booking(two, &[passenger("ADT", "Ada", None)]), "tok_visa");
    fixture.user(0, account, &[]).post("/api/v1/bookings", &own).await.expect(201);
    limited(&fixture.user(0, account, &[]).post("/api/v1/bookings", &purchase(two, 90, "tok_visa")).await);
    fixture.sql("UPDATE letters_caused SET caused_at = ARRAY(SELECT at - interval '1 hour' FROM unnest(caused_at) AS at)").await;
    fixture.user(0, account, &[]).post("/api/v1/bookings", &purchase(two, 90, "tok_visa")).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn every_letter_counts_and_what_had_no_effect_does_not() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let account = UserId::new();
    let client = fixture.user(0, account, &[]);
    let mut hold = purchase(flight.id, 0, "tok_visa");
    hold.as_object_mut().unwrap().remove("payment");
    let mut expected = 0;
    let mut step = async |what: &str, letters: i64| {
        expected += letters;
        assert_eq!(counted(&fixture, account).await, expected, "{what}");
    };
    let keyed = client.with_header("idempotency-key", "one");
    let held = keyed.post("/api/v1/bookings", &hold).await.expect(201);
    step("a hold, and its end", 2).await;
    keyed.post("/api/v1/bookings", &hold).await.expect(201);
    step("the same again under its key", 0).await;
    client.post("/api/v1/bookings", &hold).await.expect_problem(409, "passenger_already_booked");
    step("a refusal", 0).await;
    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    let passenger = format!("{path}/passengers/{}", held["passengers"][0]["id"].as_str().unwrap());
    client.patch(&passenger, &json!({"given_name": name(0)})).await.expect(200);
    step("a correction that changes nothing", 0).await;
    client.patch(&passenger, &json!({"given_name": format!("{}x", name(0))})).await.expect(200);
    step("a corrected name", 1).await;
    let pay = json!({"method": "card", "token": "tok_visa"});
    client.post(&format!("{path}/payments"), &pay).await.expect(200);
    step("a paid hold", 0).await;
    let contact = json!({"contact": {"email": "another@example.org"}});
    client.patch(&path, &contact).await.expect(200);
    step("another contact", 1).await;
    client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    step("a cancellation", 1).await;
    client.post("/api/v1/bookings", &purchase(flight.id, 1, "tok_visa")).await.expect(201);
    step("a purchase", 1).await;
    let declined = client.post("/api/v1/bookings", &purchase(flight.id, 2, "tok_declined")).await;
    declined.expect_problem(402, "payment_declined");
    step("a purchase that has become a hold", 2).await;
    fixture.stop().await;
}

#[actix_web::test]
async fn the_limit_keeps_nobody_from_ending_a_hold() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let account = UserId::new();
    let client = fixture.user(0, account, &[]);
    let mut held = Vec::new();
    for number in 0..2 {
        let mut body = purchase(flight.id, number, "tok_visa");
        body.as_object_mut().unwrap().remove("payment");
        let made = client.post("/api/v1/bookings", &body).await.expect(201);
        held.push(format!("/api/v1/bookings/{}", made["id"].as_str().unwrap()));
    }
    caused(&fixture, account, 60).await;
    limited(&client.post("/api/v1/bookings", &purchase(flight.id, 9, "tok_visa")).await);
    let pay = json!({"method": "card", "token": "tok_visa"});
    client.post(&format!("{}/payments", held[0]), &pay).await.expect(200);
    client.post(&format!("{}/cancel", held[1]), &json!({})).await.expect(200);
    limited(&client.post(&format!("{}/cancel", held[0]), &json!({})).await);
    let exempt = |permission| -> Client { fixture.user(0, account, &[permission]) };
    limited(
        &exempt(Permission::BookingWriteAny)
            .post("/api/v1/bookings", &purchase(flight.id, 9, "tok_visa"))
            .await,
    );
    let body = purchase(flight.id, 9, "tok_visa");
    exempt(Permission::LimitsExempt).post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn an_unverified_account_bounds_its_letters_to_its_own_address_too() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let account = UserId::new();
    let mut claims = fixture.issuer.claims(account, &[]);
    claims.email_verified = false;
    let client = fixture.guest(0).with_token(&fixture.issuer.sign(&claims));
    let own = booking(flight.id, &[passenger("ADT", "Ada", None)]);
    let mut made = 0;
    // Holds that are given back at once, again and again.
    let refused = loop {
        let held = client.post("/api/v1/bookings", &own).await.expect(201);
        made += 1;
        let cancel = format!("/api/v1/bookings/{}/cancel", held["id"].as_str().unwrap());
        let answer = client.post(&cancel, &json!({})).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(made < 40, "holds without bound");
    };
    limited(&refused);
    assert_eq!((made, counted(&fixture, account).await), (31, 60));
    fixture.stop().await;
}

#[actix_web::test]
async fn a_hold_that_is_turned_over_to_a_stranger_counts_as_one_for_a_stranger() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let account = UserId::new();
    let client = fixture.user(0, account, &[]);
    let held = client.post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", None)])).await;
    let path = format!("/api/v1/bookings/{}", held.expect(201)["id"].as_str().unwrap());
    assert_eq!(counted(&fixture, account).await, 0);
    client.patch(&path, &json!({"contact": {"email": "stranger@example.org"}})).await.expect(200);
    client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    assert_eq!(counted(&fixture, account).await, 2);
    fixture.stop().await;
}
