//! A flight's seats for the readers of its live map: the present state, and the changes since a version that a reader
//! has seen.

use booking_engine::inventory::seat_map::{SeatMap, SeatStatus, status_of};
use shared::{events::FlightState, seat::SeatDesignator};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// Versions from which a reader can resume; a reader of an older version needs the whole map.
pub(crate) const HISTORY: usize = 256;

/// The step from a version to the next known one.
struct VersionStep {
    from: i64,
    /// The seats that it changed, as they were before.
    before: Vec<(SeatDesignator, SeatStatus)>,
}

/// The seats of a flight, with the steps to them.
///
/// Invariant: the steps are in order of their versions, all of the present seat plan, and the last one
/// leads to the present version.
pub(crate) struct LiveSeats {
    flight: Arc<FlightState>,
    version: i64,
    /// The seats that are not free, and whether they are sold (else held).
    taken: HashMap<SeatDesignator, bool>,
    steps: VecDeque<VersionStep>,
    /// The version at which this plan of seats was met.
    met: i64,
}

impl LiveSeats {
    /// The seats as they were read; nothing is known of the time before.
    pub(crate) fn new(flight: Arc<FlightState>, version: i64, taken: HashMap<SeatDesignator, bool>) -> Self {
        Self { flight, version, taken, steps: VecDeque::new(), met: version }
    }

    /// Booking's sequence of seat changes.
    pub(crate) fn version(&self) -> i64 {
        self.version
    }

    /// Applies a newer state, which may have skipped versions; an older one is ignored.
    pub(crate) fn change(&mut self, version: i64, taken: HashMap<SeatDesignator, bool>) {
        if version <= self.version {
            return;
        }
        let plan = &self.flight.seat_plan;
        let mut before = Vec::new();
        for seat in self.taken.keys().chain(taken.keys().filter(|seat| !self.taken.contains_key(seat))) {
            let was = status_of(plan, &self.taken, *seat);
            // Seats that only another airplane has are on no map of this one.
            if was != status_of(plan, &taken, *seat) && plan.section(*seat).is_some() {
                before.push((*seat, was));
            }
        }
        if self.steps.len() == HISTORY {
            self.steps.pop_front();
        }
        self.steps.push_back(VersionStep { from: self.version, before });
        self.version = version;
        self.taken = taken;
    }

    /// Takes over a newer flight. True where the map has to be shown anew: other seats, or another
    /// status of the flight.
    pub(crate) fn change_flight(&mut self, flight: Arc<FlightState>) -> bool {
        if flight.version <= self.flight.version {
            return false;
        }
        let other = flight.seat_plan != self.flight.seat_plan || flight.status != self.flight.status;
        self.flight = flight;
        if other {
            self.steps.clear();
            self.met = self.version;
        }
        other
    }

    /// The changes for a reader that comes from another instance, as [`Self::since`]. Of the version at which this plan
    /// was met nobody can say whether the map that was seen with it was of another one.
    pub(crate) fn since_seen(&self, version: i64) -> Option<BTreeMap<SeatDesignator, SeatStatus>> {
        if version > self.met { self.since(version) } else { None }
    }

    /// The seats that changed since a version, as they are now, in order; `None` where the way from there
    /// is not known: the version is too old, or was never heard of.
    pub(crate) fn since(&self, version: i64) -> Option<BTreeMap<SeatDesignator, SeatStatus>> {
        if version == self.version {
            return Some(BTreeMap::new());
        }
        let first = self.steps.binary_search_by_key(&version, |step| step.from).ok()?;
        let mut then = BTreeMap::new();
        for (seat, status) in self.steps.range(first..).flat_map(|step| &step.before) {
            // What a later step says of the seat is how an earlier one has left it.
            then.entry(*seat).or_insert(*status);
        }
        let now = |(seat, was)| {
            let status = status_of(&self.flight.seat_plan, &self.taken, seat);
            (status != was).then_some((seat, status))
        };
        Some(then.into_iter().filter_map(now).collect())
    }

