//! The manifest: the passengers of a flight by seat.

use booking_engine::booking::ticket;
use serde::Serialize;
use shared::{
    events::{FlightState, FlightStatus, Station},
    fare::PassengerType,
    flight_time::FlightTime,
    iata::{FlightNumber, Registration},
    ids::{BookingId, FlightId, PassengerId},
    seat::{Cabin, SeatDesignator},
};
use utoipa::ToSchema;

/// A passenger of a confirmed booking on the flight.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OnBoard {
    pub(crate) booking_id: BookingId,
    pub(crate) locator: String,
    pub(crate) cabin: Cabin,
    pub(crate) passenger_id: PassengerId,
    pub(crate) kind: PassengerType,
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    pub(crate) ticket_number: Option<i64>,
    pub(crate) seat: Option<SeatDesignator>,
}

/// The flight of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ManifestFlight {
    /// Its id.
    pub(crate) id: FlightId,
    /// Its number.
    pub(crate) flight_number: FlightNumber,
    /// From where.
    pub(crate) origin: Station,
    /// To where.
    pub(crate) destination: Station,
    /// When it leaves.
    pub(crate) departure: FlightTime,
    /// When it arrives.
    pub(crate) arrival: FlightTime,
    /// The airplane that flies it.
    pub(crate) airplane: Registration,
    /// Scheduled, delayed or cancelled.
    pub(crate) status: FlightStatus,
}

/// A passenger in a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ManifestPassenger {
    /// The seat; null for an infant.
    #[schema(value_type = Option<String>, example = "12A")]
    pub(crate) seat: Option<SeatDesignator>,
    /// The cabin that was booked.
    pub(crate) cabin: Cabin,
    /// The booking's locator.
    pub(crate) locator: String,
    /// The booking.
    pub(crate) booking_id: BookingId,
    /// The passenger's id.
    pub(crate) passenger_id: PassengerId,
    /// By age at the last flight of the booking.
    pub(crate) r#type: PassengerType,
    /// Given names.
    pub(crate) given_name: String,
    /// Family name.
    pub(crate) family_name: String,
    /// 13 digits.
    pub(crate) ticket_number: Option<String>,
    /// Of an adult: the infant on the lap; else null.
    pub(crate) infant_id: Option<PassengerId>,
    /// Of an infant: the adult on whose lap it travels; else null.
    pub(crate) adult_id: Option<PassengerId>,
    /// Of an infant: that adult's seat; else null.
    #[schema(value_type = Option<String>, example = "12A")]
    pub(crate) adult_seat: Option<SeatDesignator>,
}

/// How many passengers there are of each type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PassengerCounts {
    /// Adults.
    #[serde(rename = "ADT")]
    pub(crate) adults: u32,
    /// Children.
    #[serde(rename = "CHD")]
    pub(crate) children: u32,
    /// Infants, who have no seat.
    #[serde(rename = "INF")]
    pub(crate) infants: u32,
    /// All of them.
    pub(crate) total: u32,
}

impl PassengerCounts {
    fn add(&mut self, kind: PassengerType) {
        match kind {
            PassengerType::Adt => self.adults += 1,
            PassengerType::Chd => self.children += 1,
            PassengerType::Inf => self.infants += 1,
        }
        self.total += 1;
    }
}

/// How many passengers of each type are in a cabin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CabinCounts {
    /// The cabin.
    pub(crate) cabin: Cabin,
    #[serde(flatten)]
    pub(crate) counts: PassengerCounts,
}

/// The passengers of confirmed bookings on a flight.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Manifest {
    /// The flight.
    pub(crate) flight: ManifestFlight,
    /// By seat, front to back; an infant stands behind its adult.
    pub(crate) passengers: Vec<ManifestPassenger>,
    /// By cabin, front to back.
    pub(crate) cabins: Vec<CabinCounts>,
    /// All cabins together.
    pub(crate) counts: PassengerCounts,
}

