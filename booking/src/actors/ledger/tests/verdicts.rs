//! The verdicts on commands, beside each other in a batch and after other commits.

use super::{
    BookingId, BookingRef, Command, LedgerError, LedgerFixture, Outcome, PaymentId, Verdict, claim, done,
    envelope, lost, process, purchase,
};
use booking_engine::booking::{record::Booking, refusal::Refusal};
use shared::events::BookingStatus;

#[actix::test]
async fn one_claim_of_a_batch_violates_the_unique_constraint_and_the_others_succeed() {
    let fixture = LedgerFixture::new().await;
    // Another instance was faster with 5B.
    let faster = fixture.booking(&["5B"]);
    fixture.batch(&[claim(faster)]).await;
    let verdicts = fixture
        .batch(&[
            claim(fixture.booking(&["5A"])),
            claim(fixture.booking(&["5D", "5B", "5E"])),
            claim(fixture.booking(&["5C", "5F"])),
        ])
        .await;
    assert_eq!(done(&verdicts[0]).passengers.len(), 1);
    assert_eq!(lost(&verdicts[1]), ["5B"]);
    assert_eq!(done(&verdicts[2]).passengers.len(), 2);
    assert_eq!(fixture.count("seats").await, 4, "what the loser got was given back");
    assert_eq!(fixture.count("travellers").await, 4);
    assert_eq!(fixture.count("bookings").await, 3, "the loser left no rows");
    assert_eq!(fixture.count("events WHERE kind = 'seats.changed'").await, 2, "one a flight and batch");
    assert_eq!(fixture.count("flights WHERE seats_version = 2").await, 1);
    fixture.stop();
}

#[actix::test]
async fn a_claim_loses_only_to_a_winner_of_its_batch() {
    let fixture = LedgerFixture::new().await;
    fixture.batch(&[claim(fixture.booking(&["4A"]))]).await;
    let verdicts = fixture
        .batch(&[
            claim(fixture.booking(&["4A", "4B"])),
            claim(fixture.booking(&["4B"])),
            claim(fixture.booking(&["6A"])),
            claim(fixture.booking(&["6B", "6A"])),
        ])
        .await;
    assert_eq!(lost(&verdicts[0]), ["4A"]);
    done(&verdicts[1]);
    done(&verdicts[2]);
    assert_eq!(lost(&verdicts[3]), ["6A"]);
    fixture.stop();
}

#[actix::test]
async fn colliding_locators_are_redrawn() {
    let fixture = LedgerFixture::new().await;
    let first = fixture.booking(&["4A"]);
    let second = Booking { locator: first.locator.clone(), ..fixture.booking(&["4B"]) };
    let third = Booking { locator: first.locator.clone(), ..fixture.booking(&["4C"]) };
    let verdicts = fixture.batch(&[claim(first), claim(second)]).await;
    assert_ne!(done(&verdicts[0]).locator, done(&verdicts[1]).locator);
    let verdicts = fixture.batch(&[claim(third)]).await;
    assert_eq!(fixture.count(&format!("bookings WHERE locator = '{}'", done(&verdicts[0]).locator)).await, 1);
    fixture.stop();
}

#[actix::test]
async fn a_hold_that_has_ended_makes_way() {
    let fixture = LedgerFixture::new().await;
    let old = fixture.booking(&["4A", "4B"]);
    let owner = old.owner_id;
    let id = old.id;
    fixture.batch(&[claim(old)]).await;
    fixture.superuser("UPDATE bookings SET hold_expires_at = now() - interval '1 second'").await;
    // The same travellers of the same account, on one of their old seats.
    let new = Booking { owner_id: owner, ..fixture.booking(&["4B", "7C"]) };
    let mut processor = fixture.deps.processor();
    let (envelope, answer) = envelope(claim(new));
    let retried = processor.process(vec![envelope]).await;
    assert_eq!(fixture.count("seats").await, 2, "what it got is given back: the hold has its seats still");
    assert!(processor.process(retried).await.is_empty());
    assert!(matches!(answer.await.unwrap(), Ok(Outcome::Done(_))));
    assert_eq!(fixture.count(&format!("bookings WHERE id = '{id}' AND status = 3")).await, 1);
    assert_eq!(fixture.count("seats").await, 2);
    assert_eq!(fixture.count("events WHERE kind = 'booking.expired'").await, 1);
    fixture.stop();
}

#[actix::test]
async fn a_command_with_impossible_data_fails_alone() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    let mut bad = fixture.booking(&["4C"]);
    // PostgreSQL's text cannot hold it. No request gets as far as this.
    bad.contact.email = shared::email::EmailAddress::stored("a\0b".to_owned());
    let commands = ["4A", "4B"].map(|seat| claim(fixture.booking(&[seat])));
    let [first, second] = commands;
    let answers = process(&mut processor, vec![first, claim(bad), second]).await;
    assert!(matches!(answers[0], Ok(Outcome::Done(_))), "{:?}", answers[0]);
    assert!(matches!(answers[1], Err(LedgerError::Internal)), "{:?}", answers[1]);
    assert!(matches!(answers[2], Ok(Outcome::Done(_))), "{:?}", answers[2]);
    assert_eq!(fixture.count("bookings").await, 2);
    fixture.stop();
}

#[actix::test]
async fn a_purchase_that_is_kept_gives_way_to_what_others_have_made_of_it() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    let (first, confirm_first, _) = purchase(fixture.booking(&["4A"]));
    let (second, confirm_second, decline_second) = purchase(fixture.booking(&["4B"]));
    process(&mut processor, vec![first, second]).await;
    fixture.batch(&[decline_second]).await;
    let answers = process(&mut processor, vec![confirm_first, confirm_second]).await;
    assert!(matches!(&answers[0], Ok(Outcome::Done(state)) if state.status == BookingStatus::Confirmed));
    assert!(matches!(&answers[1], Ok(Outcome::Refused(Refusal::HoldExpired))), "{:?}", answers[1]);
    assert_eq!(fixture.count("bookings WHERE confirmed_at IS NOT NULL").await, 1);
    fixture.stop();
}

#[actix::test]
async fn commands_about_nothing_are_refused() {
    let fixture = LedgerFixture::new().await;
    let booking = BookingId::new();
    let verdicts = fixture
        .batch(&[
            Command::Confirm { booking, payment: PaymentId::new() },
            Command::Cancel { at: BookingRef { booking, version: None }, quote: None, key: None },
        ])
        .await;
    for verdict in verdicts {
        assert!(matches!(verdict, Verdict::Answer(Outcome::Refused(Refusal::NotFound))), "{verdict:?}");
    }
    fixture.stop();
}

#[actix_web::test]
async fn a_claim_priced_from_an_older_flight_has_to_be_repriced() {
    let fixture = LedgerFixture::new().await;
    let priced = |seat: &str, version: i64| {
        let mut command = claim(fixture.booking(&[seat]));
        if let Command::Claim(claim) = &mut command {
            claim.priced_from = vec![(fixture.flight.id, version)];
        }
        command
    };
    fixture.superuser("UPDATE flights SET version = 3").await;
    let verdicts = fixture.batch(&[priced("4A", 2), priced("4B", 3), priced("4C", 4)]).await;
    let changed = Refusal::FlightChanged(vec![fixture.flight.id]);
    assert!(matches!(&verdicts[0], Verdict::Answer(Outcome::Refused(refusal)) if *refusal == changed));
    for verdict in &verdicts[1..] {
        done(verdict);
    }
    assert_eq!(fixture.count("seats").await, 2);
    fixture.stop();
}
