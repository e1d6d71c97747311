//! Refusals: expected answers other than a booking. Faults of this service are no refusals.

use chrono::TimeDelta;
use shared_types::{ids::FlightId, money::Money, seat::SeatDesignator};
use std::fmt::Display;

/// A seat of a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct FlightSeat {
    /// The flight.
    pub flight_id: FlightId,
    /// Row and letter.
    pub designator: SeatDesignator,
}

/// A member of a request that a rule may refuse. The HTTP layer turns it into a JSON pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// All flights of an order together.
    Segments,
    /// A flight of an order, by its position.
    Segment(usize),
    /// The flight that a segment names.
    SegmentFlight(usize),
    /// The cabin of a segment.
    Cabin(usize),
    /// The brand of a segment's fare.
    Brand(usize),
    /// All passengers of an order together.
    Passengers,
    /// A passenger of an order, by its position.
    Passenger(usize),
    /// The date of birth of a passenger.
    BornOn(usize),
    /// The seat of a passenger on a segment.
    Seat {
        /// The passenger's position.
        passenger: usize,
        /// The segment's position.
        segment: usize,
    },
    /// The highest price that the client accepts.
    ExpectedTotal,
    /// The requested duration of the hold.
    HoldMinutes,
    /// The passenger of a change of seats, by the change's position.
    ChangePassenger(usize),
    /// The flight of a change of seats.
    ChangeFlight(usize),
    /// The seat of a change of seats.
    ChangeSeat(usize),
    /// The given name of a correction.
    GivenName,
    /// The family name of a correction.
    FamilyName,
}

/// A member of a request with an invalid value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidMember {
    /// The invalid member.
    pub member: Member,
    /// The error, for people.
    pub reason: String,
}

impl InvalidMember {
    /// An invalid member with its error.
    pub fn new(member: Member, reason: impl Display) -> Self {
        Self { member, reason: reason.to_string() }
    }
}

/// The reason why a request has no effect. Each reason has a code in the HTTP contract.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// Invalid values, which only a look at booking and flights could find.
    Invalid(Vec<InvalidMember>),
    /// Chosen seats that their passengers may not have, by member.
    SeatNotAllowed(Vec<InvalidMember>),
    /// The wanted seats that are held or sold.
    SeatTaken(Vec<FlightSeat>),
    /// The cabin has fewer free seats than the party needs.
    FlightFull,
    /// A flight is cancelled, closed, departed, or too close to its departure.
    FlightNotBookable,
    /// These flights have changed since the order was priced: it has to be priced again.
    FlightChanged(Vec<FlightId>),
    /// There is no such booking, flight or passenger, or the caller may not see it.
    NotFound,
    /// The hold has ended.
    HoldExpired,
    /// The account would hold more unpaid seats than its [`Allowance`](super::hold::Allowance) permits.
    HoldLimit,
    /// The booking is confirmed.
    AlreadyPaid,
    /// The quote is unknown or too old, or the booking has changed since.
    QuoteExpired,
    /// The booking has another version than the caller relies on.
    Stale,
    /// The booking is cancelled.
    AlreadyCancelled,
    /// A payment of the booking is under way.
    PaymentInProgress,
    /// Too many payments of the booking were declined. Carries the time until the hold ends.
    TooManyDeclined(TimeDelta),
    /// The account has a live booking of a passenger with the same names and date of birth on a flight.
    PassengerAlreadyBooked,
    /// The price is higher than the client accepts. Carries the price.
    PriceChanged(Money),
    /// The idempotency key was used with another body.
    KeyReused,
    /// The first request under the idempotency key still runs, or its payment is unsettled.
    KeyInProgress,
}
