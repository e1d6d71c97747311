//! Events that make no letter.

use crate::{
    bookings::{confirmation, confirmed, event},
    mailer_fixture::RunningMailer,
};
use serde_json::json;
use shared::events::{Event, EventType, Json};

#[actix_web::test]
async fn an_event_that_cannot_be_read_is_kept_and_holds_up_no_other() {
    let mailer = RunningMailer::start().await;
    let broken = event(EventType::BookingConfirmed, &json!({"id": "x", "version": 1, "locator": "K7XQ2M"}));
    mailer.world.publish(&broken).await;
    mailer.world.publish(&confirmation(&confirmed())).await;
    mailer.next_mail().await;
    let list = mailer.admin.get("/api/v1/admin/mail/dead-letters").await.expect(200);
    let letters = list["data"].as_array().expect("a list");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["event_id"], broken.id.to_string());
    assert_eq!(letters[0]["queue"], "mailer.notifications");
    assert!(letters[0]["reason"].as_str().is_some_and(|reason| reason.contains("booking.confirmed")));

    let path = format!("/api/v1/admin/mail/dead-letters/{}", letters[0]["id"].as_str().unwrap());
    let one = mailer.admin.get(&path).await;
    assert_eq!(one.header("cache-control"), "private, no-store");
    assert_eq!(one.expect(200), letters[0]);
    let unknown = format!("/api/v1/admin/mail/dead-letters/{}", broken.id);
    mailer.admin.get(&unknown).await.expect_problem(404, "not_found");
    let path = format!("{path}/replay");
    let again = mailer.admin.post(&path, &json!({})).await;
    again.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn a_message_that_is_no_event_is_shown_as_text_without_its_secrets() {
    let mailer = RunningMailer::start().await;
    let broken = event(EventType::BookingConfirmed, &json!({"id": "x", "version": 1}));
    mailer.world.publish(&broken).await;
    let payload: String =
        br#"{"token": "tHe_tOkEn", "id": "x"#.iter().map(|byte| format!("{byte:02x}")).collect();
    mailer.world.sql(&format!("UPDATE dead_letters SET payload = '\\x{payload}'")).await;
    let list = mailer.admin.get("/api/v1/admin/mail/dead-letters").await.expect(200);
    let path = format!("/api/v1/admin/mail/dead-letters/{}", list["data"][0]["id"].as_str().unwrap());
    let one = mailer.admin.get(&path).await.expect(200);
    assert_eq!((&one["event"], &one["text"]), (&json!(null), &json!(r#"{"token": ***, "id": "x"#)));
    mailer.admin.post(&format!("{path}/replay"), &json!({})).await.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn a_dead_letter_that_can_be_read_now_is_replayed_once() {
    let mailer = RunningMailer::start().await;
    let mut booking = confirmed();
    let contact = booking["contact"].take();
    let without = confirmation(&booking);
    mailer.world.publish(&without).await;
    let list = mailer.admin.get("/api/v1/admin/mail/dead-letters").await.expect(200);
    let dead = &list["data"][0];
    assert_eq!(dead["reason"], "the booking has no contact");
    // As a later release could: now there is somebody to write to.
    booking["contact"] = contact;
    let mended = Event { data: Json::of(&booking), ..without };
    let payload: String = mended.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    mailer.world.sql(&format!("UPDATE dead_letters SET payload = '\\x{payload}'")).await;
    let path = format!("/api/v1/admin/mail/dead-letters/{}/replay", dead["id"].as_str().unwrap());
    for _ in 0..2 {
        let replayed = mailer.admin.post(&path, &json!({})).await.expect(200);
        assert!(replayed["replayed_at"].is_string());
    }
    mailer.next_mail().await;
    assert_eq!(mailer.letters().await.len(), 1);
}
