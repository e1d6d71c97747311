//! The flights that search looks at, with their seats, and what it takes to change them.

mod airport_legs;
mod airport_table;
mod index;
mod indexed_flight;
mod seat_numbers;

pub use airport_legs::{AirportLegs, DAY_MICROS, Leg};
pub use airport_table::{AirportId, AirportTable};
pub use index::{Index, day_number};
pub use indexed_flight::{DAY_MINUTES, IndexedFlight};

use super::{availability::TakenSeats, flight::Flight, parts::SharedParts};
use chrono::{DateTime, Utc};
use shared::{events::FlightStatus, iata::AirportCode, ids::FlightId};
use std::{collections::HashMap, sync::Arc};

/// A flight that the timetable was told of. A cancelled one is in no index: its version keeps an older message from
/// bringing it back.
#[derive(Debug)]
struct KnownFlight {
    flight: Arc<IndexedFlight>,
    /// The last comparison with the database that began before the flight was told, or that found it.
    seen: u32,
}

/// The index with what it takes to change it. Changes may come twice and out of order: the newest version of each
/// flight, and of its seats, wins.
#[derive(Debug, Default)]
pub struct Timetable {
    index: Index,
    parts: SharedParts,
    known: HashMap<FlightId, KnownFlight>,
    /// Seats of flights that are not known yet; bounded by [`ORPHANS`].
    orphans: HashMap<FlightId, TakenSeats>,
    /// The comparison with the database that runs, or the last one.
    comparison: u32,
}

/// Seats of unknown flights that are remembered: those that overtook the news of their flight.
const ORPHANS: usize = 1000;

/// The versions of a flight and of its seats that the database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredVersion {
    /// The flight.
    pub flight: FlightId,
    /// Its version.
    pub version: i64,
    /// Booking's sequence of its seats; 0 where none is stored.
    pub seats: i64,
}

impl Timetable {
    /// The present picture, to be published.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// A flight that it was told of and that has not left, cancelled or not.
    #[must_use]
    pub fn find(&self, id: FlightId) -> Option<&IndexedFlight> {
        self.known.get(&id).map(|known| &*known.flight)
    }

    /// How many flights it was told of that have not left, cancelled ones among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it was told of none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes a flight in; gives whether it was news.
    pub fn put(&mut self, flight: &Flight) -> bool {
        let known = self.known.get(&flight.id).map(|known| known.flight.clone());
        if known.as_ref().is_some_and(|known| known.version >= flight.version) {
            return false;
        }
        let mut next = match &known {
            Some(known) => known.renewed(flight, &mut self.parts),
            None => IndexedFlight::new(flight, &TakenSeats::default(), &mut self.parts),
        };
        if let Some(taken) =
            self.orphans.remove(&flight.id).filter(|taken| taken.version > next.seats_version)
        {
            next = next.resold(&taken);
        }
        let next = Arc::new(next);
        if let Some(known) = known.filter(|known| is_shown(known)) {
            self.index.remove(&known);
        }
        if is_shown(&next) {
            self.index.insert(&next);
        }
        self.known.insert(flight.id, KnownFlight { flight: next, seen: self.comparison });
        true
    }

    /// Takes the seats of a flight in; gives whether they were news.
    pub fn put_seats(&mut self, id: FlightId, taken: TakenSeats) -> bool {
        let Some(known) = self.known.get_mut(&id) else {
            if self.orphans.len() < ORPHANS || self.orphans.contains_key(&id) {
                let newest = newer(self.orphans.remove(&id), taken);
                self.orphans.insert(id, newest);
            }
            return false;
        };
        if known.flight.seats_version >= taken.version {
            return false;
        }
        let next = Arc::new(known.flight.resold(&taken));
        let shown = is_shown(&next);
        if shown {
            self.index.replace(&next);
        }
        known.flight = next;
        shown
    }