impl Manifest {
    /// The manifest of a flight out of its passengers, those of a booking together and in the booking's
    /// order.
    pub(crate) fn new(flight: &FlightState, on_board: &[OnBoard]) -> Self {
        let mut cabins: Vec<CabinCounts> = flight
            .seat_plan
            .cabin_names()
            .into_iter()
            .map(|cabin| CabinCounts { cabin, counts: PassengerCounts::default() })
            .collect();
        let mut counts = PassengerCounts::default();
        for one in on_board {
            counts.add(one.kind);
            match cabins.iter_mut().find(|counted| counted.cabin == one.cabin) {
                Some(counted) => counted.counts.add(one.kind),
                None => {
                    // The airplane was exchanged for one without that cabin.
                    let mut fresh = PassengerCounts::default();
                    fresh.add(one.kind);
                    cabins.push(CabinCounts { cabin: one.cabin, counts: fresh });
                }
            }
        }
        Self { flight: flight.into(), passengers: by_seat(on_board), cabins, counts }
    }
}

impl From<&FlightState> for ManifestFlight {
    fn from(flight: &FlightState) -> Self {
        Self {
            id: flight.id,
            flight_number: flight.flight_number.clone(),
            origin: flight.origin.clone(),
            destination: flight.destination.clone(),
            departure: flight.departure.clone(),
            arrival: flight.arrival.clone(),
            airplane: flight.airplane.clone(),
            status: flight.status,
        }
    }
}

