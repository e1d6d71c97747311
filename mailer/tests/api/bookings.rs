//! Bookings as events carry them.

use serde_json::{Value, json};
use shared::{
    events::{Event, EventType},
    ids::{BookingId, FlightId, PassengerId, PaymentId, UserId},
};

/// A station as a booking has it.
fn station(iata: &str, name: &str, city: (&str, &str), country: &str, time_zone: &str) -> Value {
    json!({"iata": iata, "name": name, "city": {"code": city.0, "name": city.1}, "country": country, "time_zone": time_zone})
}

/// A confirmed booking: two passengers and an infant from Paris to New York.
pub(crate) fn confirmed() -> Value {
    let (flight, now) = (FlightId::new(), chrono::Utc::now());
    let money = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let passenger = |kind: &str, given: &str, ticket: &str, seat: Option<&str>| {
        let seats: Vec<Value> =
            seat.iter().map(|seat| json!({"flight_id": flight, "designator": seat})).collect();
        json!({
            "id": PassengerId::new(), "type": kind, "given_name": given, "family_name": "Lovelace",
            "born_on": "1990-12-10", "ticket_number": ticket, "seats": seats,
        })
    };
    json!({
        "id": BookingId::new(), "locator": "K7XQ2M", "owner_id": UserId::new(), "status": "confirmed",
        "payment_status": "paid", "hold_expires_at": null,
        "segments": [{
            "flight_id": flight, "flight_number": "AE101",
            "origin": station("CDG", "Charles de Gaulle", ("PAR", "Paris"), "FR", "Europe/Paris"),
            "destination": station("JFK", "John F. Kennedy", ("NYC", "New York"), "US", "America/New_York"),
            "departure": {"at": "2026-12-01T09:30:00Z", "local": "2026-12-01T10:30", "time_zone": "Europe/Paris"},
            "arrival": {"at": "2026-12-01T17:45:00Z", "local": "2026-12-01T12:45", "time_zone": "America/New_York"},
            "cabin": "premium_economy", "brand": "flex", "status": "confirmed",
        }],
        "passengers": [
            passenger("ADT", "Ada", "9971234567890", Some("12A")),
            passenger("CHD", "Byron", "9971234567891", Some("12B")),
            passenger("INF", "Annabella", "9971234567892", None),
        ],
        "contact": {"email": "ada@example.org", "phone": null},
        "price": {"fare": money("1203.40"), "taxes": money("120.00"), "total": money("1323.40")},
        "payments": [{
            "id": PaymentId::new(), "method": "card", "amount": money("1323.40"), "status": "captured", "created_at": now,
        }],
        "refunds": [], "available_actions": ["cancel"], "version": 2, "created_at": now, "updated_at": now,
    })
}

/// The same booking before its payment, version 1.
pub(crate) fn held(confirmed: &Value) -> Value {
    let mut booking = confirmed.clone();
    booking["status"] = "held".into();
    booking["payment_status"] = "awaiting".into();
    booking["hold_expires_at"] = "2026-11-20T12:00:00Z".into();
    booking["version"] = 1.into();
    booking
}

/// An event of a booking.
pub(crate) fn event(kind: EventType, booking: &Value) -> Event {
    let version = booking["version"].as_i64().unwrap_or_default();
    Event::new("booking", kind, booking["id"].as_str().unwrap_or_default(), version, booking)
}

/// `booking.confirmed` of a booking.
pub(crate) fn confirmation(booking: &Value) -> Event {
    event(EventType::BookingConfirmed, booking)
}
