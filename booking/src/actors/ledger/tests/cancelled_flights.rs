//! Who cancels when the airline has, but the news have not reached the booking.

use super::{BookingRef, Command, Outcome, Scene, Verdict, claim, done};
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
async fn bought(scene: &Scene, seat: &str) -> BookingId {
    let booking = scene.booking(&[seat]);
    let id = booking.id;
    let payment = PaymentOrder { id: PaymentId::new(), method: "card".into(), token: "tok_visa".into() };
    let confirm = Command::Confirm { booking: id, payment: payment.id };
    scene.batch(&[claim(booking)]).await;
    scene.batch(&[Command::Pay { at: at(id), payment, key: None }]).await;
    done(&scene.batch(&[confirm]).await[0]);
    scene.superuser("UPDATE bookings SET confirmed_at = now() - interval '2 days'").await;
    id
}

async fn quote(scene: &Scene, booking: BookingId) -> Quote {
    let quote = Command::Quote { at: at(booking), quote: QuoteId::new(), key: None };
    match scene.batch(&[quote]).await.remove(0) {
        Verdict::Answer(Outcome::Quoted(quote, _)) => quote,
        other => panic!("{other:?}"),
    }
}

async fn cancel(scene: &Scene, booking: BookingId, quote: Option<&Quote>) -> BookingState {
    let cancel = Command::Cancel { at: at(booking), quote: quote.map(|quote| quote.id), key: None };
    done(&scene.batch(&[cancel]).await[0]).clone()
}

/// Stores that the airline cancels the flight; nobody works on its bookings.
async fn cancel_flight(scene: &Scene) {
    let flight = FlightState { status: FlightStatus::Cancelled, version: 2, ..scene.flight.clone() };
    let json = serde_json::to_value(&flight).unwrap();
    store::flights::upsert(&scene.connection().await, &[(flight, json)]).await.unwrap();
}

#[actix::test]
async fn a_cancellation_that_overtakes_the_airlines_gives_everything_back() {
    let scene = Scene::new().await;
    let [plain, asked, promised] =
        [bought(&scene, "4A").await, bought(&scene, "4B").await, bought(&scene, "4C").await];
    let old = quote(&scene, promised).await;
    assert!(old.penalty > 0, "the fare alone gives back less");
    cancel_flight(&scene).await;
    let new = quote(&scene, asked).await;
    assert_eq!((new.refund.total(), new.penalty), (5088 + 800, 0));
    for (booking, quote) in [(plain, None), (asked, Some(&new)), (promised, Some(&old))] {
        let cancelled = cancel(&scene, booking, quote).await;
        assert_eq!(cancelled.refunds[0].amount, cancelled.price.total);
        assert_eq!(cancelled.refunds[0].reason, "cancelled by the airline");
        assert_eq!(cancelled.payment_status, BookingPaymentStatus::Refunded);
        // The desk comes later, and finds nothing left to do.
        let late = Command::CancelByAirline { booking, flight: scene.flight.id };
        assert_eq!(done(&scene.batch(&[late]).await[0]).refunds.len(), 1);
    }
    assert_eq!(scene.count("refunds").await, 3);
    scene.stop();
}
