//! Expected answers that are no booking. Faults of ours are no refusals.

use chrono::TimeDelta;
use shared::{http::FieldError, ids::FlightId, money::Money, seat::SeatDesignator};

/// A seat of a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub(crate) struct FlightSeat {
    pub(crate) flight_id: FlightId,
    pub(crate) designator: SeatDesignator,
}

/// Why something cannot be done. Each has its code in the HTTP contract.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    /// Values that cannot be, found only with the flight at hand.
    Invalid(Vec<FieldError>),
    /// Seats that may not be given to those passengers, by pointer.
    SeatNotAllowed(Vec<FieldError>),
    /// All wanted seats that are held or sold.
    SeatTaken(Vec<FlightSeat>),
    /// Fewer seats are left in the cabin than the party needs.
    FlightFull,
    /// Cancelled, closed, departed, or too close to its departure.
    FlightNotBookable,
    /// Flights have changed since seats and prices were taken from them: both are to be taken again.
    FlightChanged(Vec<FlightId>),
    /// There is no such booking or flight, or not for this caller.
    NotFound,
    HoldExpired,
    HoldLimit,
    AlreadyPaid,
    /// The quote is unknown, too old, or of the booking as it was before a change.
    QuoteExpired,
    /// The booking is not as the caller knew it.
    Stale,
    AlreadyCancelled,
    PaymentInProgress,
    /// Too many payments were declined; the hold still lasts for so long.
    TooManyDeclined(TimeDelta),
    PassengerAlreadyBooked,
    /// The price is higher than expected.
    PriceChanged(Money),
    /// The key was used with another body.
    KeyReused,
    /// The first request under the key still runs, or its payment is unsettled.
    KeyInProgress,
}