    /// The whole map.
    pub(crate) fn map(&self) -> SeatMap {
        SeatMap::new(&self.flight, self.version, &self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booking_engine::samples;
    use proptest::prelude::*;
    use shared::events::FlightStatus;

    type Statuses = BTreeMap<SeatDesignator, SeatStatus>;

    fn seat(text: &str) -> SeatDesignator {
        text.parse().unwrap()
    }

    fn taken(seats: &[(&str, bool)]) -> HashMap<SeatDesignator, bool> {
        seats.iter().map(|(text, sold)| (seat(text), *sold)).collect()
    }

    fn shown(map: &SeatMap) -> Statuses {
        let rows = map.cabins.iter().flat_map(|cabin| &cabin.rows);
        rows.flat_map(|row| &row.seats).map(|seat| (seat.designator, seat.status)).collect()
    }

    fn flight() -> FlightState {
        let mut flight = samples::flight();
        flight.seat_plan.blocked_seats.push(seat("4F"));
        flight
    }

    fn seats() -> LiveSeats {
        LiveSeats::new(Arc::new(flight()), 7, HashMap::new())
    }

    #[test]
    fn only_what_differs_in_the_end_is_told() {
        let mut live = seats();
        live.change(8, taken(&[("10A", false), ("10B", false)]));
        live.change(11, taken(&[("10A", true), ("10C", false)]));
        let changed: Vec<_> = live.since(7).unwrap().into_iter().collect();
        assert_eq!(changed, [(seat("10A"), SeatStatus::Sold), (seat("10C"), SeatStatus::Held)]);
        let changed: Vec<_> = live.since(8).unwrap().into_iter().collect();
        assert_eq!(
            changed,
            [
                (seat("10A"), SeatStatus::Sold),
                (seat("10B"), SeatStatus::Available),
                (seat("10C"), SeatStatus::Held)
            ]
        );
        assert_eq!(live.since(11), Some(Statuses::new()));
        for unknown in [-1, 6, 9, 10, 12, i64::MAX] {
            assert_eq!(live.since(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn older_states_are_passed_over() {
        let mut live = seats();
        live.change(8, HashMap::new());
        live.change(6, taken(&[("10A", true)]));
        assert_eq!((live.version(), live.since(7)), (8, Some(Statuses::new())));
    }

    #[test]
    fn a_version_that_two_maps_may_have_had_is_not_gone_on_from() {
        let mut live = seats();
        assert_eq!(live.since_seen(7), None);
        live.change(8, taken(&[("10A", true)]));
        assert_eq!((live.since_seen(7), live.since_seen(8)), (None, Some(Statuses::new())));
        let mut flight = flight();
        flight.version += 1;
        flight.seat_plan.blocked_seats.push(seat("10D"));
        live.change_flight(Arc::new(flight));
        assert_eq!(live.since_seen(8), None);
        live.change(9, HashMap::new());
        assert_eq!((live.since_seen(8), live.since_seen(9)), (None, Some(Statuses::new())));
        assert_eq!(live.since(8).unwrap()[&seat("10A")], SeatStatus::Available, "a reader resumes");
    }

    #[test]
    fn another_airplane_is_shown_anew_and_other_times_are_not() {
        let mut live = seats();
        live.change(8, taken(&[("10A", true)]));
        let mut flight = flight();
        flight.version += 1;
        assert!(!live.change_flight(Arc::new(flight.clone())));
        assert!(live.since(7).is_some());
        flight.version += 1;
        flight.seat_plan.blocked_seats.push(seat("10D"));
        assert!(live.change_flight(Arc::new(flight.clone())));
        assert_eq!((live.since(7), live.since_seen(8)), (None, None));
        assert_eq!(shown(&live.map())[&seat("10D")], SeatStatus::Blocked);
        flight.version += 1;
        flight.status = FlightStatus::Cancelled;
        assert!(live.change_flight(Arc::new(flight.clone())));
        flight.status = FlightStatus::Scheduled;
        assert!(!live.change_flight(Arc::new(flight)), "no newer version");
    }

    #[test]
    fn the_history_is_bounded() {
        let mut live = seats();
        for version in 8..8 + 2 * HISTORY as i64 {
            live.change(version, taken(&[("10A", version % 2 == 0)]));
        }
        let oldest = live.version() - HISTORY as i64;
        assert!(live.since(oldest).is_some() && live.since(oldest - 1).is_none());
    }

    /// Seats of the plan, a blocked one, and one that the airplane lacks.
    fn any_taken() -> impl Strategy<Value = HashMap<SeatDesignator, bool>> {
        let mut all: Vec<_> = flight().seat_plan.seats().map(|(seat, _)| seat).take(12).collect();
        all.push(seat("99Z"));
        proptest::collection::hash_map(proptest::sample::select(all), any::<bool>(), 0..8)
    }

    proptest! {
        /// A reader that gets the changes since its version sees the whole map.
        #[test]
        fn changes_lead_from_any_known_version_to_the_present(
            states in proptest::collection::vec((1_i64..4, any_taken()), 1..20)
        ) {
            let mut live = seats();
            let mut seen = vec![(live.version(), shown(&live.map()))];
            for (ahead, taken) in states {
                live.change(live.version() + ahead, taken);
                let now = shown(&live.map());
                for (version, then) in &seen {
                    let mut then = then.clone();
                    then.extend(live.since(*version).unwrap());
                    prop_assert_eq!(&then, &now);
                }
                seen.push((live.version(), now));
            }
        }

        /// Readers who get each change in turn end at the same state, whatever was left out between.
        #[test]
        fn changes_add_up(states in proptest::collection::vec((any::<bool>(), any_taken()), 1..20)) {
            let mut live = seats();
            let (mut at, mut statuses) = (live.version(), shown(&live.map()));
            for (is_applied, taken) in states {
                live.change(live.version() + 1, taken);
                if is_applied {
                    statuses.extend(live.since(at).unwrap());
                    at = live.version();
                }
            }
            statuses.extend(live.since(at).unwrap_or_default());
            prop_assert_eq!(statuses, shown(&live.map()));
        }
    }
}
