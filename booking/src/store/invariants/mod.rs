//! What must be true of the tables at any instant, whatever was going on: each invariant is one
//! statement that finds what breaks it. `docs/invariants.md` lists them with their reasons.
//!
//! They are written against the tables alone, and as far as possible against two records of the same
//! thing that are kept apart (the fence and the passengers, the books and the provider's log), so that
//! a fault of the engine cannot hide itself. All of them see one snapshot, so a check can run beside
//! any load.

mod bookings;
mod books;
mod check;
mod events;
mod inventory;
mod keys;
mod locators;
mod payments;
mod plans;
mod prepared;
mod provider;
mod seats;
mod travellers;

pub use check::{check, check_within};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// Violations of one invariant that are told; the others are counted.
const TOLD: i64 = 100;

/// An invariant.
#[derive(Debug, Clone, Copy)]
struct Invariant {
    name: &'static str,
    /// Finds `subject` and `detail` of what breaks it.
    sql: &'static str,
}

/// Declares the invariants of a topic: what must be true, a name, and the statement.
macro_rules! invariants {
    ($($(#[doc = $doc:literal])+ $name:ident: $sql:expr);+ $(;)?) => {
        pub(super) const ALL: &[super::Invariant] =
            &[$(super::Invariant { name: stringify!($name), sql: $sql }),+];
    };
}

/// A seat's number as people read it.
macro_rules! designator {
    ($seat:literal) => {
        concat!("(", $seat, " / 32) || chr(65 + ", $seat, " % 32)")
    };
}

use {designator, invariants};

/// Topics that look at the same tables, of which a check makes copies first.
#[derive(Debug, Clone, Copy)]
struct Part {
    tables: &'static [prepared::Table],
    topics: &'static [&'static [Invariant]],
}

/// The two halves of a check, of about the same weight with a million bookings.
const PARTS: [Part; 2] = [
    Part {
        tables: prepared::OF_SEATS_AND_BOOKINGS,
        topics: &[seats::ALL, plans::ALL, travellers::ALL, bookings::ALL, provider::ALL],
    },
    Part {
        tables: prepared::OF_MONEY_AND_EVENTS,
        topics: &[payments::ALL, books::ALL, keys::ALL, events::ALL, inventory::ALL, locators::ALL],
    },
];

impl Part {
    fn invariants(self) -> Vec<Invariant> {
        self.topics.concat()
    }
}

/// All invariants, in the order in which they are told.
fn all() -> impl Iterator<Item = Invariant> {
    PARTS.into_iter().flat_map(Part::invariants)
}

/// The names of all invariants, in the order in which they are told.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|invariant| invariant.name)
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// The invariant that is broken.
    #[schema(example = "no_seat_is_given_twice")]
    pub invariant: &'static str,
    /// What it is broken by: the kind and the id of a row.
    #[schema(example = "flight 0190f2b0-0000-7000-8000-000000000000")]
    pub subject: String,
    /// How.
    pub detail: String,
}

/// How often an invariant is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Broken {
    /// The invariant.
    pub invariant: &'static str,
    /// All of its violations, told or not.
    pub violations: i64,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvariantReport {
    /// The instant that was looked at, by the database's clock.
    pub checked_at: DateTime<Utc>,
    /// How many invariants there are.
    pub invariants: usize,
    /// What was found, at most 100 of each invariant.
    pub violations: Vec<Violation>,
    /// The invariants that are broken, with how often.
    pub broken: Vec<Broken>,
}

impl InvariantReport {
    /// All violations, told or not.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.broken.iter().map(|broken| broken.violations).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_invariant_has_a_name_of_its_own_and_a_line_in_the_documentation() {
        let table = include_str!("../../../../docs/invariants.md");
        let documented: HashSet<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(name, _)| name))
            .collect();
        let named: HashSet<&str> = names().collect();
        assert_eq!(named.len(), names().count(), "no name stands twice");
        assert_eq!(named, documented);
    }
}
