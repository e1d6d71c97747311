//! Corrected names, and the passenger keys that they no longer conflict with.

use super::{BookingRef, Command, LedgerFixture, Outcome, Verdict, claim, done};
use booking_engine::booking::{name_correction::NameCorrection, record::Booking, refusal::Refusal};
use booking_engine::ledger::amendments::wanted_rows;
use shared::person_name::PersonName;

/// A booking of one adult for the account of another booking, and the command that gives the adult the
/// name of the other's.
async fn namesakes(fixture: &LedgerFixture) -> (Booking, Booking, Command) {
    let one = fixture.booking(&["4A"]);
    let mut other = Booking { owner_id: one.owner_id, ..fixture.booking(&["4B"]) };
    other.passengers[0].given_name = "Adah".parse().unwrap();
    for booking in [&one, &other] {
        done(&fixture.batch(&[claim(booking.clone())]).await[0]);
    }
    let at = BookingRef { booking: other.id, version: None };
    let correction = NameCorrection {
        passenger: other.passengers[0].id,
        given_name: Some("Ada".parse().unwrap()),
        family_name: None,
    };
    let wanted = wanted_rows(&other, &correction);
    (one, other, Command::CorrectName { at, correction, wanted })
}

#[actix::test]
async fn a_hold_that_has_ended_is_in_no_names_way() {
    let fixture = LedgerFixture::new().await;
    let (one, other, correct) = namesakes(&fixture).await;
    let verdicts = fixture.batch(std::slice::from_ref(&correct)).await;
    let refused = Refusal::PassengerAlreadyBooked;
    assert!(matches!(&verdicts[0], Verdict::Answer(Outcome::Refused(refusal)) if *refusal == refused));
    let id = one.id;
    fixture
        .superuser(&format!(
            "UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = '{id}'"
        ))
        .await;
    let corrected = fixture.batch(&[correct]).await;
    assert_eq!(done(&corrected[0]).passengers[0].given_name, "Ada");
    assert_eq!(fixture.count(&format!("bookings WHERE id = '{id}' AND status = 3")).await, 1);
    assert_eq!(fixture.count("events WHERE kind = 'booking.expired'").await, 1);
    assert_eq!(fixture.count(&format!("travellers WHERE booking_id = '{}'", other.id)).await, 1);
    assert_eq!((fixture.count("travellers").await, fixture.count("seats").await), (1, 1));
    fixture.stop();
}

/// A name that each release compares in another way.
const SPELT: &str = "Zoe\u{308} O\u{2019}Neil";

/// How many releases do, before this one.
const FORMER: usize = 2;

/// A booking of a passenger called [`SPELT`] as earlier releases stored it, the oldest first.
async fn stored_by(fixture: &LedgerFixture, release: usize, seats: &[&str]) -> Booking {
    let mut booking = fixture.booking(seats);
    booking.passengers[0].given_name = PersonName::stored(SPELT.to_owned());
    done(&fixture.batch(&[claim(booking.clone())]).await[0]);
    let passenger = &booking.passengers[0];
    let former = passenger.former_fingerprints();
    assert_eq!(former.len(), FORMER);
    let (now, former) = (passenger.fingerprint(), former[release]);
    fixture
        .superuser(&format!("UPDATE travellers SET fingerprint = {former} WHERE fingerprint = {now}"))
        .await;
    booking
}

/// The command that gives the first passenger of a booking another given name.
fn correction(booking: &Booking, given: &str) -> Command {
    let correction = NameCorrection {
        passenger: booking.passengers[0].id,
        given_name: Some(given.parse().unwrap()),
        family_name: None,
    };
    let at = BookingRef { booking: booking.id, version: None };
    let wanted = wanted_rows(booking, &correction);
    Command::CorrectName { at, correction, wanted }
}

#[actix::test]
async fn places_that_an_earlier_release_has_stored_block_the_same_person() {
    for release in 0..FORMER {
        let fixture = LedgerFixture::new().await;
        let booking = stored_by(&fixture, release, &["4A"]).await;
        let mut repeated = Booking { owner_id: booking.owner_id, ..fixture.booking(&["5A"]) };
        repeated.passengers[0].given_name = PersonName::stored(SPELT.to_owned());
        let verdicts = fixture.batch(&[claim(repeated.clone())]).await;
        let refused = Refusal::PassengerAlreadyBooked;
        assert!(matches!(&verdicts[0], Verdict::Answer(Outcome::Refused(refusal)) if *refusal == refused));

        let end = "UPDATE bookings SET hold_expires_at = now() - interval '1 second'";
        fixture.superuser(end).await;
        let verdicts = fixture.batch(&[claim(repeated)]).await;
        assert!(
            matches!(&verdicts[0], Verdict::RetryAfterExpiring(ended) if *ended == [booking.id]),
            "{verdicts:?}"
        );
        fixture.stop();
    }
}

