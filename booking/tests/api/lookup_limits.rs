//! Failed look-ups are counted by all instances together.

use crate::fixture::{ServiceFixture, booking, name, passenger};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::Answer;

const CLIENT: &str = "198.51.100.7";

/// So many instances, and a booking of Lovelace.
async fn booked(instances: usize) -> (ServiceFixture, Value) {
    let fixture = ServiceFixture::with(instances, |_| {}).await;
    let flight = fixture.flight(30).await;
    let body = booking(flight.id, &[passenger("ADT", "Ada", None)]);
    let made = fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
    (fixture, made["locator"].clone())
}

/// Asks an instance from an address.
async fn ask(
    fixture: &ServiceFixture,
    (instance, address): (usize, &str),
    locator: &Value,
    name: &str,
) -> Answer {
    let guest = fixture.guest(instance).by_gateway(address);
    guest.post("/api/v1/bookings/lookup", &json!({"locator": locator, "family_name": name})).await
}

/// That a limit is reached, whose window has just begun.
fn limited(answer: &Answer, policy: &str) {
    answer.expect_problem(429, "rate_limited");
    let left: u64 = answer.header("retry-after").parse().unwrap();
    assert!((3500..=3600).contains(&left), "{left}");
    assert_eq!(answer.header("ratelimit-policy"), policy);
    let name = policy.split(';').next().unwrap();
    assert_eq!(answer.header("ratelimit"), format!("{name};r=0;t={left}"));
}

const OF_LOCATOR: &str = "\"lookup\";q=10;w=3600";
const OF_NETWORK: &str = "\"lookups\";q=100;w=3600";

#[actix_web::test]
async fn failures_count_on_all_instances_and_after_a_restart() {
    let (fixture, locator) = booked(2).await;
    for number in 0..10 {
        let wrong = ask(&fixture, (usize::from(number > 5), CLIENT), &locator, "Hopper").await;
        wrong.expect_problem(404, "not_found");
    }
    for instance in [0, 1] {
        limited(&ask(&fixture, (instance, CLIENT), &locator, "Lovelace").await, OF_LOCATOR);
    }
    // Who was refused has not failed; others are not to blame, nor are other locators.
    let all = format!("lookup_failures WHERE network = '{CLIENT}' AND failures = 10");
    assert_eq!((fixture.count(&all).await, fixture.count("lookup_failures").await), (2, 2));
    ask(&fixture, (1, "198.51.100.8"), &locator, "Lovelace").await.expect(200);
    ask(&fixture, (1, CLIENT), &json!("ZZZZZZ"), "Lovelace").await.expect_problem(404, "not_found");

    let mut fixture = fixture.stop_instances().await;
    fixture.start(|_| {}).await;
    limited(&ask(&fixture, (0, CLIENT), &locator, "Lovelace").await, OF_LOCATOR);
    fixture.sql("UPDATE lookup_failures SET began_at = began_at - interval '1 hour'").await;
    ask(&fixture, (0, CLIENT), &locator, "Hopper").await.expect_problem(404, "not_found");
    ask(&fixture, (0, CLIENT), &locator, "Lovelace").await.expect(200);
    let anew = "lookup_failures WHERE failures = 1 AND began_at > now() - interval '1 minute'";
    assert_eq!(fixture.count(anew).await, 2);
    fixture.stop().await;
}

#[actix_web::test]
async fn attempts_on_many_locators_are_limited_across_instances() {
    let (fixture, locator) = booked(2).await;
    for number in 0..100 {
        let (instance, host) = (number % 2, number % 7 + 1);
        // Each another one, if it is one.
        let guess = json!(if number % 3 == 0 { "junk".to_owned() } else { format!("{:Z<6}", name(number)) });
        let wrong = ask(&fixture, (instance, &format!("2001:db8::{host}")), &guess, "Lovelace").await;
        wrong.expect_problem(404, "not_found");
    }
    for (instance, guess) in [(0, &locator), (1, &json!("junk"))] {
        limited(&ask(&fixture, (instance, "2001:db8::ffff"), guess, "Lovelace").await, OF_NETWORK);
    }
    ask(&fixture, (0, "2001:db8:0:1::1"), &locator, "Lovelace").await.expect(200);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_successful_lookup_writes_nothing() {
    let (fixture, locator) = booked(2).await;
    for number in 0..30 {
        ask(&fixture, (number % 2, CLIENT), &locator, "Lovelace").await.expect(200);
    }
    assert_eq!(fixture.count("lookup_failures").await, 0);
    for number in 0..10 {
        let wrong = ask(&fixture, (number % 2, CLIENT), &locator, "Hopper").await;
        wrong.expect_problem(404, "not_found");
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn concurrent_lookups_do_not_exceed_the_limit_of_failures() {
    let (fixture, locator) = booked(3).await;
    let asked = (0..60).map(|number| ask(&fixture, (number % 3, CLIENT), &locator, "Hopper"));
    let answers = join_all(asked).await;
    let told = answers.iter().filter(|answer| answer.status == 404).count();
    assert_eq!(told, 10, "by all instances together");
    for refused in answers.iter().filter(|answer| answer.status != 404) {
        limited(refused, OF_LOCATOR);
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn a_database_that_fails_lets_nobody_guess_and_blames_nobody() {
    let (fixture, locator) = booked(1).await;
    // It cannot be read what was counted.
    fixture.sql("ALTER TABLE lookup_failures RENAME TO elsewhere").await;
    for name in ["Lovelace", "Hopper"].repeat(6) {
        ask(&fixture, (0, CLIENT), &locator, name).await.expect_problem(500, "internal");
    }
    fixture.sql("ALTER TABLE elsewhere RENAME TO lookup_failures").await;
    ask(&fixture, (0, CLIENT), &locator, "Lovelace").await.expect(200);
    // It cannot be counted.
    fixture.sql("ALTER TABLE lookup_failures ADD CONSTRAINT no_room CHECK (failures = 0)").await;
    for _ in 0..10 {
        ask(&fixture, (0, CLIENT), &locator, "Lovelace").await.expect(200);
        ask(&fixture, (0, CLIENT), &locator, "Hopper").await.expect_problem(500, "internal");
    }
    limited(&ask(&fixture, (0, CLIENT), &locator, "Lovelace").await, OF_LOCATOR);
    fixture.stop().await;
}
