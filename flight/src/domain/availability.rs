//! How many seats of a flight can still be sold, cabin by cabin.

use serde::Serialize;
use shared::seat::{Cabin, SeatPlan};
use utoipa::ToSchema;

/// The seats of a cabin that can be sold at all, and those that can be sold now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CabinSeats {
    /// The cabin.
    pub cabin: Cabin,
    /// Seats that can be sold: those of the plan without the blocked ones.
    pub seats_total: u32,
    /// Of these, neither held nor sold.
    pub seats_available: u32,
}

impl CabinSeats {
    /// Seats held or sold.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.seats_total - self.seats_available
    }
}

/// The seats of a flight that are held or sold, as booking told in its version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenSeats {
    /// Booking's sequence for the flight; 0 before the first sale.
    pub version: i64,
    /// Held or sold seats, by [`SeatDesignator::to_number`](shared::seat::SeatDesignator::to_number).
    pub seats: Vec<i16>,
}

/// Counts the cabins of a plan. Seats that the plan lacks or blocks count nowhere, so that a message
/// about another equipment can never make a count negative.
#[must_use]
pub fn count(plan: &SeatPlan, taken: &[i16]) -> Vec<CabinSeats> {
    let mut taken = taken.to_vec();
    taken.sort_unstable();
    let mut cabins: Vec<CabinSeats> = plan
        .cabin_names()
        .into_iter()
        .map(|cabin| CabinSeats { cabin, seats_total: 0, seats_available: 0 })
        .collect();
    let blocked = &plan.blocked_seats;
    for (seat, cabin) in plan.seats().filter(|(seat, _)| !blocked.contains(seat)) {
        if let Some(count) = cabins.iter_mut().find(|count| count.cabin == cabin) {
            count.seats_total += 1;
            count.seats_available += u32::from(taken.binary_search(&seat.to_number()).is_err());
        }
    }
    cabins
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::seat::{CabinSection, SeatDesignator};

    fn plan() -> SeatPlan {
        let section =
            |cabin, rows, columns: &str| CabinSection { cabin, rows, columns: columns.parse().unwrap() };
        SeatPlan {
            cabins: vec![
                section(Cabin::Business, [1, 3], "AC|DF"),
                section(Cabin::Economy, [4, 26], "ABC|DEF"),
            ],
            exit_rows: vec![10, 11],
            blocked_seats: vec!["26A".parse().unwrap(), "26F".parse().unwrap()],
        }
    }

    fn numbers(seats: &[&str]) -> Vec<i16> {
        seats.iter().map(|seat| seat.parse::<SeatDesignator>().unwrap().to_number()).collect()
    }

    #[test]
    fn blocked_and_foreign_seats_count_nowhere() {
        let cabins = count(&plan(), &numbers(&["1A", "4B", "4B", "26A", "77K"]));
        let expected = [(Cabin::Business, 12, 11), (Cabin::Economy, 136, 135)];
        let got: Vec<_> = cabins.iter().map(|c| (c.cabin, c.seats_total, c.seats_available)).collect();
        assert_eq!(got, expected);
    }

    proptest! {
        #[test]
        fn counts_never_leave_their_bounds(taken in prop::collection::vec(-100_i16..3200, 0..400)) {
            for cabin in count(&plan(), &taken) {
                prop_assert!(cabin.seats_available <= cabin.seats_total);
                prop_assert!(cabin.taken() as usize <= taken.len());
            }
        }
    }
}
