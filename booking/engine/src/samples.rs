//! A flight and a booking for tests.

#![expect(clippy::unwrap_used, reason = "samples are constant: only tests meet them")]

use crate::{
    booking::{
        hold::{Allowance, HoldTime},
        priced_order::PricedOrder,
    },
    booking::{
        locator::Locator,
        record::{Booking, Segment},
    },
    ledger::command::Claim,
    passengers::{contact::Contact, passenger::Passenger},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared_types::{
    events::{BookingPaymentStatus, BookingStatus, FlightState},
    fare::{Brand, PassengerType},
    flight_time::FlightTime,
    ids::{BookingId, FlightId, PassengerId, UserId},
    money::Currency,
    seat::Cabin,
};

/// A flight of nine rows of economy that departs in 30 days.
pub fn flight() -> FlightState {
    let departs =
        DateTime::from_timestamp((Utc::now() + TimeDelta::days(30)).timestamp() / 60 * 60, 0).unwrap();
    let time = |at, zone| FlightTime::from_instant(at, zone).unwrap();
    let station = |iata: &str, zone: &str| {
        json!({
            "iata": iata, "name": iata, "city": {"code": iata, "name": iata}, "country": "GB", "time_zone": zone,
        })
    };
    serde_json::from_value(json!({
        "id": FlightId::new(), "version": 1, "flight_number": "AE101",
        "airline": {"code": "AE", "name": "Aerobus Airlines", "accounting_code": "997"},
        "origin": station("LHR", "Europe/London"), "destination": station("EDI", "Europe/London"),
        "departure": time(departs, "Europe/London"), "arrival": time(departs + TimeDelta::hours(1), "Europe/London"),
        "airplane": "G-AERO", "aircraft_type": {"code": "320", "name": "Airbus A320"},
        "seat_plan": {
            "cabins": [{"cabin": "economy", "rows": [4, 12], "columns": "ABC|DEF"}],
            "exit_rows": [], "blocked_seats": [],
        },
        "fares": [{"cabin": "economy", "brand": "standard", "base_price": {"amount": "106.00", "currency": "EUR"}}],
        "status": "scheduled", "reason": null,
    }))
    .unwrap()
}

/// A hold of one adult for each seat, made now, for 15 minutes.
pub fn booking(flight: FlightId, seats: &[&str]) -> Booking {
    let now = Utc::now();
    let passenger = |(index, seat): (usize, &&str)| Passenger {
        id: PassengerId::new(),
        kind: PassengerType::Adt,
        given_name: "Ada".parse().unwrap(),
        family_name: "x".repeat(index + 1).parse().unwrap(),
        booked_name: None,
        born_on: "1990-05-17".parse().unwrap(),
        ticket_number: None,
        seats: vec![Some(seat.parse().unwrap())],
    };
    Booking {
        id: BookingId::new(),
        locator: Locator::draw(),
        owner_id: UserId::new(),
        status: BookingStatus::Held,
        payment_status: BookingPaymentStatus::Awaiting,
        hold_expires_at: now + TimeDelta::minutes(15),
        currency: Currency::EUR,
        contact: Contact { email: "ada@example.org".parse().unwrap(), phone: None, locale: None },
        segments: vec![Segment {
            flight_id: flight,
            cabin: Cabin::Economy,
            brand: Brand::Standard,
            fare: 5088,
            taxes: 800,
            flight_version: 1,
        }],
        passengers: seats.iter().enumerate().map(passenger).collect(),
        payments: Vec::new(),
        refunds: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: now,
        confirmed_at: None,
    }
}

/// A claim whose booking is like [`booking`].
pub fn claim(flight: FlightId, seats: &[&str]) -> Claim {
    claim_of(booking(flight, seats))
}

/// The claim that becomes this booking.
pub fn claim_of(booking: Booking) -> Claim {
    let Booking { id, locator, owner_id: owner, currency, contact, segments, passengers, .. } = booking;
    let (departure, now) = (Utc::now() + TimeDelta::days(30), Utc::now());
    Claim {
        id,
        locator,
        order: PricedOrder { owner, currency, contact, segments, passengers },
        hold: HoldTime::new(None, departure, now, 1440).unwrap(),
        priced_from: Vec::new(),
        payment: None,
        key: None,
        allowance: Allowance::PerFlight,
        stale: Vec::new(),
    }
}
