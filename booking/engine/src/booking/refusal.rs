//! Expected answers that are no booking. Faults of ours are no refusals.

use chrono::TimeDelta;
use shared_types::{ids::FlightId, money::Money, seat::SeatDesignator};
use std::fmt::Display;

/// A seat of a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct FlightSeat {
    pub flight_id: FlightId,
    pub designator: SeatDesignator,
}

/// A member of a request that a rule may refuse. Whoever speaks with clients names it in their way.
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
    /// How long the seats are to be held.
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

/// A member of a request that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidMember {
    /// Which one.
    pub member: Member,
    /// What is wrong with it, for people.
    pub reason: String,
}

impl InvalidMember {
    /// A member with what is wrong with it.
    pub fn new(member: Member, reason: impl Display) -> Self {
        Self { member, reason: reason.to_string() }
    }
}

/// Why something cannot be done. Each has its code in the HTTP contract.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// Values that cannot be, found only with the flight at hand.
    Invalid(Vec<InvalidMember>),
    /// Seats that may not be given to those passengers, by member.
    SeatNotAllowed(Vec<InvalidMember>),
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
