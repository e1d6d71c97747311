//! Rows of the tables that the ledger decides about, and how a booking is laid out in them.

use crate::{
    booking::{
        idempotency::StoredAnswer,
        record::{Booking, Segment},
        refusal::FlightSeat,
    },
    passengers::passenger::Passenger,
};
use chrono::{DateTime, Utc};
use shared_types::{
    ids::{BookingId, FlightId, UserId},
    seat::SeatDesignator,
};

/// A seat of a flight with the booking that it belongs to, or is to belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeatRow {
    /// The seat.
    pub seat: FlightSeat,
    /// Whose it is.
    pub booking: BookingId,
    /// Held where it is not sold.
    pub sold: bool,
}

/// The key of an account's passenger on a flight; the last part is the fingerprint of names and date of birth.
pub type PassengerFlightKey = (FlightId, UserId, i64);

/// A traveller of a booking on a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TravellerRow {
    /// The flight.
    pub flight: FlightId,
    /// The account that has booked.
    pub owner: UserId,
    /// Of the person's names and date of birth.
    pub fingerprint: i64,
    /// The booking.
    pub booking: BookingId,
    /// Whether a seat belongs to it.
    pub seated: bool,
}

impl TravellerRow {
    /// Its key: unique among live bookings.
    pub fn key(&self) -> PassengerFlightKey {
        (self.flight, self.owner, self.fingerprint)
    }
}

/// A hold that has ended but stands in the way, with one thing that it has of what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleHold {
    /// The hold.
    pub booking: BookingId,
    /// What it keeps from others.
    pub has: Blocked,
}

/// What a hold keeps from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// A seat.
    Seat(FlightSeat),
    /// A passenger's key on a flight.
    Passenger(PassengerFlightKey),
}

/// A flight whose row is locked.
#[derive(Debug, Clone, Copy)]
pub struct LockedFlight {
    /// The version of its state.
    pub version: i64,
    /// When it departs.
    pub departure_at: DateTime<Utc>,
    /// Whether it is sold.
    pub on_sale: bool,
    /// Booking's own sequence of seat changes.
    pub seats_version: i64,
}

/// What is known of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownKey {
    /// Its request runs, or its payment is unsettled.
    Running,
    /// Its request had this answer.
    Answered(StoredAnswer),
    /// It was used with another body.
    OtherBody,
}

/// The answer of a key.
#[derive(Debug, Clone)]
pub struct KeyAnswer {
    /// The scope of the key.
    pub scope: Vec<u8>,
    /// The booking that the key is bound to.
    pub booking: BookingId,
    /// What was answered.
    pub answer: StoredAnswer,
}

/// Seats that an unverified account holds with a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnverifiedHold {
    /// The account.
    pub owner: UserId,
    /// The booking.
    pub booking: BookingId,
    /// How many seats, on all flights together.
    pub seats: i16,
}

/// The rows of all seats of a booking.
pub fn seat_rows(booking: &Booking, sold: bool) -> impl Iterator<Item = SeatRow> + '_ {
    seat_rows_of(booking.id, booking.seats(), sold)
}

/// The rows of seats that belong, or are to belong, to a booking.
pub fn seat_rows_of(
    booking: BookingId,
    seats: impl Iterator<Item = (FlightId, SeatDesignator)>,
    sold: bool,
) -> impl Iterator<Item = SeatRow> {
    seats.map(move |(flight_id, designator)| SeatRow {
        seat: FlightSeat { flight_id, designator },
        booking,
        sold,
    })
}

/// Whose travellers rows are of: a booking, or an order that is to become one.
#[derive(Debug, Clone, Copy)]
pub struct Travellers<'a> {
    /// The booking.
    pub booking: BookingId,
    /// The account.
    pub owner: UserId,
    /// The flights.
    pub segments: &'a [Segment],
    /// The people.
    pub passengers: &'a [Passenger],
}

impl<'a> From<&'a Booking> for Travellers<'a> {
    fn from(booking: &'a Booking) -> Self {
        let Booking { id, owner_id, segments, passengers, .. } = booking;
        Self { booking: *id, owner: *owner_id, segments, passengers }
    }
}

impl<'a> Travellers<'a> {
    /// The rows of all travellers, on each of the flights.
    pub fn rows(self) -> impl Iterator<Item = TravellerRow> + 'a {
        self.passengers.iter().flat_map(move |one| self.rows_of(one, one.fingerprint()))
    }

    /// The rows of all travellers as earlier releases may have written them; where they are the same they are not
    /// repeated.
    pub fn former_rows(self) -> impl Iterator<Item = TravellerRow> + 'a {
        self.passengers.iter().flat_map(move |one| {
            let former = one.former_fingerprints().into_iter();
            former.flat_map(move |fingerprint| self.rows_of(one, fingerprint))
        })
    }

    /// The rows of one traveller under a fingerprint.
    pub fn rows_of(
        self,
        passenger: &Passenger,
        fingerprint: i64,
    ) -> impl Iterator<Item = TravellerRow> + use<'a> {
        let (owner, booking, seated) = (self.owner, self.booking, passenger.kind.has_seat());
        let flights = self.segments.iter().map(|segment| segment.flight_id);
        flights.map(move |flight| TravellerRow { flight, owner, fingerprint, booking, seated })
    }
}
