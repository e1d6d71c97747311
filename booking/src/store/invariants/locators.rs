//! What travellers find their bookings by.

use super::statement::invariants;

invariants! {
    /// Locators are six of the 32 unambiguous characters, and no two bookings have the same.
    locators_are_unique_and_well_formed:
        "SELECT 'booking ' || id AS subject, 'has the locator ' || locator AS detail
        FROM bookings WHERE locator COLLATE \"C\" !~ '^[2-9A-HJ-NP-Z]{6}$'
        UNION ALL
        SELECT 'locator ' || locator, 'is that of ' || count(*) || ' bookings'
        FROM bookings GROUP BY locator HAVING count(*) > 1";
}
