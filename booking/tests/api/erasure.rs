//! `/internal/users`: what is kept of an account, and its erasure.

use crate::fixture::{ServiceFixture, booking, passenger};
use serde_json::{Value, json};
use shared::{auth::Permission, ids::UserId};

const BOOKINGS: &str = "/api/v1/bookings";
const CHECK: &str = "/api/v1/admin/invariants/check";

/// Lets the flights leave.
const DEPART: &str = "UPDATE flights SET departure_at = now() - interval '1 day'";

#[actix_web::test]
async fn an_account_is_erased_when_its_journeys_are_over() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let user = UserId::new();
    let owner = fixture.user(0, user, &[]);
    let mut body = booking(flight.id, &[passenger("ADT", "Ada", None), passenger("CHD", "Byron", None)]);
    body["payment"] = json!({"method": "card", "token": "tok_visa"});
    let paid = owner.post(BOOKINGS, &body).await.expect(201);
    let path = format!("/internal/users/{user}/erase");
    let service = fixture.service();
    for stranger in [fixture.guest(0), owner.clone()] {
        stranger.post(&path, &json!({})).await.expect_problem(401, "unauthenticated");
    }
    let refused = service.post(&path, &json!({})).await;
    refused.expect_problem(409, "conflict");
    assert_eq!(refused.json["refers"], json!([format!("bookings/{}", paid["id"].as_str().unwrap())]));
    assert_eq!(owner.get(BOOKINGS).await.expect(200)["data"][0]["passengers"], paid["passengers"]);

    fixture.sql(DEPART).await;
    let checker = fixture.user(0, UserId::new(), &[Permission::SystemCheck]);
    let before = checker.post(CHECK, &json!({})).await.expect(200);
    for _ in 0..2 {
        let erased = service.post(&path, &json!({})).await.expect(200);
        assert_eq!(erased, json!({"bookings": [paid["id"]]}));
    }
    let kept = owner.get(BOOKINGS).await.expect(200)["data"][0].clone();
    let text = kept.to_string();
    for personal in ["Ada", "Byron", "example"] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
    assert_eq!(kept["contact"]["phone"], Value::Null);
    assert!(kept["passengers"][0]["born_on"].as_str().unwrap().ends_with("-01-01"));
    for member in ["id", "locator", "owner_id", "status", "price", "payments", "version"] {
        assert_eq!(kept[member], paid[member], "{member}");
    }
    assert_eq!(kept["passengers"][0]["ticket_number"], paid["passengers"][0]["ticket_number"]);
    let after = checker.post(CHECK, &json!({})).await.expect(200);
    assert_eq!(after["violations"], before["violations"], "the books are as good as before");
    fixture.stop().await;
}

#[actix_web::test]
async fn holds_are_ahead_and_other_accounts_stay() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let (user, other) = (UserId::new(), UserId::new());
    let [ada, eve] = [user, other].map(|user| fixture.user(0, user, &[]));
    let held = ada.post(BOOKINGS, &booking(flight.id, &[passenger("ADT", "Ada", None)])).await.expect(201);
    let kept = eve.post(BOOKINGS, &booking(flight.id, &[passenger("ADT", "Eve", None)])).await.expect(201);
    let path = format!("/internal/users/{user}/erase");
    let service = fixture.service();
    service.post(&path, &json!({})).await.expect_problem(409, "conflict");
    let _ = ada
        .post(&format!("{BOOKINGS}/{}/cancel", held["id"].as_str().unwrap()), &json!({}))
        .await
        .expect(200);
    let erased = service.post(&path, &json!({})).await.expect(200);
    assert_eq!(erased, json!({"bookings": [held["id"]]}));
    assert_eq!(eve.get(BOOKINGS).await.expect(200)["data"][0]["passengers"], kept["passengers"]);
    fixture.stop().await;
}

#[actix_web::test]
async fn all_bookings_of_an_account_are_told_in_pages() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let user = UserId::new();
    let owner = fixture.user(0, user, &[]);
    for name in ["Ada", "Byron", "Clara"] {
        let _ = owner.post(BOOKINGS, &booking(flight.id, &[passenger("ADT", name, None)])).await.expect(201);
    }
    let path = format!("/internal/users/{user}/bookings");
    owner.get(&path).await.expect_problem(401, "unauthenticated");
    let service = fixture.service();
    let first = service.get(&format!("{path}?limit=2")).await.expect(200);
    let next = first["page"]["next"].as_str().unwrap();
    let second = service.get(&format!("{path}?limit=2&after={next}")).await.expect(200);
    let names: Vec<_> = [&first["data"][0], &first["data"][1], &second["data"][0]]
        .map(|booking| booking["passengers"][0]["given_name"].as_str().unwrap())
        .to_vec();
    assert_eq!(names, ["Clara", "Byron", "Ada"]);
    assert_eq!(second["page"]["next"], Value::Null);
    let other = service.get(&format!("/internal/users/{}/bookings?after={next}", UserId::new())).await;
    assert_eq!(other.invalid(), ["after"]);
    assert_eq!(service.get("/internal/users/x/bookings").await.status, 404);
    fixture.stop().await;
}
