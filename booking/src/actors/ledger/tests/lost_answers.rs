//! Commits whose answers were lost: the retry answers from the commit, for every condition of the command.

use super::{BookingRef, Command, LedgerError, LedgerFixture, Outcome, claim, done, envelope, process};
use booking_engine::ledger::amendments::wanted_rows;
use booking_engine::{
    booking::{name_correction::NameCorrection, record::Booking, refusal::Refusal, seat_change::SeatChange},
    passengers::contact::ContactPatch,
    payment::quote::QuoteId,
};
use shared::http::Patch;

fn contact(at: BookingRef, email: &str) -> Command {
    let patch = ContactPatch { email: Some(email.parse().unwrap()), phone: Patch::Keep, locale: Patch::Keep };
    Command::ChangeContact { at, patch }
}

/// Each change that a caller may make of the booking as it was made.
fn changes(booking: &Booking, version: Option<i64>) -> [Command; 3] {
    let at = BookingRef { booking: booking.id, version };
    let passenger = booking.passengers[0].id;
    let seat = SeatChange { passenger, flight: booking.segments[0].flight_id, seat: "7C".parse().unwrap() };
    let correction =
        NameCorrection { passenger, given_name: Some("Adah".parse().unwrap()), family_name: None };
    let wanted = wanted_rows(booking, &correction);
    [
        contact(at, "grace@example.org"),
        Command::ChangeSeats { at, changes: vec![seat] },
        Command::CorrectName { at, correction, wanted },
    ]
}

#[actix::test]
async fn a_change_of_a_version_is_found_by_what_it_has_made() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    for index in 0..3 {
        let booking = fixture.booking(&["4A"]);
        fixture.batch(&[claim(booking.clone())]).await;
        let [command, ..] = &changes(&booking, Some(1))[index..] else { unreachable!() };
        done(&fixture.batch(std::slice::from_ref(command)).await[0]);
        let (lost, answer) = envelope(command.clone());
        assert_eq!(processor.resolve_for_test(vec![lost]).await, 0, "{command:?} was committed");
        let Ok(Outcome::Done(state)) = answer.await.unwrap() else { panic!("{command:?} is done") };
        assert_eq!(state.version, 2);
        let cancel =
            Command::Cancel { at: BookingRef { booking: booking.id, version: None }, quote: None, key: None };
        done(&fixture.batch(&[cancel]).await[0]);
    }
    fixture.stop();
}

#[actix::test]
async fn a_change_that_was_not_committed_still_relies_on_its_version() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    let booking = fixture.booking(&["4A"]);
    let at = BookingRef { booking: booking.id, version: Some(1) };
    fixture.batch(&[claim(booking.clone())]).await;
    for command in changes(&booking, Some(1)) {
        let (lost, _answer) = envelope(command.clone());
        assert_eq!(processor.resolve_for_test(vec![lost]).await, 1, "{command:?} is to be retried");
    }
    // Somebody else was faster with something else.
    done(&fixture.batch(&[contact(BookingRef { version: None, ..at }, "mary@example.org")]).await[0]);
    for command in changes(&booking, Some(1)) {
        let (lost, _answer) = envelope(command.clone());
        assert_eq!(processor.resolve_for_test(vec![lost]).await, 1);
        let answers = process(&mut processor, vec![command]).await;
        assert!(matches!(answers[0], Ok(Outcome::Refused(Refusal::Stale))), "{answers:?}");
    }
    fixture.stop();
}

#[actix::test]
async fn a_stored_quote_is_repeated() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    let booking = fixture.booking(&["4A"]);
    let at = BookingRef { booking: booking.id, version: Some(1) };
    fixture.batch(&[claim(booking)]).await;
    let quote = Command::Quote { at, quote: QuoteId::new(), key: None };
    fixture.batch(std::slice::from_ref(&quote)).await;
    let (lost, _answer) = envelope(quote.clone());
    assert_eq!(processor.resolve_for_test(vec![lost]).await, 1, "nothing in the booking shows the quote");
    let answers = process(&mut processor, vec![quote]).await;
    assert!(!matches!(answers[0], Err(LedgerError::Internal)), "{answers:?}");
    assert!(matches!(answers[0], Ok(Outcome::Quoted(..))), "{answers:?}");
    assert_eq!(fixture.count("cancellation_quotes").await, 1);
    fixture.stop();
}
