//! What staff do to bookings that are not their own is recorded, and what travellers do is not.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use serde_json::{Value, json};
use shared::{auth::Permission, ids::UserId};
use std::collections::BTreeSet;
use testkit::admin_writes;

fn path(booking: &Value) -> String {
    format!("/api/v1/bookings/{}", booking["id"].as_str().unwrap())
}

#[actix_web::test]
async fn each_change_by_staff_leaves_one_record_without_names() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let (owner, actor) = (fixture.customer(), UserId::new());
    let agent = fixture.user(0, actor, &[Permission::BookingReadAny, Permission::BookingWriteAny]);
    let held = booking(flight.id, &[passenger("ADT", "Ada", Some("7A"))]);
    let held = owner.post("/api/v1/bookings", &held).await.expect(201);
    let path = path(&held);
    let person = held["passengers"][0]["id"].clone();

    let pay = json!({"method": "card", "token": "tok_visa"});
    agent.post(&format!("{path}/payments"), &pay).await.expect(200);
    let seats = json!({"changes": [{"passenger_id": person, "flight_id": flight.id, "designator": "8A"}]});
    agent.patch(&format!("{path}/seats"), &seats).await.expect(200);
    let passenger = format!("{path}/passengers/{}", person.as_str().unwrap());
    agent.patch(&passenger, &json!({"given_name": "Adam"})).await.expect(200);
    agent.patch(&path, &json!({"contact": {"phone": "+442079460000"}})).await.expect(200);
    // The same again changes nothing.
    agent.patch(&path, &json!({"contact": {"phone": "+442079460000"}})).await.expect(200);
    agent.post(&format!("{path}/cancellation-quote"), &json!({})).await.expect(200);
    let keyed = agent.with_header("idempotency-key", "k");
    let cancelled = keyed.post(&format!("{path}/cancel"), &json!({})).await;
    let request = cancelled.header("x-request-id").to_owned();
    cancelled.expect(200);
    keyed.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    agent.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(409, "already_cancelled");

    let records = fixture.database.audit_records("booking").await;
    let actions: Vec<_> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "booking.pay",
            "booking.change_seats",
            "booking.correct_name",
            "booking.change_contact",
            "booking.cancel"
        ]
    );
    let subject = format!("booking/{}", held["id"].as_str().unwrap());
    for record in &records {
        assert_eq!((&record["actor"], &record["subject"]), (&json!(actor), &json!(subject)));
        assert_eq!(record["after"]["passengers"][0]["id"], person);
    }
    let moved = |state: &str| records[1][state]["passengers"][0]["seats"][0]["designator"].clone();
    assert_eq!((moved("before"), moved("after")), (json!("7A"), json!("8A")));
    let last = &records[4];
    assert_eq!(
        (&last["before"]["status"], &last["after"]["status"]),
        (&json!("confirmed"), &json!("cancelled"))
    );
    assert_eq!(last["request_id"], request);
    let text = serde_json::to_string(&records).unwrap();
    for personal in ["Ada", "Lovelace", "@", "+44", "1985"] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn what_travellers_do_and_what_fails_is_not_recorded() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let owner = fixture.customer();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("7A"))]), "tok_visa");
    let bought = owner.post("/api/v1/bookings", &body).await.expect(201);
    let agent = fixture.user(0, UserId::new(), &[Permission::BookingWriteAny]);
    let wrong = json!({"changes": [
        {"passenger_id": bought["passengers"][0]["id"], "flight_id": flight.id, "designator": "1A"}
    ]});
    agent.patch(&format!("{}/seats", path(&bought)), &wrong).await.expect_problem(422, "seat_not_allowed");
    owner.patch(&path(&bought), &json!({"contact": {"phone": null}})).await.expect(200);
    owner.post(&format!("{}/cancel", path(&bought)), &json!({})).await.expect(200);
    assert!(fixture.database.audit_records("booking").await.is_empty());
    fixture.stop().await;
}

#[actix_web::test]
async fn every_write_below_admin_leaves_one_record() {
    let fixture = ServiceFixture::new().await;
    let actor = UserId::new();
    let operator = fixture.user(0, actor, &[Permission::SystemCheck]);
    operator.post("/api/v1/admin/invariants/check", &json!({})).await.expect(200);
    fixture
        .customer()
        .post("/api/v1/admin/invariants/check", &json!({}))
        .await
        .expect_problem(403, "forbidden");
    let records = fixture.database.audit_records("booking").await;
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["action"], &records[0]["actor"]), (&json!("invariants.check"), &json!(actor)));
    assert_eq!(records[0]["after"]["violations"], 0);

    let document = operator.get("/openapi.json").await.expect(200);
    let tried = BTreeSet::from(["POST /api/v1/admin/invariants/check".to_owned()]);
    assert_eq!(tried, admin_writes(&document), "each write of staff is tried here");
    fixture.stop().await;
}
