//! `GET /admin/bookings`.

use crate::fixture::{ServiceFixture, booking, name, paid, passenger};
use serde_json::{Value, json};
use shared::{auth::Permission, ids::UserId};
use testkit::Client;

const LIST: &str = "/api/v1/admin/bookings";

fn agent(fixture: &ServiceFixture) -> Client {
    fixture.user(0, UserId::new(), &[Permission::BookingReadAny])
}

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn filters_are_joined_by_and() {
    let fixture = ServiceFixture::with(1, |config| config.reap_ms = 3_600_000).await;
    let (one, other) = (fixture.flight(30).await, fixture.flight(31).await);
    let make = async |flight, who: &str, email: &str, payment: Option<&str>| {
        let mut body = booking(flight, &[passenger("ADT", who, None)]);
        body["contact"]["email"] = json!(email);
        let body = payment.map_or(body.clone(), |token| paid(body, token));
        fixture.customer().post("/api/v1/bookings", &body).await.expect(201)
    };
    let ada = make(one.id, "Ada", "Ada.Lovelace@Example.org", Some("tok_visa")).await;
    let grace = make(one.id, "Grace", "grace@example.org", None).await;
    let edith = make(other.id, "Edith", "ada.lovelace@example.org", None).await;
    fixture
        .sql(&format!(
            "UPDATE bookings SET hold_expires_at = now() WHERE id = '{}'",
            edith["id"].as_str().unwrap()
        ))
        .await;
    let agent = agent(&fixture);
    let find = async |query: &str| agent.get(&format!("{LIST}?{query}")).await.expect(200);
    let [ada_id, grace_id, edith_id] = [&ada, &grace, &edith].map(|one| one["id"].as_str().unwrap());
    let locator = ada["locator"].as_str().unwrap();
    for (query, expected) in [
        (String::new(), vec![edith_id, grace_id, ada_id]),
        (format!("locator={}", locator.to_lowercase()), vec![ada_id]),
        ("email=ADA.lovelace@example.ORG".to_owned(), vec![edith_id, ada_id]),
        (format!("flight_id={}", one.id), vec![grace_id, ada_id]),
        ("status=held".to_owned(), vec![grace_id]),
        ("status=confirmed".to_owned(), vec![ada_id]),
        // Nobody has noticed, but it has ended.
        ("status=expired".to_owned(), vec![edith_id]),
        ("status=cancelled".to_owned(), vec![]),
        (format!("email=ada.lovelace@example.org&flight_id={}", other.id), vec![edith_id]),
        (format!("locator={locator}&status=held"), vec![]),
        ("email=nobody@example.org".to_owned(), vec![]),
        ("email=ada.lovelace@ex%C3%A4mple.org".to_owned(), vec![]),
        (format!("flight_id={}", UserId::new()), vec![]),
    ] {
        let page = find(&query).await;
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page["page"]["next"], Value::Null, "{query}");
    }
    // Full resources, as their owner sees them.
    assert_eq!(
        find(&format!("locator={locator}")).await["data"][0]["contact"]["email"],
        "Ada.Lovelace@Example.org"
    );
    fixture.stop().await;
}

#[actix_web::test]
async fn pages_follow_each_other_and_are_bound_to_their_filters() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let mut made = Vec::new();
    for number in 0..5 {
        let body = booking(flight.id, &[passenger("ADT", &name(number), None)]);
        let held = fixture.customer().post("/api/v1/bookings", &body).await.expect(201);
        made.insert(0, held["id"].as_str().unwrap().to_owned());
    }
    let agent = agent(&fixture);
    let mut found = Vec::new();
    let mut next = String::new();
    for size in [2, 2, 1] {
        let page = agent.get(&format!("{LIST}?flight_id={}&limit=2{next}", flight.id)).await.expect(200);
        assert_eq!(ids(&page).len(), size);
        found.extend(ids(&page).into_iter().map(str::to_owned));
        if let Some(cursor) = page["page"]["next"].as_str() {
            next = format!("&after={cursor}");
            let elsewhere = agent.get(&format!("{LIST}?limit=2{next}")).await;
            elsewhere.expect_problem(422, "validation_failed");
            assert_eq!(elsewhere.invalid(), ["after"]);
        }
    }
    assert_eq!(found, made);
    fixture.stop().await;
}

#[actix_web::test]
async fn all_bad_values_are_reported_at_once_and_only_staff_may_ask() {
    let fixture = ServiceFixture::new().await;
    let bad = "locator=O0&email=x&flight_id=7&status=lost&limit=0&after=zebra&typo=1";
    let answer = agent(&fixture).get(&format!("{LIST}?{bad}")).await;
    answer.expect_problem(422, "validation_failed");
    let mut invalid = answer.invalid();
    invalid.sort();
    assert_eq!(invalid, ["after", "email", "flight_id", "limit", "locator", "status", "typo"]);
    assert!(answer.json["errors"][0]["parameter"].is_string());
    fixture.guest(0).get(LIST).await.expect_problem(401, "unauthenticated");
    fixture.customer().get(&format!("{LIST}?{bad}")).await.expect_problem(403, "forbidden");
    let post = agent(&fixture).post(LIST, &json!({})).await;
    post.expect_problem(405, "method_not_allowed");
    assert_eq!(post.header("allow"), "GET, HEAD");
    assert_eq!(agent(&fixture).get(LIST).await.header("cache-control"), "private, no-store");
    fixture.stop().await;
}
