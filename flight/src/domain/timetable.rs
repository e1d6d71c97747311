//! The flights that search looks at, by local date and route, with their seats.
//!
//! An [`Index`] is persistent: a clone shares everything with its original, and a change copies only
//! the day, the origin and the route that it touches. So each change can be published as an immutable
//! snapshot, while 15,000 other flights stay where they are.

use super::{
    availability::{CabinSeats, TakenSeats, count},
    flight::Flight,
};
use chrono::{DateTime, NaiveDate, Utc};
use shared::{
    events::FlightStatus,
    iata::{AirportCode, CityCode},
    ids::FlightId,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A flight with its seats, as search sees it.
#[derive(Debug, Clone)]
pub struct TimetableEntry {
    /// The flight.
    pub flight: Arc<Flight>,
    /// Its seats, cabin by cabin.
    pub cabins: Vec<CabinSeats>,
    taken: TakenSeats,
}

impl TimetableEntry {
    fn new(flight: Arc<Flight>, taken: TakenSeats) -> Self {
        let cabins = count(&flight.equipment.plan, &taken.seats);
        Self { flight, cabins, taken }
    }
}

/// The flights of a route on a day, by departure.
type RouteFlights = Arc<[Arc<TimetableEntry>]>;
/// The routes out of an airport, by destination.
type Departures = HashMap<AirportCode, RouteFlights>;
/// The departures of a day, by origin.
type DayDepartures = HashMap<AirportCode, Arc<Departures>>;

/// An immutable picture of all flights ahead.
#[derive(Debug, Clone, Default)]
pub struct Index {
    days: BTreeMap<NaiveDate, Arc<DayDepartures>>,
    /// The airports of each city that flights have named.
    cities: Arc<HashMap<CityCode, BTreeSet<AirportCode>>>,
}

impl Index {
    /// The flights from an airport to another that leave on this date, local to the origin.
    pub fn flights<'a>(
        &'a self,
        origin: &AirportCode,
        destination: &AirportCode,
        date: NaiveDate,
    ) -> impl Iterator<Item = &'a Arc<TimetableEntry>> + use<'a> {
        let route = self.days.get(&date).and_then(|day| day.get(origin)?.get(destination));
        route.into_iter().flat_map(|route| route.iter())
    }

    /// The airports that a code stands for: the airport itself, and those of the city of that code.
    #[must_use]
    pub fn airports(&self, code: &AirportCode) -> BTreeSet<AirportCode> {
        let city: Option<CityCode> = code.as_str().parse().ok();
        let mut airports = city.and_then(|city| self.cities.get(&city)).cloned().unwrap_or_default();
        airports.insert(code.clone());
        airports
    }

    /// Whether any flight has named the code, as its airport or city.
    #[must_use]
    pub fn serves(&self, code: &AirportCode) -> bool {
        let is_airport = || self.cities.values().any(|airports| airports.contains(code));
        code.as_str().parse().is_ok_and(|city: CityCode| self.cities.contains_key(&city)) || is_airport()
    }

    /// How many flights it has.
    #[must_use]
    pub fn len(&self) -> usize {
        let routes =
            self.days.values().flat_map(|day| day.values()).flat_map(|departures| departures.values());
        routes.map(|route| route.len()).sum()
    }

    /// Whether it has no flights.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Changes a route; what is left empty goes away.
    fn change(&mut self, place: &IndexPosition, change: impl FnOnce(&mut Vec<Arc<TimetableEntry>>)) {
        let day = Arc::make_mut(self.days.entry(place.date).or_default());
        let departures = Arc::make_mut(day.entry(place.origin.clone()).or_default());
        let mut route = departures.get(&place.destination).map(|route| route.to_vec()).unwrap_or_default();
        change(&mut route);
        if route.is_empty() {
            departures.remove(&place.destination);
        } else {
            departures.insert(place.destination.clone(), route.into());
        }
        if departures.is_empty() {
            day.remove(&place.origin);
        }
        if day.is_empty() {
            self.days.remove(&place.date);
        }
    }

    fn learn_city(&mut self, city: &CityCode, airport: &AirportCode) {
        if !self.cities.get(city).is_some_and(|airports| airports.contains(airport)) {
            Arc::make_mut(&mut self.cities).entry(city.clone()).or_default().insert(airport.clone());
        }
    }
}

/// Where a flight stands in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IndexPosition {
    date: NaiveDate,
    origin: AirportCode,
    destination: AirportCode,
}

impl IndexPosition {
    fn of(flight: &Flight) -> Self {
        Self {
            date: flight.departure.local.date(),
            origin: flight.origin.iata.clone(),
            destination: flight.destination.iata.clone(),
        }
    }
}

