//! Several commands of one batch after the same seats, and a ledger that was wrong about them.

use super::{
    BookingId, BookingRef, Command, LedgerFixture, LedgerStore, LockRequest, Outcome, PostgresProcessor,
    Verdict, claim, done, lost, process, purchase,
};
use crate::invariants;
use booking_engine::ledger::amendments::wanted_rows;
use booking_engine::{
    booking::{
        idempotency::Key, name_correction::NameCorrection, record::Booking, refusal::Refusal,
        seat_change::SeatChange,
    },
    passengers::contact::ContactPatch,
    payment::quote::QuoteId,
    samples,
    store_error::StoreFault,
};
use diesel_async::RunQueryDsl;
use shared::http::input::Patch;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;

fn moves(booking: &Booking, seat: &str) -> Command {
    let change = SeatChange {
        passenger: booking.passengers[0].id,
        flight: booking.segments[0].flight_id,
        seat: seat.parse().unwrap(),
    };
    Command::ChangeSeats { at: BookingRef { booking: booking.id, version: None }, changes: vec![change] }
}

fn cancels(booking: &Booking) -> Command {
    Command::Cancel { at: BookingRef { booking: booking.id, version: None }, quote: None, key: None }
}

fn all_done(verdicts: &[Verdict]) {
    for verdict in verdicts {
        done(verdict);
    }
}

/// Whether a booking has a seat of the fourth row, by the table.
async fn has(fixture: &LedgerFixture, booking: &Booking, letter: i16) -> bool {
    let seat = 4 * 32 + letter;
    fixture.count(&format!("seats WHERE seat = {seat} AND booking_id = '{}'", booking.id)).await == 1
}

async fn nothing_is_broken(fixture: &LedgerFixture) {
    let report = invariants::check(&fixture.deps.database).await.unwrap();
    assert!(report.broken.is_empty(), "{:?}", report.broken);
}

#[actix::test]
async fn seats_go_from_hand_to_hand_within_a_batch() {
    let fixture = LedgerFixture::new().await;
    let (one, other, leaver) = (fixture.booking(&["4A"]), fixture.booking(&["4B"]), fixture.booking(&["4F"]));
    let made = [&one, &other, &leaver].map(|booking| claim(booking.clone()));
    all_done(&fixture.batch(&made).await);
    let new = fixture.booking(&["4F"]);
    let batch = [
        moves(&one, "4C"),
        moves(&one, "4D"),
        // A seat that was left earlier in this batch is free.
        moves(&other, "4A"),
        claim(new.clone()),
        cancels(&leaver),
        // Claims come before changes: this seat is still taken.
        claim(fixture.booking(&["4B"])),
    ];
    let verdicts = fixture.batch(&batch).await;
    all_done(&verdicts[..5]);
    assert_eq!(lost(&verdicts[5]), ["4B"]);
    assert!(has(&fixture, &one, 3).await && has(&fixture, &other, 0).await && has(&fixture, &new, 5).await);
    assert_eq!((fixture.count("seats").await, fixture.count("travellers").await), (3, 3), "and no others");
    nothing_is_broken(&fixture).await;
    fixture.stop();
}

#[actix::test]
async fn a_purchase_and_a_seat_change_in_one_batch_give_a_sold_seat() {
    let fixture = LedgerFixture::new().await;
    let booking = fixture.booking(&["4A"]);
    let (start, confirm, _) = purchase(booking.clone());
    done(&fixture.batch(&[start]).await[0]);
    let verdicts = fixture.batch(&[moves(&booking, "4B"), confirm, moves(&booking, "4A")]).await;
    all_done(&verdicts);
    assert!(has(&fixture, &booking, 0).await);
    assert_eq!((fixture.count("seats").await, fixture.count("seats WHERE sold").await), (1, 1));
    fixture.stop();
}

#[actix::test]
async fn the_key_stops_a_ledger_that_believes_a_taken_seat_free() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    process(&mut processor, vec![claim(fixture.booking(&["4A"]))]).await;
    // Somebody has not raised the version of the flight's seats, by which the ledger would see it.
    let sneak = format!(
        "INSERT INTO seats VALUES ('{}', {}, '{}', false)",
        fixture.flight.id,
        4 * 32 + 1,
        fixture.booking(&[]).id
    );
    fixture.superuser(&sneak).await;
    let answers =
        process(&mut processor, vec![claim(fixture.booking(&["4B"])), claim(fixture.booking(&["4C"]))]).await;
    let Ok(Outcome::Refused(Refusal::SeatTaken(taken))) = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(taken[0].designator.to_string(), "4B");
    assert!(matches!(&answers[1], Ok(Outcome::Done(_))), "{answers:?}");
    assert_eq!((fixture.count("seats").await, fixture.count("bookings").await), (3, 2));
    fixture.stop();
}

