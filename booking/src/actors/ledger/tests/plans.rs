//! The rows that the server reads for a batch do not grow with its tables, even if they were empty
//! when it planned the statements.

use super::{BookingRef, Command, LedgerFixture, Outcome, PostgresProcessor, process, purchase};
use booking_engine::{booking::record::Booking, passengers::contact::ContactPatch, samples};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use shared::{http::input::Patch, ids::FlightId};

/// Has all of these done.
async fn carry_out(processor: &mut PostgresProcessor, commands: Vec<Command>) {
    for answer in process(processor, commands).await {
        assert!(matches!(answer, Ok(Outcome::Done(_))), "{answer:?}");
    }
}

/// Makes bookings, and gives the commands that confirm them.
async fn buy(
    processor: &mut PostgresProcessor,
    flight: FlightId,
    seats: &[String],
) -> Vec<(Booking, Command)> {
    let bookings = seats.iter().map(|seat| samples::booking(flight, &[seat]));
    let purchases = bookings.map(|booking| (booking.clone(), purchase(booking)));
    let (made, starts): (Vec<_>, Vec<_>) =
        purchases.map(|(booking, (start, confirm, _))| ((booking, confirm), start)).unzip();
    carry_out(processor, starts).await;
    made
}

/// The reads so far: blocks of tables and indexes, entries of indexes, and scans of indexes with an unsuitable first
/// column.
async fn looked_at(fixture: &LedgerFixture, processor: &mut PostgresProcessor) -> [i64; 2] {
    processor.store().run_for_test("SELECT pg_stat_force_next_flush()").await;
    let figures = [
        "(SELECT sum(pg_stat_get_blocks_fetched(oid) + pg_stat_get_tuples_returned(oid))::bigint \
          FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'booking'::regnamespace)",
        "(SELECT sum(pg_stat_get_numscans(oid))::bigint \
          FROM pg_class WHERE relname IN ('bookings_by_owner', 'segments_by_flight'))",
    ];
    let [all, wrong] = figures.map(diesel::dsl::sql::<BigInt>);
    let connection = &mut fixture.connection().await;
    [
        diesel::select(all).get_result(connection).await.unwrap(),
        diesel::select(wrong).get_result(connection).await.unwrap(),
    ]
}

/// Changes a few bookings; gives the reads that it cost.
async fn change(fixture: &LedgerFixture, processor: &mut PostgresProcessor) -> [i64; 2] {
    let flight = fixture.further_flight().await;
    let made = buy(processor, flight, &["4A", "4B", "4C"].map(str::to_owned)).await;
    let before = looked_at(fixture, processor).await;
    let at = |booking: &Booking| BookingRef { booking: booking.id, version: None };
    let contact = ContactPatch {
        email: Some("other@example.org".parse().unwrap()),
        phone: Patch::Keep,
        locale: Patch::Keep,
    };
    let [first, second, _] = &made[..] else { panic!("three bookings") };
    let commands = vec![
        first.1.clone(),
        second.1.clone(),
        Command::ChangeContact { at: at(&first.0), patch: contact },
        Command::Cancel { at: at(&second.0), quote: None, key: None },
    ];
    carry_out(processor, commands).await;
    let after = looked_at(fixture, processor).await;
    [after[0] - before[0], after[1] - before[1]]
}

#[actix::test]
async fn the_rows_read_for_a_batch_do_not_grow() {
    let fixture = LedgerFixture::new().await;
    // It looks at tables, too.
    fixture.relay.stop().await;
    fixture.superuser("ANALYZE").await;
    let mut processor = fixture.deps.processor();
    let [few, _] = change(&fixture, &mut processor).await;
    for _ in 0..30 {
        let flight = fixture.further_flight().await;
        let seats = (4..=12).flat_map(|row| "ABCDEF".chars().map(move |letter| format!("{row}{letter}")));
        let made = buy(&mut processor, flight, &seats.collect::<Vec<_>>()).await;
        carry_out(&mut processor, made.into_iter().map(|(_, confirm)| confirm).collect()).await;
    }
    let [many, wrong] = change(&fixture, &mut processor).await;
    assert!(many < few * 2, "with 1,620 bookings more: {many} instead of {few}");
    assert_eq!(wrong, 0, "by then the plans are better");
    fixture.stop();
}
