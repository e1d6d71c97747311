//! `POST /bookings/{id}/resend-confirmation`.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use serde_json::{Value, json};
use shared::{auth::Permission, ids::UserId};
use testkit::Client;

/// The events that ask for the confirmation again.
const REQUESTS: &str = "events WHERE kind = 'confirmation.requested'";

/// A booking for a stranger, and the path of the action.
async fn bought(fixture: &ServiceFixture, client: &Client) -> (Value, String) {
    let flight = fixture.flight(30).await;
    let mut body = paid(booking(flight.id, &[passenger("ADT", "Ada", None)]), "tok_visa");
    body["contact"]["email"] = json!("stranger@example.org");
    let bought = client.post("/api/v1/bookings", &body).await.expect(201);
    let path = action(&bought);
    (bought, path)
}

fn action(booking: &Value) -> String {
    format!("/api/v1/bookings/{}/resend-confirmation", booking["id"].as_str().unwrap())
}

#[actix_web::test]
async fn a_confirmation_is_sent_again_three_times_an_hour() {
    let fixture = ServiceFixture::new().await;
    let account = UserId::new();
    let owner = fixture.user(0, account, &[]);
    let (booking, path) = bought(&fixture, &owner).await;
    for _ in 0..3 {
        let answer = owner.post(&path, &json!({})).await;
        assert_eq!(answer.header("cache-control"), "private, no-store");
        assert_eq!(answer.expect(202), booking, "the booking has not changed");
    }
    let refused = owner.post(&path, &json!({})).await;
    refused.expect_problem(429, "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), "\"confirmations\";q=3;w=3600");
    assert!((3500..=3600).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(fixture.count(REQUESTS).await, 3);
    let counted = format!("letters_caused, unnest(caused_at) WHERE account_id = '{account}'");
    assert_eq!(fixture.count(&counted).await, 4, "the purchase and three more, and nothing for the refusal");
    // Each is about the booking as it is, and an event of its own.
    let told =
        format!("{REQUESTS} AND version = 1 AND subject <> data::jsonb->>'id' AND data::jsonb->>'id' = ");
    let id = booking["id"].as_str().unwrap();
    assert_eq!(fixture.count(&format!("{told} '{id}'")).await, 3);
    let exempt = fixture.user(0, account, &[Permission::LimitsExempt]);
    exempt.post(&path, &json!({})).await.expect(202);
    fixture.sql("UPDATE confirmation_requests SET requested_at = ARRAY(SELECT at - interval '1 hour' FROM unnest(requested_at) AS at)").await;
    owner.post(&path, &json!({})).await.expect(202);
    let checker = fixture.user(0, UserId::new(), &[Permission::SystemCheck]);
    let report = checker.post("/api/v1/admin/invariants/check", &json!({})).await.expect(200);
    assert_eq!(report["violations"], json!([]));
    fixture.stop().await;
}

#[actix_web::test]
async fn a_repeated_key_sends_one_letter() {
    let fixture = ServiceFixture::with(2, |_| {}).await;
    let account = UserId::new();
    let (_, path) = bought(&fixture, &fixture.user(0, account, &[])).await;
    let keyed = |instance| fixture.user(instance, account, &[]).with_header("idempotency-key", "again");
    let first = keyed(0).post(&path, &json!({})).await;
    for instance in [0, 1] {
        let again = keyed(instance).post(&path, &json!({})).await;
        assert_eq!((again.status, &again.json), (first.status, &first.json));
        assert_eq!(again.header("idempotent-replayed"), "true");
    }
    assert_eq!((first.status.as_u16(), fixture.count(REQUESTS).await), (202, 1));
    let at_once = (0..4).map(|number| {
        let client = fixture.user(number % 2, account, &[]).with_header("idempotency-key", "at-once");
        let path = path.clone();
        async move { client.post(&path, &json!({})).await }
    });
    for answer in futures_util::future::join_all(at_once).await {
        if answer.status != 202 {
            answer.expect_problem(409, "idempotency_in_progress");
        }
    }
    assert_eq!(fixture.count(REQUESTS).await, 2);
    fixture.stop().await;
}

#[actix_web::test]
async fn only_what_is_confirmed_has_a_confirmation() {
    let fixture = ServiceFixture::new().await;
    let owner = fixture.customer();
    let flight = fixture.flight(30).await;
    let hold = booking(flight.id, &[passenger("ADT", "Grace", None)]);
    let held = action(&owner.post("/api/v1/bookings", &hold).await.expect(201));
    owner.post(&held, &json!({})).await.expect_problem(409, "conflict");
    fixture.sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'").await;
    owner.post(&held, &json!({})).await.expect_problem(409, "hold_expired");
    let (booking, path) = bought(&fixture, &owner).await;
    owner.post(&path, &json!({"now": true})).await.expect_problem(422, "validation_failed");
    owner
        .with_header("if-match", "\"1-0\"")
        .post(&path, &json!({}))
        .await
        .expect_problem(412, "precondition_failed");
    let cancel = format!("/api/v1/bookings/{}/cancel", booking["id"].as_str().unwrap());
    owner.post(&cancel, &json!({})).await.expect(200);
    owner.post(&path, &json!({})).await.expect_problem(409, "already_cancelled");
    assert_eq!(fixture.count(REQUESTS).await, 0);
    assert_eq!(fixture.count("confirmation_requests").await, 0);
    fixture.stop().await;
}

#[actix_web::test]
async fn staff_send_anothers_confirmation_and_are_recorded() {
    let fixture = ServiceFixture::new().await;
    let (booking, path) = bought(&fixture, &fixture.customer()).await;
    fixture.customer().post(&path, &json!({})).await.expect_problem(404, "not_found");
    fixture.guest(0).post(&path, &json!({})).await.expect_problem(401, "unauthenticated");
    let reader = fixture.user(0, UserId::new(), &[Permission::BookingReadAny]);
    reader.post(&path, &json!({})).await.expect_problem(403, "forbidden");
    assert!(fixture.database.audit_records("booking").await.is_empty());
    let actor = UserId::new();
    let agent = fixture.user(0, actor, &[Permission::BookingReadAny, Permission::BookingWriteAny]);
    agent.post(&path, &json!({})).await.expect(202);
    let records = fixture.database.audit_records("booking").await;
    assert_eq!(records.len(), 1);
    let subject = format!("booking/{}", booking["id"].as_str().unwrap());
    assert_eq!(
        (&records[0]["action"], &records[0]["actor"], &records[0]["subject"]),
        (&json!("booking.resend_confirmation"), &json!(actor), &json!(subject))
    );
    assert_eq!(fixture.count(REQUESTS).await, 1);
    fixture.stop().await;
}

#[actix_web::test]
async fn the_limit_on_letters_holds_here() {
    let fixture = ServiceFixture::new().await;
    let account = UserId::new();
    let owner = fixture.user(0, account, &[]);
    let (_, path) = bought(&fixture, &owner).await;
    let full = format!(
        "UPDATE letters_caused SET caused_at = (SELECT array_agg(now()) FROM generate_series(1, 60)) WHERE account_id = '{account}'"
    );
    assert_eq!(fixture.sql(&full).await, 1);
    let refused = owner.post(&path, &json!({})).await;
    refused.expect_problem(429, "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), "\"letters\";q=60;w=3600");
    assert_eq!(fixture.count("confirmation_requests").await, 0);
    fixture.stop().await;
}
