//! Reservations as schema.org describes them, for mail clients.

use super::letter_view::{LetterFlight, LetterPassenger, LetterStation};
use crate::domain::offset_time;
use serde::Serialize;
use shared::{
    events::{BookingPassenger, BookingSegment},
    iata::AirlineCode,
};

/// A passenger's reservation of a flight.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlightReservation<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    reservation_number: &'a str,
    reservation_status: &'static str,
    under_name: Person<'a>,
    reservation_for: &'a ReservedFlight<'a>,
    airplane_seat: Option<String>,
    ticket_number: Option<&'a str>,
}

#[derive(Serialize)]
struct Person<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    name: &'a str,
}

/// The flight of reservations.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReservedFlight<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    flight_number: &'a str,
    airline: Airline,
    departure_airport: Airport<'a>,
    departure_time: String,
    arrival_airport: Airport<'a>,
    arrival_time: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Airline {
    #[serde(rename = "@type")]
    kind: &'static str,
    iata_code: AirlineCode,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Airport<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    name: &'a str,
    iata_code: &'a str,
}

impl<'a> ReservedFlight<'a> {
    /// The flight of a segment; `shown` is the same as the letter shows it.
    pub(super) fn new(segment: &'a BookingSegment, shown: &'a LetterFlight) -> Self {
        let airline = segment.flight_number.airline();
        Self {
            kind: "Flight",
            flight_number: segment.flight_number.as_str().trim_start_matches(airline.as_str()),
            airline: Airline { kind: "Airline", iata_code: airline },
            departure_airport: Airport::new(&shown.from),
            departure_time: offset_time(&segment.departure),
            arrival_airport: Airport::new(&shown.to),
            arrival_time: offset_time(&segment.arrival),
        }
    }
}

impl<'a> Airport<'a> {
    fn new(shown: &'a LetterStation) -> Self {
        Self { kind: "Airport", name: &shown.airport, iata_code: &shown.iata }
    }
}

impl<'a> FlightReservation<'a> {
    /// The reservation of a passenger on the flight of a segment; `shown` is the passenger as the letter shows it.
    pub(super) fn new(
        locator: &'a str,
        (passenger, shown): (&'a BookingPassenger, &'a LetterPassenger),
        (segment, flight): (&BookingSegment, &'a ReservedFlight<'a>),
    ) -> Self {
        let seat = passenger.seats.iter().find(|seat| seat.flight_id == segment.flight_id);
        Self {
            context: "https://schema.org",
            kind: "FlightReservation",
            reservation_number: locator,
            reservation_status: "https://schema.org/ReservationConfirmed",
            under_name: Person { kind: "Person", name: &shown.name },
            reservation_for: flight,
            airplane_seat: seat.map(|seat| seat.designator.to_string()),
            ticket_number: passenger.ticket_number.as_deref(),
        }
    }
}