/// In the order of seats, each infant behind the adult it travels with: the n-th infant of a booking
/// with its n-th adult.
fn by_seat(on_board: &[OnBoard]) -> Vec<ManifestPassenger> {
    let mut passengers: Vec<ManifestPassenger> = Vec::with_capacity(on_board.len());
    for party in on_board.chunk_by(|one, next| one.booking_id == next.booking_id) {
        let of = |kind| party.iter().filter(move |one| one.kind == kind);
        let pairs: Vec<_> = of(PassengerType::Adt).zip(of(PassengerType::Inf)).collect();
        passengers.extend(party.iter().map(|one| {
            let id = one.passenger_id;
            let its = |(adult, infant): &&(&OnBoard, &OnBoard)| {
                id == adult.passenger_id || id == infant.passenger_id
            };
            listed(one, pairs.iter().find(its).copied())
        }));
    }
    // A passenger without a seat comes last.
    passengers.sort_by_key(|one| {
        let seat = one.seat.or(one.adult_seat);
        (seat.is_none(), seat, one.locator.clone(), one.r#type == PassengerType::Inf)
    });
    passengers
}

fn listed(one: &OnBoard, pair: Option<(&OnBoard, &OnBoard)>) -> ManifestPassenger {
    let is_infant = one.kind == PassengerType::Inf;
    let adult = pair.filter(|_| is_infant).map(|(adult, _)| adult);
    let infant = pair.filter(|_| !is_infant).map(|(_, infant)| infant);
    ManifestPassenger {
        seat: one.seat,
        cabin: one.cabin,
        locator: one.locator.clone(),
        booking_id: one.booking_id,
        passenger_id: one.passenger_id,
        r#type: one.kind,
        given_name: one.given_name.clone(),
        family_name: one.family_name.clone(),
        ticket_number: one.ticket_number.map(ticket::printed),
        infant_id: infant.map(|infant| infant.passenger_id),
        adult_id: adult.map(|adult| adult.passenger_id),
        adult_seat: adult.and_then(|adult| adult.seat),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booking_engine::samples;
    use proptest::prelude::*;

    fn party(kinds: &[(PassengerType, Option<&str>)]) -> Vec<OnBoard> {
        let booking_id = BookingId::new();
        let on_board = |(index, (kind, seat)): (usize, &(PassengerType, Option<&str>))| OnBoard {
            booking_id,
            locator: "ABCDEF".to_owned(),
            cabin: Cabin::Economy,
            passenger_id: PassengerId::new(),
            kind: *kind,
            given_name: format!("Number {index}"),
            family_name: "Test".to_owned(),
            ticket_number: Some(9_971_000_000_000 + i64::try_from(index).unwrap()),
            seat: seat.map(|seat| seat.parse().unwrap()),
        };
        kinds.iter().enumerate().map(on_board).collect()
    }

    #[test]
    fn infants_stand_behind_their_adults() {
        use PassengerType::{Adt, Chd, Inf};
        let mut all =
            party(&[(Adt, Some("12A")), (Inf, None), (Chd, Some("12B")), (Adt, Some("4C")), (Inf, None)]);
        all.extend(party(&[(Adt, Some("9F"))]));
        let manifest = Manifest::new(&samples::flight(), &all);
        let lines: Vec<_> = manifest
            .passengers
            .iter()
            .map(|one| (one.given_name.as_str(), one.seat.or(one.adult_seat).unwrap().to_string()))
            .collect();
        let expected = [
            ("Number 3", "4C"),
            ("Number 4", "4C"),
            ("Number 0", "9F"),
            ("Number 0", "12A"),
            ("Number 1", "12A"),
            ("Number 2", "12B"),
        ];
        assert_eq!(lines, expected.map(|(name, seat)| (name, seat.to_owned())));
        assert_eq!(manifest.passengers[0].infant_id, Some(manifest.passengers[1].passenger_id));
        assert_eq!(manifest.passengers[1].adult_id, Some(manifest.passengers[0].passenger_id));
        assert_eq!(manifest.passengers[5].infant_id, None);
        assert_eq!(manifest.counts, PassengerCounts { adults: 3, children: 1, infants: 2, total: 6 });
        assert_eq!(manifest.cabins, [CabinCounts { cabin: Cabin::Economy, counts: manifest.counts }]);
    }

    #[test]
    fn a_cabin_that_the_airplane_lacks_is_still_counted() {
        let mut all = party(&[(PassengerType::Adt, None)]);
        all[0].cabin = Cabin::First;
        let manifest = Manifest::new(&samples::flight(), &all);
        let cabins: Vec<_> = manifest.cabins.iter().map(|one| (one.cabin, one.counts.total)).collect();
        assert_eq!(cabins, [(Cabin::Economy, 0), (Cabin::First, 1)]);
    }

    proptest! {
        #[test]
        fn nobody_is_lost_and_seats_are_in_order(parties in proptest::collection::vec((1..4_usize, 0..4_usize), 0..20)) {
            let mut next = 0_u8;
            let mut seat = || {
                next += 1;
                SeatDesignator::new(next / 6 + 1, char::from(b'A' + next % 6)).unwrap().to_string()
            };
            let mut all = Vec::new();
            for (adults, infants) in parties {
                let seats: Vec<String> = (0..adults).map(|_| seat()).collect();
                let mut kinds: Vec<_> = seats.iter().map(|seat| (PassengerType::Adt, Some(seat.as_str()))).collect();
                kinds.extend((0..infants.min(adults)).map(|_| (PassengerType::Inf, None)));
                all.extend(party(&kinds));
            }
            let count = all.len();
            let manifest = Manifest::new(&samples::flight(), &all);
            prop_assert_eq!(manifest.passengers.len(), count);
            prop_assert_eq!(manifest.counts.total as usize, count);
            let places: Vec<_> = manifest.passengers.iter().map(|one| one.seat.or(one.adult_seat)).collect();
            prop_assert!(places.is_sorted() && places.iter().all(Option::is_some));
            for pair in manifest.passengers.windows(2).filter(|pair| pair[1].adult_id.is_some()) {
                prop_assert_eq!(pair[1].adult_id, Some(pair[0].passenger_id));
                prop_assert_eq!(pair[0].infant_id, Some(pair[1].passenger_id));
            }
        }
    }
}
