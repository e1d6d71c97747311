//! A booking as letters show it: ready-made texts.

use super::{
    flight_reservation::{FlightReservation, ReservedFlight},
    language::LOCALE,
    letter_kind::{DraftError, recipient},
    letter_view::{LetterFlight, LetterPassenger, LetterSeat, LetterStation},
};
use crate::domain::{LetterDraft, LetterTemplate, local_time, single_line, utc_time};
use serde::Serialize;
use shared::{
    events::{BookingPassenger, BookingSegment, BookingState, Station},
    fare::{Brand, PassengerType},
    money::Money,
    seat::Cabin,
};

/// The data of a letter about a booking. The letter keeps it, so it holds nothing that the templates do not show.
#[derive(Serialize)]
struct BookingLetter<'a> {
    locator: &'a str,
    flights: &'a [LetterFlight],
    passengers: &'a [LetterPassenger],
    price: LetterPrice,
    /// When a hold ends.
    hold_expires: Option<String>,
    /// The refunded sum; none where nothing is refunded.
    refund: Option<String>,
    /// schema.org's view of the same, for mail clients: a reservation per passenger and flight.
    structured: Vec<FlightReservation<'a>>,
}

#[derive(Serialize)]
struct LetterPrice {
    fare: String,
    taxes: String,
    total: String,
}

/// A letter about a booking to its contact.
pub(super) fn draft(
    booking: &BookingState,
    template: LetterTemplate,
    title: &str,
) -> Result<Option<LetterDraft>, DraftError> {
    let contact = booking.contact.as_ref().ok_or(DraftError::NoContact)?;
    let locator = single_line(&booking.locator);
    let data = data(booking, &locator, template == LetterTemplate::BookingConfirmed);
    Ok(Some(LetterDraft {
        template,
        recipient: recipient(&contact.email),
        locale: LOCALE,
        subject: format!("{title}: {locator}, {}", route(&booking.segments)),
        about: None,
        reference: Some(locator),
        data,
        token: None,
    }))
}

/// What a letter about a booking keeps, as JSON.
fn data(booking: &BookingState, locator: &str, structured: bool) -> String {
    let refunds = booking.refunds.iter().map(|refund| refund.amount);
    let refund = refunds.reduce(|sum, one| sum.checked_add(one).unwrap_or(sum)).filter(|sum| sum.minor > 0);
    let price = &booking.price;
    let segments = if structured { booking.segments.as_slice() } else { &[] };
    let flights: Vec<_> = booking.segments.iter().map(flight).collect();
    let passengers: Vec<_> =
        booking.passengers.iter().map(|passenger| person(passenger, &booking.segments)).collect();
    let reserved: Vec<_> =
        segments.iter().zip(&flights).map(|(segment, shown)| ReservedFlight::new(segment, shown)).collect();
    let reservations = booking.passengers.iter().zip(&passengers).flat_map(|passenger| {
        let of = move |flight| FlightReservation::new(locator, passenger, flight);
        segments.iter().zip(&reserved).map(of)
    });
    let letter = BookingLetter {
        locator,
        flights: &flights,
        passengers: &passengers,
        price: LetterPrice { fare: money(price.fare), taxes: money(price.taxes), total: money(price.total) },
        hold_expires: booking.hold_expires_at.map(utc_time),
        refund: refund.map(money),
        structured: reservations.collect(),
    };
    // Plain data always serialises.
    serde_json::to_string(&letter).unwrap_or_default()
}

fn flight(segment: &BookingSegment) -> LetterFlight {
    LetterFlight {
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

fn station(station: &Station) -> LetterStation {
    LetterStation {
        iata: station.iata.to_string(),
        city: single_line(&station.city.name),
        airport: single_line(&station.name),
    }
}

fn person(passenger: &BookingPassenger, segments: &[BookingSegment]) -> LetterPassenger {
    let seat = |segment: &BookingSegment| {
        let seat = passenger.seats.iter().find(|seat| seat.flight_id == segment.flight_id)?;
        Some(LetterSeat { flight: segment.flight_number.to_string(), seat: seat.designator.to_string() })
    };
    LetterPassenger {
        name: name(passenger),
        kind: match passenger.r#type {
            PassengerType::Adt => "adult",
            PassengerType::Chd => "child",
            PassengerType::Inf => "infant",
        },
        ticket_number: passenger.ticket_number.as_deref().map(single_line),
        seats: segments.iter().filter_map(seat).collect(),
    }
}

fn name(passenger: &BookingPassenger) -> String {
    single_line(&format!("{} {}", single_line(&passenger.given_name), single_line(&passenger.family_name)))
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