#[actix::test]
async fn places_that_an_earlier_release_has_stored_are_left() {
    for release in 0..FORMER {
        let fixture = LedgerFixture::new().await;
        let booking = stored_by(&fixture, release, &["4A", "4B"]).await;
        let cancel =
            Command::Cancel { at: BookingRef { booking: booking.id, version: None }, quote: None, key: None };
        done(&fixture.batch(&[cancel]).await[0]);
        assert_eq!((fixture.count("travellers").await, fixture.count("seats").await), (0, 0));

        let booking = stored_by(&fixture, release, &["4A", "4B"]).await;
        fixture.superuser("UPDATE bookings SET hold_expires_at = now() - interval '1 second'").await;
        fixture.batch(&[Command::Expire { booking: booking.id }]).await;
        assert_eq!((fixture.count("travellers").await, fixture.count("seats").await), (0, 0));
        fixture.stop();
    }
}

#[actix::test]
async fn places_that_an_earlier_release_has_stored_move_with_their_names() {
    for release in 0..FORMER {
        let fixture = LedgerFixture::new().await;
        let correct = async |booking: &Booking, given: &str| {
            let verdicts = fixture.batch(&[correction(booking, given)]).await;
            done(&verdicts[0]).passengers[0].given_name.clone()
        };
        let booking = stored_by(&fixture, release, &["4A", "4B"]).await;
        let fingerprint = booking.passengers[0].fingerprint();
        let by_name = format!("travellers WHERE fingerprint = {fingerprint}");
        for spelling in ["Zo\u{eb} O'Neil", "Z\u{200d}oe\u{308} O'Neil", "ZO\u{cb} O\u{2bc}NEIL"] {
            assert_eq!(correct(&booking, spelling).await, spelling.parse::<PersonName>().unwrap().as_str());
            assert_eq!(
                (fixture.count("travellers").await, fixture.count(&by_name).await),
                (2, 1),
                "{spelling:?}"
            );
        }
        assert_eq!(correct(&booking, "Zoe O'Neil").await, "Zoe O'Neil");
        assert_eq!((fixture.count("travellers").await, fixture.count(&by_name).await), (2, 0));

        // A correction of another letter leaves the place that was stored by the spelling, too.
        let other = stored_by(&fixture, release, &["5A", "5B"]).await;
        assert_eq!(correct(&other, "Zo O'Neil").await, "Zo O'Neil");
        let places = format!("travellers WHERE booking_id = '{}'", other.id);
        assert_eq!(fixture.count(&places).await, 2);
        fixture.stop();
    }
}

#[actix::test]
async fn of_two_spellings_in_one_booking_each_leaves_its_own_place() {
    for corrected in [0, 1] {
        let fixture = LedgerFixture::new().await;
        let mut booking = fixture.booking(&["4A", "4B"]);
        for (passenger, name) in booking.passengers.iter_mut().zip(["Zo\u{eb}", "Zoe\u{308}"]) {
            passenger.given_name = PersonName::stored(name.to_owned());
            passenger.family_name = "x".parse().unwrap();
        }
        // One place is stored: to this release they are one person. The first one took each spelling for another.
        done(&fixture.batch(&[claim(booking.clone())]).await[0]);
        let [former] = booking.passengers[1].former_fingerprints()[..] else { panic!("one release") };
        let second = format!(
            "INSERT INTO travellers SELECT flight_id, owner_id, {former}, booking_id, seated FROM travellers"
        );
        fixture.superuser(&second).await;
        let kept = [former, booking.passengers[0].fingerprint()][corrected];
        booking.passengers.swap(0, corrected);
        assert_eq!(done(&fixture.batch(&[correction(&booking, "Zoey")]).await[0]).version, 2);
        let kept = format!("travellers WHERE fingerprint = {kept}");
        assert_eq!((fixture.count("travellers").await, fixture.count(&kept).await), (2, 1), "{corrected}");
        fixture.stop();
    }
}

#[actix::test]
async fn a_passenger_who_leaves_in_the_batch_frees_the_name() {
    let fixture = LedgerFixture::new().await;
    let (one, _, correct) = namesakes(&fixture).await;
    let cancel =
        Command::Cancel { at: BookingRef { booking: one.id, version: None }, quote: None, key: None };
    // Also if the correction came first: a key that a batch frees is free for the whole batch.
    let verdicts = fixture.batch(&[correct, cancel]).await;
    verdicts.iter().for_each(|verdict| {
        let _ = done(verdict);
    });
    assert_eq!((fixture.count("travellers").await, fixture.count("seats").await), (1, 1));
    fixture.stop();
}
