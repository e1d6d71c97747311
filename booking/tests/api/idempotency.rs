//! `Idempotency-Key`.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use futures_util::future::join_all;
use serde_json::json;
use shared::ids::UserId;
use uuid::Uuid;

#[actix_web::test]
async fn a_repeated_key_gets_the_same_answer() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let user = UserId::new();
    let client = |instance| fixture.user(instance, user, &[]).with_header("idempotency-key", "one");
    let body = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    let first = client(0).post("/api/v1/bookings", &body).await;
    assert_eq!(first.header("idempotent-replayed"), "");
    for instance in [0, 1] {
        let again = client(instance).post("/api/v1/bookings", &body).await;
        assert_eq!((again.status, again.header("location")), (first.status, first.header("location")));
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.json, first.json);
    }
    let other = booking(flight.id, &[passenger("ADT", "Ada", Some("4B"))]);
    client(1).post("/api/v1/bookings", &other).await.expect_problem(422, "idempotency_key_reused");
    // Another's key is another key.
    let stranger = fixture.customer().with_header("idempotency-key", "one");
    stranger.post("/api/v1/bookings", &other).await.expect(201);
    assert_eq!(fixture.count("bookings").await, 2);
    for key in ["", "a b", &"x".repeat(256)] {
        let answer =
            fixture.customer().with_header("idempotency-key", key).post("/api/v1/bookings", &other).await;
        answer.expect_problem(422, "validation_failed");
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn one_of_many_concurrent_requests_books() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let flight = fixture.flight(30).await;
    let user = UserId::new();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_visa");
    let clients: Vec<_> = (0..10)
        .map(|number| fixture.user(number % 2, user, &[]).with_header("idempotency-key", "k"))
        .collect();
    let answers = join_all(clients.iter().map(|client| client.post("/api/v1/bookings", &body))).await;
    for answer in &answers {
        match answer.status.as_u16() {
            201 => {}
            _ => {
                answer.expect_problem(409, "idempotency_in_progress");
                assert!(!answer.header("retry-after").is_empty());
            }
        }
    }
    let first = answers
        .iter()
        .filter(|answer| answer.status.as_u16() == 201 && answer.header("idempotent-replayed").is_empty());
    assert_eq!(first.count(), 1);
    assert_eq!(fixture.count("bookings").await, 1);
    assert_eq!(fixture.count("sandbox_operations WHERE operation = 0").await, 1);
    clients[1].post("/api/v1/bookings", &body).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn refusals_bind_no_key_and_declines_do() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let body = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    let rival = fixture.customer();
    let taken = rival.post("/api/v1/bookings", &body).await.expect(201);
    let client = fixture.customer().with_header("idempotency-key", "k");
    client.post("/api/v1/bookings", &body).await.expect_problem(409, "seat_taken");
    rival
        .post(&format!("/api/v1/bookings/{}/cancel", taken["id"].as_str().unwrap()), &json!({}))
        .await
        .expect(200);
    client.post("/api/v1/bookings", &body).await.expect(201);

    let client = fixture.customer().with_header("idempotency-key", "d");
    let declined = paid(booking(flight.id, &[passenger("ADT", "Grace", Some("5A"))]), "tok_declined");
    let first = client.post("/api/v1/bookings", &declined).await;
    first.expect_problem(402, "payment_declined");
    let again = client.post("/api/v1/bookings", &declined).await;
    again.expect_problem(402, "payment_declined");
    assert_eq!(
        (again.header("idempotent-replayed"), &again.json["booking"]),
        ("true", &first.json["booking"])
    );

    let id = first.json["booking"]["id"].as_str().unwrap().to_owned();
    let pay = json!({"method": "card", "token": "tok_visa"});
    let path = format!("/api/v1/bookings/{id}/payments");
    let first = client.post(&path, &pay).await;
    let again = client.post(&path, &pay).await;
    assert_eq!((first.status.as_u16(), again.header("idempotent-replayed")), (200, "true"));
    assert_eq!(first.json, again.json);
    let path = format!("/api/v1/bookings/{id}/cancel");
    let first = client.post(&path, &json!({})).await;
    let again = client.post(&path, &json!({})).await;
    assert_eq!((first.status.as_u16(), again.header("idempotent-replayed")), (200, "true"));
    assert_eq!(first.json, again.json);
    fixture.stop().await;
}

#[actix_web::test]
async fn an_unsettled_payment_keeps_its_key_until_it_is_settled() {
    let fixture = ServiceFixture::with(1, |config| {
        config.payment_timeout_ms = 100;
        config.payment_idle_ms = 3_600_000;
        config.payment_sweep_ms = 50;
    })
    .await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer().with_header("idempotency-key", "k");
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), "tok_timeout");
    client.post("/api/v1/bookings", &body).await.expect_problem(504, "upstream_timeout");
    client.post("/api/v1/bookings", &body).await.expect_problem(409, "idempotency_in_progress");
    fixture
        .eventually_with_sweeps("the settled answer", async || {
            client.post("/api/v1/bookings", &body).await.status.as_u16() == 201
        })
        .await;
    let settled = client.post("/api/v1/bookings", &body).await;
    assert_eq!(
        (settled.header("idempotent-replayed"), &settled.json["status"]),
        ("true", &json!("confirmed"))
    );
    fixture.stop().await;
}

#[actix_web::test]
async fn a_repeated_key_is_answered_before_its_conditions_are_looked_at() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let user = UserId::new();
    let plain = fixture.user(0, user, &[]);
    let body = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    let held = plain.post("/api/v1/bookings", &body).await;
    let path = format!("/api/v1/bookings/{}", held.expect(201)["id"].as_str().unwrap());
    let pay = json!({"method": "card", "token": "tok_visa"});
    let other = json!({"method": "card", "token": "tok_declined"});
    for (action, body, other) in
        [("payments", &pay, &other), ("cancel", &json!({}), &json!({"quote_id": Uuid::now_v7()}))]
    {
        let path = format!("{path}/{action}");
        let tag = plain.get(path.trim_end_matches(&format!("/{action}"))).await.header("etag").to_owned();
        let client =
            fixture.user(0, user, &[]).with_header("idempotency-key", "k").with_header("if-match", &tag);
        let first = client.post(&path, body).await;
        let again = client.post(&path, body).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200), "{action}");
        assert_eq!((again.header("idempotent-replayed"), &again.json), ("true", &first.json));
        client.post(&path, other).await.expect_problem(422, "idempotency_key_reused");
        let stale = fixture.user(0, user, &[]).with_header("if-match", &tag);
        stale.post(&path, body).await.expect_problem(412, "precondition_failed");
    }
    fixture.stop().await;
}
