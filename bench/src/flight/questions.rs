//! What is asked: places as travellers ask for them, busy ones more often.

use super::network::{Dice, Network};
use chrono::{Days, NaiveDate};
use flight::domain::search::{Party, Query, Slice, Sort};

/// Days from the first one to the last date that is asked for: what connects leaves later.
pub const DAYS_BEHIND: u64 = 5;

/// Questions of one adult and one way: from where a flight leaves to where another one arrives.
#[must_use]
pub fn queries(
    network: &Network,
    (first, days): (NaiveDate, u64),
    max_connections: usize,
    count: usize,
) -> Vec<Query> {
    let mut dice = Dice::new(42);
    let asked_days = usize::try_from(days.saturating_sub(DAYS_BEHIND).max(1)).unwrap_or(1);
    let mut queries = Vec::with_capacity(count);
    while queries.len() < count {
        let from = &network.daily[dice.below(network.daily.len())];
        // Direct flights are asked for where there are some.
        let to = if max_connections == 0 { from } else { &network.daily[dice.below(network.daily.len())] };
        let day = u64::try_from(dice.below(asked_days)).unwrap_or(0);
        let Some(date) = first.checked_add_days(Days::new(day)) else { continue };
        if from.origin == to.destination {
            continue;
        }
        let slice = Slice {
            origin: network.stations[from.origin].iata.clone(),
            destination: network.stations[to.destination].iata.clone(),
            date,
        };
        queries.push(query(slice, max_connections));
    }
    queries
}

/// A question of one adult for one slice.
#[must_use]
pub fn query(slice: Slice, max_connections: usize) -> Query {
    Query {
        slices: vec![slice],
        party: Party::ONE_ADULT,
        cabin: None,
        max_connections,
        sort: Sort::Price,
        airline: None,
        via: None,
        depart_after: None,
        depart_before: None,
        max_duration: None,
        max_price: None,
    }
}
