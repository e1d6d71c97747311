//! Cancellations after the airline cancelled the flight, before its bookings have followed.

use super::{BookingRef, Command, LedgerFixture, Outcome, Verdict, claim, done};
use crate::store;
use booking_engine::payment::{
    quote::{Quote, QuoteId},
    record::PaymentOrder,
};
use shared::{
    events::{BookingPaymentStatus, BookingState, FlightState, FlightStatus},
    ids::{BookingId, PaymentId},
};

fn at(booking: BookingId) -> BookingRef {
    BookingRef { booking, version: None }
}

/// A paid booking of a standard fare, bought so long ago that only its taxes are given back.
async fn bought(fixture: &LedgerFixture, seat: &str) -> BookingId {
    let booking = fixture.booking(&[seat]);
    let id = booking.id;
    let payment = PaymentOrder { id: PaymentId::new(), method: "card".into(), token: "tok_visa".into() };
    let confirm = Command::Confirm { booking: id, payment: payment.id };
    fixture.batch(&[claim(booking)]).await;
    fixture.batch(&[Command::Pay { at: at(id), payment, key: None }]).await;
    done(&fixture.batch(&[confirm]).await[0]);
    fixture.superuser("UPDATE bookings SET confirmed_at = now() - interval '2 days'").await;
    id
}

async fn quote(fixture: &LedgerFixture, booking: BookingId) -> Quote {
    let quote = Command::Quote { at: at(booking), quote: QuoteId::new(), key: None };
    match fixture.batch(&[quote]).await.remove(0) {
        Verdict::Answer(Outcome::Quoted(quote, _)) => quote,
        other => panic!("{other:?}"),
    }
}

async fn cancel(fixture: &LedgerFixture, booking: BookingId, quote: Option<&Quote>) -> BookingState {
    let cancel = Command::Cancel { at: at(booking), quote: quote.map(|quote| quote.id), key: None };
    done(&fixture.batch(&[cancel]).await[0]).clone()
}

/// Stores that the airline cancels the flight; its bookings have not followed yet.
async fn cancel_flight(fixture: &LedgerFixture) {
    let flight = FlightState { status: FlightStatus::Cancelled, version: 2, ..fixture.flight.clone() };
    let json = serde_json::to_value(&flight).unwrap();
    store::flight_updates::store(&fixture.connection().await, &[(flight, json)]).await.unwrap();
}

#[actix::test]
async fn a_cancellation_that_overtakes_the_airlines_gives_everything_back() {
    let fixture = LedgerFixture::new().await;
    let [plain, asked, promised] =
        [bought(&fixture, "4A").await, bought(&fixture, "4B").await, bought(&fixture, "4C").await];
    let old = quote(&fixture, promised).await;
    assert!(old.penalty > 0, "the fare alone gives back less");
    cancel_flight(&fixture).await;
    let new = quote(&fixture, asked).await;
    assert_eq!((new.refund.total(), new.penalty), (5088 + 800, 0));
    for (booking, quote) in [(plain, None), (asked, Some(&new)), (promised, Some(&old))] {
        let cancelled = cancel(&fixture, booking, quote).await;
        assert_eq!(cancelled.refunds[0].amount, cancelled.price.total);
        assert_eq!(cancelled.refunds[0].reason, "cancelled by the airline");
        assert_eq!(cancelled.payment_status, BookingPaymentStatus::Refunded);
        // The desk comes later, and finds nothing left to do.
        let late = Command::CancelByAirline { booking, flight: fixture.flight.id };
        assert_eq!(done(&fixture.batch(&[late]).await[0]).refunds.len(), 1);
    }
    assert_eq!(fixture.count("refunds").await, 3);
    fixture.stop();
}
