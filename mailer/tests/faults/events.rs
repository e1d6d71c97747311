//! Events that come twice, out of order, or are none.

use crate::{
    bookings::{confirmation, confirmed, event, held},
    fault_world::{FaultWorld, message_id},
};
use serde_json::json;
use shared::events::EventType;
use testkit::{SmtpBehaviour, SmtpFault, SmtpPhase};

#[actix_web::test]
async fn an_event_that_comes_twice() {
    let world = FaultWorld::new().await;
    let _mailer = world.start();
    let twice = confirmation(&confirmed());
    world.publish(&twice).await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    world.publish(&twice).await;
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sent: sent 250; booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (2, 2));
}

#[actix_web::test]
async fn a_hold_that_comes_after_its_confirmation() {
    let world = FaultWorld::new().await;
    let _mailer = world.start();
    let booking = confirmed();
    world.publish(&confirmation(&booking)).await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    world.publish(&event(EventType::BookingHeld, &held(&booking))).await;
    world.letters_are("booking_confirmed sent: sent 250; booking_held superseded:").await;
    assert_eq!(world.received(), (1, 1));
}

#[actix_web::test]
async fn a_confirmation_that_comes_while_the_hold_waits() {
    let world = FaultWorld::new().await;
    world.sink.behave(SmtpBehaviour::RefuseRecipient(450));
    let _mailer = world.start();
    let booking = confirmed();
    world.publish(&event(EventType::BookingHeld, &held(&booking))).await;
    world.letters_are("booking_held queued: deferred 450").await;
    world.sink.behave(SmtpBehaviour::Accept);
    world.publish(&confirmation(&booking)).await;
    world.letters_are("booking_held superseded: deferred 450; booking_confirmed sent: sent 250").await;
    assert_eq!(world.received(), (1, 1));
}

#[actix_web::test]
async fn a_confirmation_that_comes_while_the_hold_is_being_sent() {
    let world = FaultWorld::new().await;
    world.sink.behave(SmtpBehaviour::At(SmtpPhase::Rcpt, SmtpFault::Hang));
    let _mailer = world.start();
    let booking = confirmed();
    world.publish(&event(EventType::BookingHeld, &held(&booking))).await;
    world.letters_are("booking_held sending:").await;
    world.publish(&confirmation(&booking)).await;
    world.once("(SELECT count(*) FROM letter_queue WHERE held_back)", |count| count == "1").await;
    // The hold is refused for now. It is pointless by then, and the confirmation does not wait for it.
    world.sink.behave(SmtpBehaviour::RefuseRecipient(451));
    world.letters_once(|letters| letters.starts_with("booking_held superseded: deferred 451;")).await;
    world.sink.behave(SmtpBehaviour::Accept);
    world.pass_time().await;
    world.letters_once(|letters| letters.contains("; booking_confirmed sent: ")).await;
    assert_eq!(world.received(), (1, 1));
}

#[actix_web::test]
async fn letters_about_one_booking_arrive_in_order() {
    let world = FaultWorld::new().await;
    world.sink.behave(SmtpBehaviour::RefuseRecipient(451));
    let _mailer = world.start();
    let mut booking = confirmed();
    world.publish(&confirmation(&booking)).await;
    world.letters_are("booking_confirmed queued: deferred 451").await;
    world.sink.behave(SmtpBehaviour::Accept);
    booking["status"] = "cancelled".into();
    booking["version"] = 3.into();
    world.publish(&event(EventType::BookingCancelled, &booking)).await;
    world.once("(SELECT count(*) FROM letter_queue WHERE held_back)", |count| count == "1").await;
    // The confirmation is tried again, and the cancellation follows by itself.
    world.sql("UPDATE letter_queue SET next_attempt_at = now() WHERE NOT held_back").await;
    world
        .letters_are("booking_confirmed sent: deferred 451, sent 250; booking_cancelled sent: sent 250")
        .await;
    let ids: Vec<_> = world.sink.mails().iter().map(|mail| message_id(&mail.text())).collect();
    assert!(
        ids.len() == 2
            && ids[0].starts_with("<booking_confirmed.")
            && ids[1].starts_with("<booking_cancelled.")
    );
}

#[actix_web::test]
async fn what_is_no_event_or_cannot_be_read() {
    let world = FaultWorld::new().await;
    let _mailer = world.start();
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sent: sent 250").await;
    world.publish_bytes("booking.confirmed", b"\xff\x00 no event").await;
    world.publish_bytes("booking.confirmed", b"{\"specversion\": \"1.0\"}").await;
    world.publish(&event(EventType::BookingConfirmed, &json!({"id": "x", "version": 1}))).await;
    world.publish(&confirmation(&confirmed())).await;
    world.letters_are("booking_confirmed sent: sent 250; booking_confirmed sent: sent 250").await;
    let count =
        "(SELECT count(*) FROM dead_letters WHERE queue LIKE '%mailer.notifications' AND reason <> '')";
    world.once(count, |count| count == "3").await;
    let reasons = world.dead_letters().await;
    assert!(reasons.contains("booking.confirmed"), "{reasons}");
    assert_eq!(world.received(), (2, 2));
}