    /// Puts these in the place of all shortest connections that airports have of their own, in minutes; gives whether
    /// that is news.
    pub fn put_min_connections(&mut self, minutes: HashMap<AirportCode, u16>) -> bool {
        self.index.set_min_connections(minutes)
    }

    /// Begins a comparison with the database: what [`Self::compare`] does not find until [`Self::end_comparison`] is
    /// gone.
    pub fn begin_comparison(&mut self) {
        self.comparison += 1;
    }

    /// Compares with what the database has; gives the flights, and those whose seats, it has in a newer version.
    #[must_use]
    pub fn compare(&mut self, stored: &[StoredVersion]) -> (Vec<FlightId>, Vec<FlightId>) {
        let (mut flights, mut seats) = (Vec::new(), Vec::new());
        for stored in stored {
            let known = self.known.get_mut(&stored.flight);
            let versions = known.map(|known| {
                known.seen = self.comparison;
                (known.flight.version, known.flight.seats_version)
            });
            let (version, seats_version) = versions.unwrap_or((i64::MIN, 0));
            if stored.version > version {
                flights.push(stored.flight);
            }
            if stored.seats > seats_version {
                seats.push(stored.flight);
            }
        }
        (flights, seats)
    }

    /// Ends a comparison: forgets the flights that the database does not have, except those that were told meanwhile.
    /// Gives how many those were.
    pub fn end_comparison(&mut self) -> usize {
        let comparison = self.comparison;
        self.forget_where(|known| known.seen < comparison && is_shown(&known.flight))
    }

    /// Forgets what has left; gives how many flights that were.
    pub fn prune(&mut self, now: DateTime<Utc>) -> usize {
        let now = now.timestamp_micros();
        let left = self.forget_where(|known| known.flight.departs < now);
        self.orphans.clear();
        self.parts.sweep();
        left
    }

    fn forget_where(&mut self, gone: impl Fn(&KnownFlight) -> bool) -> usize {
        let before = self.known.len();
        let index = &mut self.index;
        self.known.retain(|_, known| {
            let gone = gone(known);
            if gone && is_shown(&known.flight) {
                index.remove(&known.flight);
            }
            !gone
        });
        before - self.known.len()
    }
}

/// Whether the index has the flight.
fn is_shown(flight: &IndexedFlight) -> bool {
    flight.status != FlightStatus::Cancelled
}