/// What is known of a flight beside its entry.
#[derive(Debug, Clone)]
struct KnownFlight {
    version: i64,
    departs_at: DateTime<Utc>,
    /// Absent for a cancelled flight: its version keeps an older message from bringing it back.
    place: Option<IndexPosition>,
}

/// The index with what it takes to change it. Changes may come twice and out of order: the newest
/// version of each flight, and of its seats, wins.
#[derive(Debug, Default)]
pub struct Timetable {
    index: Index,
    known: HashMap<FlightId, KnownFlight>,
    /// Seats of flights that are not known yet; bounded by [`ORPHANS`].
    orphans: HashMap<FlightId, TakenSeats>,
}

/// Seats of unknown flights that are remembered: those that overtook the news of their flight.
const ORPHANS: usize = 1000;

impl Timetable {
    /// The present picture, to be published.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The flights that it has, with their versions.
    #[must_use]
    pub fn flights(&self) -> HashMap<FlightId, i64> {
        let shown = self.known.iter().filter(|(_, known)| known.place.is_some());
        shown.map(|(id, known)| (*id, known.version)).collect()
    }

    /// The flights that it has, with the versions of their seats.
    #[must_use]
    pub fn seats(&self) -> Vec<(FlightId, i64)> {
        let entry = |id: &FlightId, known: &KnownFlight| Some((*id, self.entry(*id, known)?.taken.version));
        self.known.iter().filter_map(|(id, known)| entry(id, known)).collect()
    }