/// Two commands of each kind, about bookings that were made for them.
async fn two_of_each(fixture: &LedgerFixture, processor: &mut PostgresProcessor) -> Vec<Command> {
    let at = |booking: &Booking| BookingRef { booking: booking.id, version: None };
    let key = |number: u8| Some(Key { scope: vec![number], body: vec![number] });
    let held = ["4A", "4B", "4C", "4D", "4E", "4F"].map(|seat| fixture.booking(&[seat]));
    process(processor, held.iter().cloned().map(claim).collect()).await;
    let bought = ["5A", "5B"].map(|seat| fixture.booking(&[seat]));
    let purchases = bought.clone().map(purchase);
    process(processor, purchases.iter().map(|(start, _, _)| start.clone()).collect()).await;
    process(processor, purchases.into_iter().map(|(_, confirm, _)| confirm).collect()).await;
    let [one, other] = ["6A", "6B"].map(|seat| purchase(fixture.booking(&[seat])));
    process(processor, vec![one.0, other.0]).await;
    let mut commands = vec![one.2, other.2];
    for (number, booking) in (0_u8..).zip(&held[..2]) {
        let (quote, key) = (QuoteId::new(), key(number));
        commands.push(Command::Quote { at: at(booking), quote, key });
    }
    for booking in &held[2..4] {
        let patch = ContactPatch {
            email: Some("other@example.org".parse().unwrap()),
            phone: Patch::Keep,
            locale: Patch::Keep,
        };
        commands.push(Command::ChangeContact { at: at(booking), patch });
    }
    for booking in &held[4..] {
        let passenger = booking.passengers[0].id;
        let given_name = Some("Adah".parse().unwrap());
        let correction = NameCorrection { passenger, given_name, family_name: None };
        let wanted = wanted_rows(booking, &correction);
        commands.push(Command::CorrectName { at: at(booking), correction, wanted });
    }
    for (number, booking) in (2_u8..).zip(&bought) {
        commands.push(Command::Cancel { at: at(booking), quote: None, key: key(number) });
    }
    commands
}

#[actix::test]
async fn all_that_a_batch_writes_is_of_one_transaction() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    let batch = two_of_each(&fixture, &mut processor).await;
    for answer in process(&mut processor, batch).await {
        assert!(matches!(answer, Ok(Outcome::Done(_) | Outcome::Quoted(..))), "{answer:?}");
    }
    let written = [
        "cancellation_quotes",
        "idempotency_keys WHERE status IS NOT NULL",
        "bookings WHERE contact_email = 'other@example.org'",
        "passengers WHERE given_name = 'Adah'",
        "bookings WHERE status = 2",
        "refunds",
        "payments WHERE state = 3",
        "events WHERE kind = 'booking.cancelled'",
    ];
    for (rows, number) in written.iter().zip([2, 4, 2, 2, 2, 2, 2, 2]) {
        assert_eq!(fixture.count(rows).await, number, "{rows}");
    }
    let writers = written.map(|rows| format!("SELECT xmin::text FROM {rows}")).join(" UNION ");
    assert_eq!(fixture.count(&format!("({writers}) AS writers")).await, 1);
    fixture.stop();
}

#[actix::test]
async fn a_booking_whose_flights_are_not_locked_is_not_touched() {
    let fixture = LedgerFixture::new().await;
    let other = samples::booking(fixture.further_flight().await, &["4A"]);
    let mut holder = fixture.lock(fixture.flight.id).await;
    let store = fixture.store().await;
    store.begin(&[]).await.unwrap();
    let asked: [BookingId; 1] = [other.id];
    let request = LockRequest {
        unverified: &[],
        flights: BTreeSet::from([fixture.flight.id]),
        bookings: &asked,
        limits: &[],
        passengers: &[],
        locators: &[],
    };
    // It comes while the flights that are known to be wanted are waited for.
    let comes = async {
        let waits = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                     AND query LIKE '%FROM segments%'";
        while fixture.count(waits).await == 0 {
            tokio::task::yield_now().await;
        }
        done(&fixture.batch(&[claim(other)]).await[0]);
        diesel::sql_query("ROLLBACK").execute(&mut holder).await.unwrap();
    };
    let both = async { tokio::join!(store.lock(request), comes) };
    let (locked, ()) =
        timeout(Duration::from_secs(20), both).await.expect("it waits for the flight, then goes on");
    let error = locked.expect_err("its flight is another's to lock");
    assert_eq!(error.fault, StoreFault::Conflict);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("not locked"), "{source}");
    fixture.stop();
}
