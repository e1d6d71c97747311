//! The two halves of a check, and the names of all invariants.

use super::{
    bookings, books, events, inventory, keys, locators, payments, plans, prepared, provider, seats,
    statement::Invariant, travellers,
};

/// Topics that look at the same tables, of which a check makes copies first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) tables: &'static [prepared::PreparedTable],
    topics: &'static [&'static [Invariant]],
}

/// The two halves of a check, of about the same weight with a million bookings.
pub(super) const PARTS: [Part; 2] = [
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
    pub(super) fn invariants(self) -> Vec<Invariant> {
        self.topics.concat()
    }
}

/// All invariants, in the order of the report.
pub(super) fn all() -> impl Iterator<Item = Invariant> {
    PARTS.into_iter().flat_map(Part::invariants)
}

/// The names of all invariants, in the order of the report.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|invariant| invariant.name)
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