/// The newer one of two states of seats.
fn newer(one: Option<TakenSeats>, other: TakenSeats) -> TakenSeats {
    one.filter(|one| one.version >= other.version).unwrap_or(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        flight::Equipment,
        sample::{code, date, flight},
    };
    use proptest::prelude::*;

    fn seats(version: i64) -> TakenSeats {
        TakenSeats {
            version,
            seats: (0..version).map(|row| i16::try_from((row + 3) * 32).unwrap()).collect(),
        }
    }

    /// All that the index shows of its flights: id, version, local departure, economy seats left.
    fn shown(timetable: &Timetable) -> Vec<(FlightId, i64, i32, u32)> {
        let index = timetable.index();
        let seats = |flight: &IndexedFlight| flight.cabins().nth(1).unwrap().seats_available;
        let mut shown: Vec<_> = index
            .all()
            .map(|flight| (flight.id, flight.version, flight.departs_local, seats(flight)))
            .collect();
        shown.sort_unstable();
        assert_eq!(shown.len(), index.len());
        shown
    }

    /// The versions that a database has which knows all that the timetable knows.
    fn stored(timetable: &Timetable) -> Vec<StoredVersion> {
        let version = |known: &KnownFlight| StoredVersion {
            flight: known.flight.id,
            version: known.flight.version,
            seats: known.flight.seats_version,
        };
        timetable.known.values().map(version).collect()
    }

    #[test]
    fn a_published_index_stays_as_it_was() {
        let mut timetable = Timetable::default();
        let first = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
        let (id, next) = (first.id, Flight { version: 2, ..flight(("LHR", "CDG"), "2026-12-02T10:00", 75) });
        assert!(timetable.put(&first));
        let before = timetable.index().clone();
        assert!(timetable.put_seats(id, seats(1)));
        assert!(timetable.put(&Flight { id, ..next }));
        assert!(timetable.put(&flight(("LGW", "CDG"), "2026-12-01T10:00", 75)));
        let on = |index: &Index, day| index.flights(&code("LHR"), &code("CDG"), date(day)).count();
        assert_eq!((before.len(), on(&before, "2026-12-01"), on(&before, "2026-12-02")), (1, 1, 0));
        assert_eq!((timetable.index().len(), on(timetable.index(), "2026-12-02")), (2, 1));
        let moved = timetable.index().flights(&code("LHR"), &code("CDG"), date("2026-12-02")).next().unwrap();
        assert_eq!(moved.cabins().nth(1).unwrap().seats_available, 39, "its seats have moved with it");
        let airports = timetable.index().airports();
        let london = airports.of_place(&code("LLL"));
        let london: Vec<_> =
            london.into_iter().map(|id| airports.station(id).unwrap().iata.as_str()).collect();
        assert_eq!(london, ["LHR", "LGW"]);
        assert!(
            airports.serves(&code("CDG")) && airports.serves(&code("CCC")) && !airports.serves(&code("XXX"))
        );
    }

    #[test]
    fn a_comparison_asks_for_what_is_newer_and_forgets_what_is_gone() {
        let mut timetable = Timetable::default();
        let [kept, gone, cancelled] = ["2026-12-01T10:00", "2026-12-02T10:00", "2026-12-03T10:00"]
            .map(|time| flight(("LHR", "CDG"), time, 75));
        for one in [&kept, &gone] {
            timetable.put(one);
        }
        timetable.put_seats(kept.id, seats(3));
        timetable.begin_comparison();
        assert_eq!(timetable.compare(&stored(&timetable)), (vec![], vec![]), "nothing is newer");
        assert_eq!(timetable.end_comparison(), 0);

        timetable.put(&Flight { status: FlightStatus::Cancelled, version: 2, ..cancelled.clone() });
        timetable.begin_comparison();
        let (unknown, meanwhile) = (FlightId::new(), flight(("LGW", "CDG"), "2026-12-01T10:00", 75));
        let told = |flight, version, seats| StoredVersion { flight, version, seats };
        let newer = timetable.compare(&[told(kept.id, 2, 4), told(unknown, 1, 0), told(cancelled.id, 1, 1)]);
        assert_eq!(newer, (vec![kept.id, unknown], vec![kept.id, cancelled.id]));
        timetable.put(&meanwhile);
        assert_eq!(timetable.end_comparison(), 1);
        let left: Vec<FlightId> = shown(&timetable).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(left, [kept.id, meanwhile.id], "what was told meanwhile stays");
        assert!(!timetable.put(&cancelled), "an older message does not bring it back");
    }

    #[test]
    fn other_seats_of_the_airplane_are_counted_anew() {
        let mut timetable = Timetable::default();
        let before = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
        timetable.put(&before);
        let row = |row: i16| (0..6).map(move |letter| row * 32 + letter);
        timetable.put_seats(before.id, TakenSeats { version: 1, seats: row(3).chain(row(40)).collect() });
        let mut equipment = Equipment::clone(&before.equipment);
        equipment.plan.cabins[1].rows = [3, 50];
        let after = Flight { version: 2, equipment: Arc::new(equipment), ..before };
        let left = |timetable: &Timetable| shown(timetable)[0].3;
        assert_eq!(left(&timetable), 36, "the smaller airplane has no row 40");
        timetable.put(&after);
        assert_eq!(left(&timetable), 48 * 4 - 8);
    }

    #[test]
    fn an_airport_may_get_a_shortest_connection_or_another_city() {
        let mut timetable = Timetable::default();
        let first = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
        timetable.put(&first);
        assert!(timetable.put_min_connections([(code("LHR"), 35), (code("ORY"), 50)].into()));
        assert!(!timetable.put_min_connections([(code("LHR"), 35), (code("ORY"), 50)].into()));
        timetable.put(&flight(("LHR", "ORY"), "2026-12-01T10:00", 75));
        let minutes = |timetable: &Timetable, airport| {
            let airports = timetable.index().airports();
            airports.min_connection(airports.id(&code(airport)).unwrap())
        };
        let all = ["LHR", "CDG", "ORY"].map(|airport| minutes(&timetable, airport));
        assert_eq!(all, [Some(35), None, Some(50)]);
        let mut moved = Flight { version: 2, ..first };
        let mut station = shared::events::Station::clone(&moved.origin);
        station.city.code = code("WIN");
        moved.origin = Arc::new(station);
        timetable.put(&moved);
        let airports = timetable.index().airports();
        assert!(!airports.serves(&code("LLL")) && airports.of_place(&code("WIN")).len() == 1);
    }

    #[test]
    fn routes_are_by_departure_and_what_has_left_goes() {
        let mut timetable = Timetable::default();
        for time in ["2026-12-01T18:00", "2026-12-01T07:00", "2026-12-01T12:00", "2026-12-02T07:00"] {
            timetable.put(&flight(("LHR", "CDG"), time, 75));
        }
        let times = |timetable: &Timetable| {
            let flights = timetable.index().flights(&code("LHR"), &code("CDG"), date("2026-12-01"));
            flights.map(|flight| flight.local_minute_of_day() / 60).collect::<Vec<_>>()
        };
        assert_eq!(times(&timetable), [7, 12, 18]);
        assert_eq!(timetable.prune("2026-12-01T12:30:00Z".parse().unwrap()), 2);
        assert_eq!(times(&timetable), [18]);
        assert_eq!(timetable.prune("2027-01-01T00:00:00Z".parse().unwrap()), 2);
        assert!(timetable.index().is_empty() && timetable.index().has_no_leg() && timetable.is_empty());
    }

    proptest! {
        /// Whatever the order and repetition of messages, the end is that of the newest ones.
        #[test]
        fn the_newest_versions_win_in_any_order(
            messages in prop::collection::vec((0_usize..3, 1_i64..6, prop::bool::ANY), 0..60),
            cancelled in prop::collection::vec(prop::option::of(1_i64..6), 3),
        ) {
            let flights = [("LHR", "CDG"), ("LGW", "CDG"), ("CDG", "LHR")].map(|route| flight(route, "2026-12-01T10:00", 75));
            let told = |number: usize, version: i64| {
                let time = format!("2026-12-0{version}T10:00");
                let mut told = flight(("LHR", "CDG"), &time, 75);
                (told.id, told.version) = (flights[number].id, version);
                (told.origin, told.destination) = (flights[number].origin.clone(), flights[number].destination.clone());
                if cancelled[number].is_some_and(|from| version >= from) {
                    told.status = FlightStatus::Cancelled;
                }
                told
            };
            let mut timetable = Timetable::default();
            let mut newest = [(0_i64, 0_i64); 3];
            for (number, version, of_seats) in messages {
                if of_seats {
                    timetable.put_seats(flights[number].id, seats(version));
                    newest[number].1 = newest[number].1.max(version);
                } else {
                    timetable.put(&told(number, version));
                    newest[number].0 = newest[number].0.max(version);
                }
            }
            let mut expected: Vec<_> = (0..3)
                .filter(|number| newest[*number].0 > 0)
                .map(|number| told(number, newest[number].0))
                .filter(|flight| flight.status != FlightStatus::Cancelled)
                .map(|told| {
                    let number = flights.iter().position(|flight| flight.id == told.id).unwrap();
                    let left = 40 - u32::try_from(newest[number].1).unwrap();
                    let local = told.departure.at.timestamp() / 60;
                    (told.id, told.version, i32::try_from(local).unwrap(), left)
                })
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(shown(&timetable), expected);
        }
    }
}
