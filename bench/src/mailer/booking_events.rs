//! The events that letters are made of: bookings of two adults on two flights, each with an id of its own.

use documents::samples;
use shared::{
    events::{BookingContact, BookingPaymentStatus, BookingState, BookingStatus, Event, EventType},
    ids::BookingId,
};

/// Events of a type, each of another booking. `booking.confirmed` makes a letter with documents, `booking.held` one
/// without.
#[must_use]
pub fn events(kind: EventType, count: usize) -> Vec<Event> {
    let booking = booking(kind);
    let event = |_| {
        let booking = BookingState { id: BookingId::new(), ..booking.clone() };
        Event::new("booking", kind, booking.id, booking.version, &booking)
    };
    (0..count).map(event).collect()
}

fn booking(kind: EventType) -> BookingState {
    let confirmed = samples::booking_of(&samples::round_trip());
    let contact = BookingContact { email: "ada@example.org".to_owned(), phone: None, locale: None };
    let mut booking = BookingState { contact: Some(contact), ..confirmed };
    if kind == EventType::BookingHeld {
        booking.status = BookingStatus::Held;
        booking.payment_status = BookingPaymentStatus::Awaiting;
        booking.hold_expires_at = Some(booking.created_at);
        booking.passengers.iter_mut().for_each(|passenger| passenger.ticket_number = None);
        booking.segments.iter_mut().for_each(|segment| segment.status = BookingStatus::Held);
    }
    booking
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_of_another_booking() {
        for kind in [EventType::BookingConfirmed, EventType::BookingHeld] {
            let events = events(kind, 2);
            assert!(events[0].subject != events[1].subject && events[0].id != events[1].id);
            let read: BookingState = events[0].data.read().unwrap();
            assert_eq!(read.id.to_string(), events[0].subject);
            assert_eq!(read.status == BookingStatus::Confirmed, kind == EventType::BookingConfirmed);
        }
    }
}
