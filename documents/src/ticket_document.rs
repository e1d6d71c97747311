//! What a document tells of a booking: the input of every document.

use crate::DocumentLanguage;
use chrono::{DateTime, Utc};
use shared_types::{
    events::{BookingPassenger, BookingPrice, BookingSegment, BookingState, BookingStatus, Station},
    fare::{Brand, PassengerType},
    fare_conditions::FareConditions,
    flight_time::FlightTime,
    iata::FlightNumber,
    ids::{BookingId, FlightId},
    seat::{Cabin, SeatDesignator},
};

/// A booking as its documents tell it. Equal input gives equal documents, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketDocument {
    /// The booking.
    pub booking_id: BookingId,
    /// Its version, which grows with each change: the sequence number of its calendar.
    pub version: i64,
    /// The six characters that travellers keep.
    pub locator: String,
    /// The name that stands at the head: the airline's.
    pub issuer: String,
    /// The travellers, in the order of the booking.
    pub passengers: Vec<TicketPassenger>,
    /// The flights, in the order of travel.
    pub segments: Vec<TicketSegment>,
    /// What all of it costs.
    pub price: BookingPrice,
    /// The language of the texts, and of dates and amounts.
    pub language: DocumentLanguage,
    /// When the documents were issued: the time of the booking's version, not that of the rendering.
    pub issued_at: DateTime<Utc>,
    /// The page on which travellers find and change the booking, where there is one.
    pub manage_url: Option<String>,
}

impl TicketDocument {
    /// The documents' view of a booking, as events and the HTTP contract tell it. An airline whose name the booking does
    /// not tell is named by its code. (A [`DocumentIssuer`](crate::DocumentIssuer) adds what an installation has.)
    #[must_use]
    pub fn of_booking(booking: &BookingState, language: DocumentLanguage, issuer: &str) -> Self {
        let passenger = |passenger| TicketPassenger::of_booking(passenger, &booking.segments);
        let segment = |segment: &BookingSegment| TicketSegment {
            flight_id: segment.flight_id,
            flight_number: segment.flight_number.clone(),
            airline: segment.airline.clone().unwrap_or_else(|| segment.flight_number.airline().to_string()),
            origin: segment.origin.clone(),
            destination: segment.destination.clone(),
            departure: segment.departure.clone(),
            arrival: segment.arrival.clone(),
            cabin: segment.cabin,
            brand: segment.brand,
            conditions: FareConditions::of(segment.brand, booking.price.total.currency),
            status: segment.status,
        };
        Self {
            booking_id: booking.id,
            version: booking.version,
            locator: booking.locator.clone(),
            issuer: issuer.to_owned(),
            passengers: booking.passengers.iter().map(passenger).collect(),
            segments: booking.segments.iter().map(segment).collect(),
            price: booking.price.clone(),
            language,
            issued_at: booking.updated_at,
            manage_url: None,
        }
    }

    /// The name of the ticket's file: `e-ticket-K7XQ2M.pdf`.
    #[must_use]
    pub fn pdf_name(&self) -> String {
        format!("e-ticket-{}.pdf", self.file_locator())
    }

    /// The name of the calendar's file: `flights-K7XQ2M.ics`.
    #[must_use]
    pub fn calendar_name(&self) -> String {
        format!("flights-{}.ics", self.file_locator())
    }

    /// The locator in characters that every header and file system takes.
    fn file_locator(&self) -> String {
        self.locator.chars().filter(char::is_ascii_alphanumeric).collect()
    }
}

/// A traveller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketPassenger {
    /// By age at the last flight.
    pub r#type: PassengerType,
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// The e-ticket number: 13 digits, once ticketed.
    pub ticket_number: Option<String>,
    /// One a segment, in the order of the segments. Missing ones count as not assigned.
    pub seats: Vec<Option<SeatDesignator>>,
}

impl TicketPassenger {
    fn of_booking(passenger: &BookingPassenger, segments: &[BookingSegment]) -> Self {
        let seat = |segment: &BookingSegment| {
            let booked = passenger.seats.iter().find(|seat| seat.flight_id == segment.flight_id);
            booked.map(|seat| seat.designator)
        };
        Self {
            r#type: passenger.r#type,
            given_name: passenger.given_name.clone(),
            family_name: passenger.family_name.clone(),
            ticket_number: passenger.ticket_number.clone(),
            seats: segments.iter().map(seat).collect(),
        }
    }

    /// The name as it is read: given names first.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name).trim().to_owned()
    }

    /// The seat on a segment, counted from 0.
    #[must_use]
    pub fn seat_on(&self, segment: usize) -> Option<SeatDesignator> {
        self.seats.get(segment).copied().flatten()
    }
}

/// A flight of the booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSegment {
    /// The flight.
    pub flight_id: FlightId,
    /// Its number.
    pub flight_number: FlightNumber,
    /// The name of its airline.
    pub airline: String,
    /// From where.
    pub origin: Station,
    /// To where.
    pub destination: Station,
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
    /// The cabin booked.
    pub cabin: Cabin,
    /// The fare's brand.
    pub brand: Brand,
    /// What the fare allows.
    pub conditions: FareConditions,
    /// Where the segment is in its life.
    pub status: BookingStatus,
}

impl TicketSegment {
    /// Days by which the local date of the arrival is after that of the departure; negative across the date line.
    #[must_use]
    pub fn arrival_day_offset(&self) -> i64 {
        (self.arrival.local.date() - self.departure.local.date()).num_days()
    }

    /// Elapsed minutes from departure to arrival.
    #[must_use]
    pub fn duration_minutes(&self) -> i64 {
        (self.arrival.at - self.departure.at).num_minutes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_booking_becomes_its_ticket() {
        let mut ticket = samples::round_trip();
        // A seat on the second flight only: it must not move to the first.
        ticket.passengers[1].seats[0] = None;
        ticket.manage_url = None;
        let mut booking = samples::booking_of(&ticket);
        assert_eq!(TicketDocument::of_booking(&booking, ticket.language, "Aerobus"), ticket);
        booking.segments[0].airline = None;
        let made = TicketDocument::of_booking(&booking, ticket.language, "Aerobus");
        assert_eq!(made.segments[0].airline, "AE", "what an earlier release told is still a ticket");
    }

    #[test]
    fn files_are_named_by_the_locator() {
        let ticket = TicketDocument { locator: "K7\"/X\r\nQ2M".to_owned(), ..samples::round_trip() };
        assert_eq!(ticket.pdf_name(), "e-ticket-K7XQ2M.pdf");
        assert_eq!(ticket.calendar_name(), "flights-K7XQ2M.ics");
    }

    #[test]
    fn days_and_durations_follow_the_zones() {
        let ticket = samples::round_trip();
        assert_eq!(ticket.segments[0].arrival_day_offset(), 0);
        assert_eq!(ticket.segments[0].duration_minutes(), 8 * 60 + 25);
        assert_eq!(ticket.segments[1].arrival_day_offset(), 1);
        assert_eq!(ticket.segments[1].duration_minutes(), 7 * 60 + 10);
    }

    #[test]
    fn a_missing_seat_is_not_assigned() {
        let ticket = samples::round_trip();
        assert_eq!(ticket.passengers[0].seat_on(0).map(|seat| seat.to_string()).as_deref(), Some("12A"));
        assert_eq!(ticket.passengers[0].seat_on(9), None);
    }
}
