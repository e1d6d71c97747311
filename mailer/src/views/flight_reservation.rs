//! Reservations as schema.org describes them (<https://schema.org/FlightReservation>), for mail clients.

use crate::domain::{KeptBooking, offset_time};
use documents::{TicketDocument, TicketPassenger, TicketSegment};
use serde::Serialize;
use shared::{events::Station, iata::AirlineCode};

/// What becomes of the reservations of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum ReservationStatus {
    /// The passenger has a ticket.
    #[serde(rename = "https://schema.org/ReservationConfirmed")]
    Confirmed,
    /// The passenger had one.
    #[serde(rename = "https://schema.org/ReservationCancelled")]
    Cancelled,
}

/// A passenger's reservation of a flight.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FlightReservation<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    reservation_number: &'a str,
    reservation_status: ReservationStatus,
    under_name: Person,
    reservation_for: &'a ReservedFlight<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    airplane_seat: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_number: Option<&'a str>,
    /// When the reservation became what it is: mail clients keep the newest.
    modified_time: String,
}

#[derive(Serialize)]
struct Person {
    #[serde(rename = "@type")]
    kind: &'static str,
    name: String,
}

/// The flight of reservations.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReservedFlight<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    flight_number: &'a str,
    airline: Airline<'a>,
    departure_airport: Airport<'a>,
    departure_time: String,
    arrival_airport: Airport<'a>,
    arrival_time: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Airline<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    name: &'a str,
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

/// What became of the reservations of a booking; `None` where there are none: before the payment.
pub(super) fn status(kept: &KeptBooking) -> Option<ReservationStatus> {
    let confirmed = kept.has_tickets().then_some(ReservationStatus::Confirmed);
    confirmed.or_else(|| kept.had_tickets().then_some(ReservationStatus::Cancelled))
}

/// The reservations of a booking, one for each passenger and flight, as they may stand in a script of HTML.
pub(super) fn script(ticket: &TicketDocument, status: ReservationStatus) -> String {
    let flights: Vec<_> = ticket.segments.iter().map(ReservedFlight::new).collect();
    let reservations = ticket.passengers.iter().flat_map(|passenger| {
        let flights = flights.iter().enumerate();
        flights.map(move |flight| FlightReservation::new(ticket, status, passenger, flight))
    });
    in_script(&reservations.collect::<Vec<_>>())
}

/// The JSON of a list, a line for each item, as it may stand in a script of HTML: what could end the script or a quoted
/// text is escaped as JSON allows it. Those characters stand in texts only.
pub(super) fn in_script(items: &[impl Serialize]) -> String {
    let mut script = String::with_capacity(items.len() * 768);
    for (number, item) in items.iter().enumerate() {
        script.push_str(if number == 0 { "[" } else { ",\n" });
        // Plain data always serialises.
        let json = serde_json::to_string(item).unwrap_or_default();
        let mut rest = json.as_str();
        while let Some(at) = rest.find(['<', '>', '&', '\'']) {
            let (plain, special) = rest.split_at(at);
            script.push_str(plain);
            script.push_str(match special.as_bytes()[0] {
                b'<' => "\\u003c",
                b'>' => "\\u003e",
                b'&' => "\\u0026",
                _ => "\\u0027",
            });
            rest = &special[1..];
        }
        script.push_str(rest);
    }
    script.push(']');
    script
}

impl<'a> ReservedFlight<'a> {
    fn new(segment: &'a TicketSegment) -> Self {
        let (number, airline) = (segment.flight_number.as_str(), segment.flight_number.airline());
        Self {
            kind: "Flight",
            flight_number: number.strip_prefix(airline.as_str()).unwrap_or(number),
            airline: Airline { kind: "Airline", name: &segment.airline, iata_code: airline },
            departure_airport: Airport::new(&segment.origin),
            departure_time: offset_time(&segment.departure),
            arrival_airport: Airport::new(&segment.destination),
            arrival_time: offset_time(&segment.arrival),
        }
    }
}

impl<'a> Airport<'a> {
    fn new(station: &'a Station) -> Self {
        Self { kind: "Airport", name: &station.name, iata_code: station.iata.as_str() }
    }
}

impl<'a> FlightReservation<'a> {
    /// The reservation of a passenger on a flight, counted from 0.
    fn new(
        ticket: &'a TicketDocument,
        reservation_status: ReservationStatus,
        passenger: &'a TicketPassenger,
        (at, reservation_for): (usize, &'a ReservedFlight<'a>),
    ) -> Self {
        Self {
            context: "https://schema.org",
            kind: "FlightReservation",
            reservation_number: &ticket.locator,
            reservation_status,
            under_name: Person { kind: "Person", name: passenger.full_name() },
            reservation_for,
            airplane_seat: passenger.seat_on(at).map(|seat| seat.to_string()),
            ticket_number: passenger.ticket_number.as_deref(),
            modified_time: ticket.issued_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::samples;
    use serde_json::{Value, json};

    #[test]
    fn a_reservation_has_what_mail_clients_want() {
        let ticket = samples::round_trip();
        let read: Vec<Value> = serde_json::from_str(&script(&ticket, ReservationStatus::Confirmed)).unwrap();
        assert_eq!(read.len(), 4);
        let wanted = json!({
            "@context": "https://schema.org", "@type": "FlightReservation", "reservationNumber": "K7XQ2M",
            "reservationStatus": "https://schema.org/ReservationConfirmed",
            "underName": {"@type": "Person", "name": "Ada Lovelace"},
            "reservationFor": {
                "@type": "Flight", "flightNumber": "102",
                "airline": {"@type": "Airline", "name": "Aerobus", "iataCode": "AE"},
                "departureAirport": {"@type": "Airport", "name": "John F. Kennedy International Airport", "iataCode": "JFK"},
                "departureTime": "2026-12-21T19:05:00-05:00",
                "arrivalAirport": {"@type": "Airport", "name": "Paris Charles de Gaulle Airport", "iataCode": "CDG"},
                "arrivalTime": "2026-12-22T08:15:00+01:00",
            },
            "airplaneSeat": "31H", "ticketNumber": "9972400000017", "modifiedTime": "2026-11-30T17:45:12Z",
        });
        assert_eq!(read[1], wanted);
        let cancelled = script(&ticket, ReservationStatus::Cancelled);
        assert_eq!(cancelled.matches("https://schema.org/ReservationCancelled").count(), 4);
    }

    #[test]
    fn no_text_ends_the_script() {
        let script = in_script(&[json!({"name": "a</script>&'"}), json!(2)]);
        assert!(!script.contains(['<', '>', '&', '\'']), "{script}");
        assert_eq!(serde_json::from_str::<Value>(&script).unwrap(), json!([{"name": "a</script>&'"}, 2]));
    }
}
