//! A flight as the index keeps it: small, and sharing every part that others have too.

use super::seat_numbers::SeatNumbers;
use crate::domain::{
    availability::{CabinSeats, TakenSeats},
    flight::Flight,
    parts::{CABINS, FareSet, RenderedPart, SeatedEquipment, SharedParts},
};
use chrono::{DateTime, TimeDelta, Utc};
use jiff::{Timestamp, tz::TimeZone};
use shared::{
    events::{Carrier, FlightStatus, Station},
    fare::{
        BookingClass, Demand, FlightFare, PassengerType, PriceOverflow, SegmentPrice, booking_class, price,
        tax_per_seat,
    },
    flight_time::LocalMinute,
    iata::{FlightNumber, Registration},
    ids::FlightId,
    money::Money,
    seat::Cabin,
};
use std::sync::Arc;

/// Minutes of a day.
pub const DAY_MINUTES: i32 = 24 * 60;

/// A flight with its seats, as search sees it.
#[derive(Debug, Clone)]
pub struct IndexedFlight {
    /// Its id.
    pub id: FlightId,
    /// Grows with each change of the flight.
    pub version: i64,
    /// Booking's sequence of its seats; 0 before the first sale.
    pub seats_version: i64,
    /// When it leaves, in microseconds since 1970.
    pub departs: i64,
    /// When it arrives, in microseconds since 1970.
    pub arrives: i64,
    /// When it leaves on the clocks of its origin, in minutes since 1970.
    pub departs_local: i32,
    /// When it arrives on the clocks of its destination, in minutes since 1970.
    pub arrives_local: i32,
    /// Its number.
    pub number: Arc<FlightNumber>,
    /// Who flies it.
    pub carrier: Arc<RenderedPart<Carrier>>,
    /// From where.
    pub origin: Arc<RenderedPart<Station>>,
    /// To where.
    pub destination: Arc<RenderedPart<Station>>,
    /// The airplane that flies it.
    pub airplane: Arc<Registration>,
    /// The airplane's type and seats.
    pub equipment: Arc<SeatedEquipment>,
    /// What is on sale.
    pub fares: Arc<FareSet>,
    departure_tax: Option<Money>,
    /// Why it is delayed or cancelled.
    pub reason: Option<Box<str>>,
    /// Scheduled, delayed or cancelled.
    pub status: FlightStatus,
    available: [u16; CABINS],
    taken: SeatNumbers,
}

impl IndexedFlight {
    /// A flight with the seats that are taken on it.
    #[must_use]
    pub(super) fn new(flight: &Flight, taken: &TakenSeats, parts: &mut SharedParts) -> Self {
        let taken_seats = SeatNumbers::new(&taken.seats);
        Self::with_seats(flight, (taken.version, taken_seats), parts)
    }

    /// The newer state of a flight, with the seats that are known of it.
    #[must_use]
    pub(super) fn renewed(&self, flight: &Flight, parts: &mut SharedParts) -> Self {
        Self::with_seats(flight, (self.seats_version, self.taken.clone()), parts)
    }

    /// The same flight with other seats taken.
    #[must_use]
    pub(super) fn resold(&self, taken: &TakenSeats) -> Self {
        let seats = SeatNumbers::new(&taken.seats);
        let available = self.equipment.available(seats.iter());
        Self { seats_version: taken.version, available, taken: seats, ..self.clone() }
    }

    fn with_seats(
        flight: &Flight,
        (seats_version, taken): (i64, SeatNumbers),
        parts: &mut SharedParts,
    ) -> Self {
        let equipment = parts.equipment(&flight.equipment);
        Self {
            id: flight.id,
            version: flight.version,
            seats_version,
            departs: flight.departure.at.timestamp_micros(),
            arrives: flight.arrival.at.timestamp_micros(),
            departs_local: minutes(flight.departure.local),
            arrives_local: minutes(flight.arrival.local),
            number: parts.number(&flight.flight_number),
            carrier: parts.carrier(&flight.airline),
            origin: parts.station(&flight.origin),
            destination: parts.station(&flight.destination),
            airplane: parts.airplane(&flight.airplane),
            fares: parts.fares(&flight.fares),
            departure_tax: flight.departure_tax,
            reason: flight.reason.as_deref().map(Into::into),
            status: flight.status,
            available: equipment.available(taken.iter()),
            taken,
            equipment,
        }
    }

    /// Its seats, cabin by cabin.
    pub fn cabins(&self) -> impl Iterator<Item = CabinSeats> + '_ {
        self.equipment.cabins(self.available)
    }

    /// The seats of one cabin; `None` where it has no such cabin.
    #[must_use]
    pub fn cabin(&self, cabin: Cabin) -> Option<CabinSeats> {
        self.cabins().find(|seats| seats.cabin == cabin)
    }

    /// When it leaves.
    #[must_use]
    pub fn departs_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.departs).unwrap_or_default()
    }

    /// When it arrives.
    #[must_use]
    pub fn arrives_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.arrives).unwrap_or_default()
    }

    /// The status by the clock: what is stored, until the flight has left.
    #[must_use]
    pub fn status_at(&self, now: DateTime<Utc>) -> FlightStatus {
        match self.status {
            FlightStatus::Cancelled => FlightStatus::Cancelled,
            _ if now >= self.arrives_at() => FlightStatus::Arrived,
            _ if now >= self.departs_at() => FlightStatus::Departed,
            stored => stored,
        }
    }

    /// The day of its departure on the clocks of its origin, in days since 1970.
    #[must_use]
    pub fn local_day(&self) -> i32 {
        self.departs_local.div_euclid(DAY_MINUTES)
    }

    /// The minute of that day.
    #[must_use]
    pub fn local_minute_of_day(&self) -> i32 {
        self.departs_local.rem_euclid(DAY_MINUTES)
    }

    /// Whether both ends are in one country.
    #[must_use]
    pub fn domestic(&self) -> bool {
        self.origin.value.country == self.destination.value.country
    }

    /// The booking class that a party pays in a cabin with these seats.
    #[must_use]
    pub fn class(&self, seats: CabinSeats, party_seats: u32, now: DateTime<Utc>) -> BookingClass {
        let ahead = TimeDelta::microseconds(self.departs.saturating_sub(now.timestamp_micros()));
        booking_class(Demand {
            seats_total: seats.seats_total,
            seats_taken: seats.taken(),
            party_seats,
            days_before: ahead.num_days(),
        })
    }

    /// What a passenger pays for a fare of this flight in a class.
    ///
    /// # Errors
    /// [`PriceOverflow`] for an absurd base price.
    pub fn price(
        &self,
        fare: &FlightFare,
        class: BookingClass,
        passenger: PassengerType,
    ) -> Result<SegmentPrice, PriceOverflow> {
        let tax = tax_per_seat(self.departure_tax, self.domestic(), fare.base_price.currency);
        price(fare.base_price.minor, tax, class, fare.brand, passenger)
    }
}

/// The minutes since 1970 on the clocks that show this time.
fn minutes(local: LocalMinute) -> i32 {
    let seconds = TimeZone::UTC.to_timestamp(local.civil()).map_or(0, Timestamp::as_second);
    // Until the year 6053.
    i32::try_from(seconds.div_euclid(60)).unwrap_or(i32::MAX)
}
