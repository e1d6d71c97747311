//! Passengers as templates show them.

use documents::{Catalogue, TicketDocument, TicketPassenger, TicketSegment};
use serde::Serialize;

/// A passenger.
#[derive(Serialize)]
pub(super) struct PassengerView<'a> {
    name: String,
    /// The type, with the ticket number where there is one.
    about: String,
    /// In the order of travel.
    seats: Vec<SeatView<'a>>,
}

/// A seat on a flight.
#[derive(Serialize)]
struct SeatView<'a> {
    flight: &'a str,
    seat: String,
}

impl<'a> PassengerView<'a> {
    pub(super) fn new(ticket: &'a TicketDocument, texts: &Catalogue, passenger: &TicketPassenger) -> Self {
        let kind = texts.text(&format!("type-{}", passenger.r#type.as_str()));
        let seat = |(at, segment): (usize, &'a TicketSegment)| {
            let seat = passenger.seat_on(at)?.to_string();
            Some(SeatView { flight: segment.flight_number.as_str(), seat })
        };
        Self {
            name: passenger.full_name(),
            about: match &passenger.ticket_number {
                Some(number) => texts.with("type-and-ticket", [("type", &kind), ("ticket", number)]),
                None => kind,
            },
            seats: ticket.segments.iter().enumerate().filter_map(seat).collect(),
        }
    }
}
