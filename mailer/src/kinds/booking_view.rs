//! A booking as letters show it: texts, ready to print.

use super::Undraftable;
use crate::domain::{Draft, Template, clean, local_time, offset_time, utc_time};
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    email::EmailAddress,
    events::{BookingPassenger, BookingSegment, BookingState, Event, Station},
    fare::{Brand, PassengerType},
    money::Money,
    seat::Cabin,
};

/// The language of all letters so far.
const LOCALE: &str = "en";

/// What the templates of bookings show. Stored with the letter, so what is not shown is not kept.
#[derive(Serialize)]
struct BookingView {
    locator: String,
    flights: Vec<FlightView>,
    passengers: Vec<PassengerView>,
    price: PriceView,
    /// When a hold ends.
    hold_expires: Option<String>,
    /// The sum given back; none where nothing is.
    refund: Option<String>,
    /// schema.org's view of the same, for mail clients.
    structured: Vec<Value>,
}

#[derive(Serialize)]
struct FlightView {
    number: String,
    from: StationView,
    to: StationView,
    departure: String,
    arrival: String,
    cabin: &'static str,
    brand: &'static str,
}

#[derive(Serialize)]
struct StationView {
    iata: String,
    city: String,
    airport: String,
}

#[derive(Serialize)]
struct PassengerView {
    name: String,
    kind: &'static str,
    ticket_number: Option<String>,
    seats: Vec<SeatView>,
}

#[derive(Serialize)]
struct SeatView {
    flight: String,
    seat: String,
}

#[derive(Serialize)]
struct PriceView {
    fare: String,
    taxes: String,
    total: String,
}

/// The state that an event carries.
pub(super) fn state(event: &Event) -> Result<BookingState, Undraftable> {
    Ok(event.data()?)
}

/// A letter about a booking to its contact.
pub(super) fn draft(
    booking: &BookingState,
    template: Template,
    title: &str,
) -> Result<Option<Draft>, Undraftable> {
    let contact = booking.contact.as_ref().ok_or(Undraftable::NoContact)?;
    let locator = clean(&booking.locator);
    let view = view(booking, &locator, template == Template::BookingConfirmed);
    Ok(Some(Draft {
        template,
        recipient: recipient(&contact.email),
        locale: LOCALE.to_owned(),
        subject: format!("{title}: {locator}, {}", route(&booking.segments)),
        reference: Some(locator),
        // Plain data always serialises.
        data: serde_json::to_value(view).unwrap_or_default(),
    }))
}

/// The address as it is kept. A text that is none is kept too: the letter fails by it, where staff see it.
fn recipient(text: &str) -> String {
    text.parse().map_or_else(|_| clean(text), |address: EmailAddress| address.as_str().to_owned())
}

fn view(booking: &BookingState, locator: &str, structured: bool) -> BookingView {
    let refunds = booking.refunds.iter().map(|refund| refund.amount);
    let refund = refunds.reduce(|sum, one| sum.checked_add(one).unwrap_or(sum)).filter(|sum| sum.minor > 0);
    let price = &booking.price;
    BookingView {
        locator: locator.to_owned(),
        flights: booking.segments.iter().map(flight).collect(),
        passengers: booking.passengers.iter().map(|passenger| person(passenger, &booking.segments)).collect(),
        price: PriceView { fare: money(price.fare), taxes: money(price.taxes), total: money(price.total) },
        hold_expires: booking.hold_expires_at.map(utc_time),
        refund: refund.map(money),
        structured: if structured { reservations(booking, locator) } else { Vec::new() },
    }
}

fn flight(segment: &BookingSegment) -> FlightView {
    FlightView {
        number: segment.flight_number.to_string(),
        from: station(&segment.origin),
        to: station(&segment.destination),
        departure: local_time(&segment.departure),
        arrival: local_time(&segment.arrival),
        cabin: match segment.cabin {
            Cabin::Economy => "Economy",
            Cabin::PremiumEconomy => "Premium economy",
            Cabin::Business => "Business",
            Cabin::First => "First",
        },
        brand: match segment.brand {
            Brand::Light => "Light",
            Brand::Standard => "Standard",
            Brand::Flex => "Flex",
        },
    }
}

fn station(station: &Station) -> StationView {
    StationView {
        iata: station.iata.to_string(),
        city: clean(&station.city.name),
        airport: clean(&station.name),
    }
}

fn person(passenger: &BookingPassenger, segments: &[BookingSegment]) -> PassengerView {
    let seat = |segment: &BookingSegment| {
        let seat = passenger.seats.iter().find(|seat| seat.flight_id == segment.flight_id)?;
        Some(SeatView { flight: segment.flight_number.to_string(), seat: seat.designator.to_string() })
    };
    PassengerView {
        name: name(passenger),
        kind: match passenger.r#type {
            PassengerType::Adt => "adult",
            PassengerType::Chd => "child",
            PassengerType::Inf => "infant",
        },
        ticket_number: passenger.ticket_number.as_deref().map(clean),
        seats: segments.iter().filter_map(seat).collect(),
    }
}

fn name(passenger: &BookingPassenger) -> String {
    clean(&format!("{} {}", clean(&passenger.given_name), clean(&passenger.family_name)))
}

fn money(money: Money) -> String {
    money.to_string()
}

/// The airports in the order of travel, `LHR-CDG-LHR`; a journey over land begins a new chain.
fn route(segments: &[BookingSegment]) -> String {
    let mut route = String::new();
    let mut at = None;
    for segment in segments {
        if at != Some(&segment.origin.iata) {
            if at.is_some() {
                route.push_str(", ");
            }
            route.push_str(segment.origin.iata.as_str());
        }
        route.push('-');
        route.push_str(segment.destination.iata.as_str());
        at = Some(&segment.destination.iata);
    }
    route
}

/// One `FlightReservation` (schema.org) per passenger and segment.
fn reservations(booking: &BookingState, locator: &str) -> Vec<Value> {
    let airport = |station: &Station| json!({"@type": "Airport", "name": clean(&station.name), "iataCode": station.iata});
    let of = |passenger: &BookingPassenger, segment: &BookingSegment| {
        let seat = passenger.seats.iter().find(|seat| seat.flight_id == segment.flight_id);
        let airline = segment.flight_number.airline();
        json!({
            "@context": "https://schema.org",
            "@type": "FlightReservation",
            "reservationNumber": locator,
            "reservationStatus": "https://schema.org/ReservationConfirmed",
            "underName": {"@type": "Person", "name": name(passenger)},
            "reservationFor": {
                "@type": "Flight",
                "flightNumber": segment.flight_number.as_str().trim_start_matches(airline.as_str()),
                "airline": {"@type": "Airline", "iataCode": airline},
                "departureAirport": airport(&segment.origin),
                "departureTime": offset_time(&segment.departure),
                "arrivalAirport": airport(&segment.destination),
                "arrivalTime": offset_time(&segment.arrival),
            },
            "airplaneSeat": seat.map(|seat| seat.designator.to_string()),
            "ticketNumber": passenger.ticket_number,
        })
    };
    let passengers = booking.passengers.iter();
    passengers
        .flat_map(|passenger| booking.segments.iter().map(move |segment| of(passenger, segment)))
        .collect()
}