    fn entry(&self, id: FlightId, known: &KnownFlight) -> Option<&Arc<TimetableEntry>> {
        let place = known.place.as_ref()?;
        let mut route = self.index.flights(&place.origin, &place.destination, place.date);
        route.find(|entry| entry.flight.id == id)
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
    pub fn put(&mut self, flight: Flight) -> bool {
        let id = flight.id;
        let known = self.known.get(&id);
        if known.is_some_and(|known| known.version >= flight.version) {
            return false;
        }
        let before = known.and_then(|known| known.place.clone());
        let taken = before.and_then(|place| self.take(id, &place)).map(|entry| entry.taken.clone());
        let taken = newer(taken, self.orphans.remove(&id)).unwrap_or_default();
        let gone = flight.status == FlightStatus::Cancelled;
        let place = (!gone).then(|| IndexPosition::of(&flight));
        let known =
            KnownFlight { version: flight.version, departs_at: flight.departure.at, place: place.clone() };
        self.known.insert(id, known);
        if let Some(place) = place {
            self.index.learn_city(&flight.origin.city.code, &flight.origin.iata);
            self.index.learn_city(&flight.destination.city.code, &flight.destination.iata);
            let entry = Arc::new(TimetableEntry::new(Arc::new(flight), taken));
            self.index.change(&place, |route| {
                let key = |entry: &TimetableEntry| (entry.flight.departure.at, entry.flight.id);
                let at = route.partition_point(|other| key(other) < key(&entry));
                route.insert(at, entry);
            });
        }
        true
    }

    /// Takes the seats of a flight in; gives whether they were news.
    pub fn put_seats(&mut self, id: FlightId, taken: TakenSeats) -> bool {
        let Some(known) = self.known.get(&id) else {
            if self.orphans.len() < ORPHANS {
                let newest = newer(self.orphans.remove(&id), Some(taken)).unwrap_or_default();
                self.orphans.insert(id, newest);
            }
            return false;
        };
        // Looked at first: most seats are told more than once, and a change copies the whole day.
        let news = self.entry(id, known).is_some_and(|entry| entry.taken.version < taken.version);
        let Some(place) = known.place.clone().filter(|_| news) else { return false };
        self.index.change(&place, |route| {
            if let Some(entry) = route.iter_mut().find(|entry| entry.flight.id == id) {
                *entry = Arc::new(TimetableEntry::new(entry.flight.clone(), taken));
            }
        });
        true
    }

    /// Forgets a flight altogether if it still is in this version.
    pub fn forget_version(&mut self, id: FlightId, version: i64) {
        if self.known.get(&id).is_some_and(|known| known.version == version) {
            self.forget(id);
        }
    }

    /// Forgets a flight altogether.
    pub fn forget(&mut self, id: FlightId) {
        if let Some(place) = self.known.remove(&id).and_then(|known| known.place) {
            self.take(id, &place);
        }
    }

    /// Forgets what has left; gives how many flights that were.
    pub fn prune(&mut self, now: DateTime<Utc>) -> usize {
        let left: Vec<FlightId> =
            self.known.iter().filter(|(_, known)| known.departs_at < now).map(|(id, _)| *id).collect();
        left.iter().for_each(|id| self.forget(*id));
        self.orphans.clear();
        left.len()
    }

    /// Takes an entry out of the index.
    fn take(&mut self, id: FlightId, place: &IndexPosition) -> Option<Arc<TimetableEntry>> {
        let mut taken = None;
        self.index.change(place, |route| {
            if let Some(at) = route.iter().position(|entry| entry.flight.id == id) {
                taken = Some(route.remove(at));
            }
        });
        taken
    }
}

/// The newer one of two states of seats.
fn newer(one: Option<TakenSeats>, other: Option<TakenSeats>) -> Option<TakenSeats> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.version > one.version { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{code, date, flight};
    use proptest::prelude::*;

    fn seats(version: i64) -> TakenSeats {
        TakenSeats {
            version,
            seats: (0..version).map(|row| i16::try_from((row + 3) * 32).unwrap()).collect(),
        }
    }

    /// All that the index shows of its flights: id, version, local departure, economy seats left.
    fn shown(timetable: &Timetable) -> Vec<(FlightId, i64, String, u32)> {
        let index = timetable.index();
        let mut shown = Vec::new();
        for (day, origins) in &index.days {
            for (origin, departures) in origins.iter() {
                for destination in departures.keys() {
                    let flights = index.flights(origin, destination, *day);
                    shown.extend(flights.map(|entry| {
                        let flight = &entry.flight;
                        let local = flight.departure.local.to_string();
                        (flight.id, flight.version, local, entry.cabins[1].seats_available)
                    }));
                }
            }
        }
        shown.sort_unstable();
        shown
    }

    #[test]
    fn a_published_index_stays_as_it_was() {
        let mut timetable = Timetable::default();
        let first = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
        let (id, next) = (first.id, Flight { version: 2, ..flight(("LHR", "CDG"), "2026-12-02T10:00", 75) });
        assert!(timetable.put(first));
        let before = timetable.index().clone();
        assert!(timetable.put_seats(id, seats(1)));
        assert!(timetable.put(Flight { id, ..next }));
        assert!(timetable.put(flight(("LGW", "CDG"), "2026-12-01T10:00", 75)));
        let on = |index: &Index, day| index.flights(&code("LHR"), &code("CDG"), date(day)).count();
        assert_eq!((before.len(), on(&before, "2026-12-01"), on(&before, "2026-12-02")), (1, 1, 0));
        assert_eq!((timetable.index().len(), on(timetable.index(), "2026-12-02")), (2, 1));
        let moved = timetable.index().flights(&code("LHR"), &code("CDG"), date("2026-12-02")).next().unwrap();
        assert_eq!(moved.cabins[1].seats_available, 39, "its seats have moved with it");
        let london: Vec<String> =
            timetable.index().airports(&code("LLL")).iter().map(ToString::to_string).collect();
        assert_eq!(london, ["LGW", "LHR", "LLL"]);
        assert!(timetable.index().serves(&code("CDG")) && !timetable.index().serves(&code("XXX")));
    }

    #[test]
    fn only_the_version_that_is_gone_is_forgotten() {
        let mut timetable = Timetable::default();
        let first = flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
        let (id, next) = (first.id, Flight { version: 2, ..flight(("LHR", "CDG"), "2026-12-02T10:00", 75) });
        timetable.put(first);
        timetable.put_seats(id, seats(3));
        assert_eq!((timetable.flights(), timetable.seats()), ([(id, 1)].into(), vec![(id, 3)]));
        timetable.put(Flight { id, ..next });
        timetable.forget_version(id, 1);
        assert_eq!((timetable.flights(), timetable.seats()), ([(id, 2)].into(), vec![(id, 3)]));
        timetable.forget_version(id, 2);
        assert!(timetable.is_empty() && timetable.index().is_empty());
    }

    #[test]
    fn routes_are_by_departure_and_what_has_left_goes() {
        let mut timetable = Timetable::default();
        for time in ["2026-12-01T18:00", "2026-12-01T07:00", "2026-12-01T12:00", "2026-12-02T07:00"] {
            timetable.put(flight(("LHR", "CDG"), time, 75));
        }
        let times = |timetable: &Timetable| {
            let flights = timetable.index().flights(&code("LHR"), &code("CDG"), date("2026-12-01"));
            flights.map(|entry| entry.flight.departure.local.to_string()[11..].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(times(&timetable), ["07:00", "12:00", "18:00"]);
        assert_eq!(timetable.prune("2026-12-01T12:30:00Z".parse().unwrap()), 2);
        assert_eq!(times(&timetable), ["18:00"]);
        assert_eq!(timetable.prune("2027-01-01T00:00:00Z".parse().unwrap()), 2);
        assert!(timetable.index().is_empty() && timetable.flights().is_empty());
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
                    timetable.put(told(number, version));
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
                    (told.id, told.version, told.departure.local.to_string(), left)
                })
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(shown(&timetable), expected);
        }
    }
}
