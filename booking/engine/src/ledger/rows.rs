//! Rows of the tables that the ledger decides about, and the rows of a booking.

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

/// A seat of a flight with its booking, or with the booking that wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeatRow {
    /// The seat.
    pub seat: FlightSeat,
    /// The booking.
    pub booking: BookingId,
    /// Whether it is sold; else it is held.
    pub sold: bool,
}

/// The key of an account's passenger on a flight: flight, account, and fingerprint of names and date of birth.
pub type PassengerFlightKey = (FlightId, UserId, i64);

/// A traveller of a booking on a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TravellerRow {
    /// The flight.
    pub flight: FlightId,
    /// The account that made the booking.
    pub owner: UserId,
    /// The fingerprint of the person's names and date of birth.
    pub fingerprint: i64,
    /// The booking.
    pub booking: BookingId,
    /// Whether the traveller has a seat.
    pub seated: bool,
}

impl TravellerRow {
    /// The key of the traveller: unique among live bookings.
    pub fn key(&self) -> PassengerFlightKey {
        (self.flight, self.owner, self.fingerprint)
    }
}

/// A hold that has ended but still occupies a wanted seat or passenger key. A hold that occupies several has several
/// entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleHold {
    /// The hold.
    pub booking: BookingId,
    /// The seat or passenger key that it occupies.
    pub has: Blocked,
}

/// The seat or passenger key that a hold occupies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// A seat.
    Seat(FlightSeat),
    /// A passenger key.
    Passenger(PassengerFlightKey),
}

/// A flight whose row is locked.
#[derive(Debug, Clone, Copy)]
pub struct LockedFlight {
    /// The version of its state.
    pub version: i64,
    /// The departure (UTC).
    pub departure_at: DateTime<Utc>,
    /// Whether it is sold.
    pub on_sale: bool,
    /// Booking's own sequence of seat changes.
    pub seats_version: i64,
}

/// The stored state of a bound idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownKey {
    /// Its request still runs, or the payment of its request is unsettled.
    Running,
    /// Its request had this answer.
    Answered(StoredAnswer),
    /// It was used with another body.
    OtherBody,
}

/// The answer to store under an idempotency key.
#[derive(Debug, Clone)]
pub struct KeyAnswer {
    /// The scope of the key.
    pub scope: Vec<u8>,
    /// The booking that the key is bound to.
    pub booking: BookingId,
    /// The answer.
    pub answer: StoredAnswer,
}

/// The held seats of a booking of an unverified account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnverifiedHold {
    /// The account.
    pub owner: UserId,
    /// The booking.
    pub booking: BookingId,
    /// The number of seats, on all flights together.
    pub seats: i16,
}

/// The rows of all seats of a booking.
pub(crate) fn seat_rows(booking: &Booking, sold: bool) -> impl Iterator<Item = SeatRow> + '_ {
    seat_rows_of(booking.id, booking.seats(), sold)
}

/// The rows of seats that a booking has or wants.
pub(crate) fn seat_rows_of(
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

/// The travellers of a booking, or of an order that is to become one.
#[derive(Debug, Clone, Copy)]
pub struct Travellers<'a> {
    /// The booking.
    pub booking: BookingId,
    /// The account.
    pub owner: UserId,
    /// The flights.
    pub segments: &'a [Segment],
    /// The passengers.
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

    /// The rows of all travellers that earlier releases may have written differently. It leaves equal rows out.
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
