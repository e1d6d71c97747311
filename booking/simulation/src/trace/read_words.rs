//! Answers of the database in words. They leave out what differs between equal runs.

use crate::trace::table_lines::stored_answer;
use booking::replay::StoredCode;
use booking_engine::{
    booking::disruption::PendingDisruption,
    inventory::seat_inventory::SeatSnapshot,
    ledger::rows::KnownKey,
    saga::settlement::{UnsettledPayment, UnsettledRefund},
};
use shared::{
    events::BookingState,
    ids::{BookingId, FlightId},
};

/// A flight's seats in words, in order.
pub(crate) fn seats_in_words(read: &SeatSnapshot) -> String {
    let mut seats: Vec<_> = read
        .taken
        .iter()
        .map(|one| (one.seat, format!("{} {} {:?}", one.seat, one.sold, one.ends_in)))
        .collect();
    seats.sort();
    let seats: Vec<String> = seats.into_iter().map(|(_, text)| text).collect();
    format!("{} {} {}: {}", read.version, read.on_sale, read.seats_version, seats.join(", "))
}

/// A booking as it is shown, without what differs between equal runs.
pub(crate) fn booking_in_words(state: &BookingState) -> String {
    serde_json::to_string(state).map_or_else(|error| error.to_string(), |text| stored_answer(200, &text))
}

/// What is known of a key, in words.
pub(crate) fn key_in_words(found: Option<&KnownKey>) -> String {
    match found {
        None => "free".to_owned(),
        Some(KnownKey::Running) => "running".to_owned(),
        Some(KnownKey::OtherBody) => "another body".to_owned(),
        Some(KnownKey::Answered(answer)) => format!("answered with {}", answer.status),
    }
}

/// Holds that have ended, in order.
pub(crate) fn ended_holds_in_words(ended: &[(BookingId, FlightId)]) -> Vec<String> {
    let mut lines: Vec<_> = ended.iter().map(|(booking, flight)| format!("{booking} {flight}")).collect();
    lines.sort();
    lines
}

/// Payments that were taken up, in order.
pub(crate) fn payments_in_words(taken: &[UnsettledPayment]) -> Vec<String> {
    let line = |one: &UnsettledPayment| {
        let (id, booking, flight) = (one.id, one.booking_id, one.flight_id);
        format!("{id} {booking} {:?} {} {:?} {flight} {}", one.state, one.amount, one.token, one.late)
    };
    let mut lines: Vec<_> = taken.iter().map(line).collect();
    lines.sort();
    lines
}

/// Refunds that were taken up, in order, by their payments: refunds draw their own ids.
pub(crate) fn refunds_in_words(taken: &[UnsettledRefund]) -> Vec<String> {
    let mut lines: Vec<_> = taken.iter().map(|one| format!("{} {}", one.payment_id, one.amount)).collect();
    lines.sort();
    lines
}

/// Changes of flights, in order.
pub(crate) fn disruptions_in_words(changes: &[PendingDisruption]) -> Vec<String> {
    changes.iter().map(|one| format!("{} {} {}", one.flight, one.version, one.kind.code())).collect()
}

/// Bookings, in order.
pub(crate) fn bookings_in_words<'a>(bookings: impl IntoIterator<Item = &'a BookingId>) -> Vec<String> {
    let mut lines: Vec<_> = bookings.into_iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}
