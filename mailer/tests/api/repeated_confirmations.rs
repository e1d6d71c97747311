//! Confirmations that are asked for again, and letters that staff send again.

use crate::{
    bookings::{confirmation, confirmed},
    mailer_fixture::{RunningMailer, is},
};
use serde_json::{Value, json};
use shared::{
    events::{Event, EventType},
    ids::EventId,
};

/// Somebody wants the confirmation again, as booking tells it.
fn request(booking: &Value) -> Event {
    Event::new("booking", EventType::ConfirmationRequested, EventId::new(), 1, booking)
}

#[actix_web::test]
async fn a_confirmation_that_is_asked_for_again_is_a_letter_of_its_own() {
    let mailer = RunningMailer::start().await;
    let booking = confirmed();
    mailer.world.publish(&confirmation(&booking)).await;
    let first = mailer.next_mail().await;
    let again = request(&booking);
    mailer.world.publish(&again).await;
    mailer.world.publish(&again).await;
    let second = mailer.next_mail().await;
    assert_eq!((&second.subject, &second.text), (&first.subject, &first.text));
    assert_ne!(second.message_id, first.message_id, "a mail program would hide it");
    assert!(second.message_id.starts_with("booking_confirmed."), "{}", second.message_id);
    let letters = mailer.letters_once(|letters| letters.iter().all(|letter| is(letter, "sent", 1))).await;
    assert_eq!(letters.len(), 2, "an event that comes twice makes one letter");
    let subject = json!({ "subjects": [booking["id"]] });
    let service = shared::auth::ServiceTokens::new(testkit::SERVICE_TOKEN_SECRET.to_owned().into());
    let gateway = mailer.admin.with_header("authorization", &service.authorization("gateway").unwrap());
    let found = gateway.post("/internal/letters/export", &subject).await.expect(200);
    assert_eq!(found["letters"].as_array().map(Vec::len), Some(2), "both are about the booking");
    mailer.running.stop().await;
}

#[actix_web::test]
async fn a_letter_that_staff_send_again_is_the_same_letter() {
    let mailer = RunningMailer::start().await;
    mailer.world.publish(&confirmation(&confirmed())).await;
    let first = mailer.next_mail().await;
    let letter = mailer.letter_with("sent", 1).await;
    let resend = format!("/api/v1/admin/mail/{}/resend", letter["id"].as_str().unwrap());
    mailer.admin.post(&resend, &json!({})).await.expect(200);
    let second = mailer.next_mail().await;
    assert_eq!(second.message_id, first.message_id);
    mailer.letter_with("sent", 2).await;
    mailer.running.stop().await;
}
