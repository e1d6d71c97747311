//! The flights that bookings refer to.

use super::statement::invariants;

invariants! {
    /// Each flight of a booking is known, with its state: without it the booking could not be shown.
    flights_of_bookings_are_known:
        "SELECT 'flight ' || s.flight_id AS subject, 'is booked but not known' AS detail
        FROM (SELECT DISTINCT flight_id FROM segments) s
        LEFT JOIN flights f ON f.id = s.flight_id
        LEFT JOIN flight_states t ON t.flight_id = s.flight_id
        WHERE f.id IS NULL OR t.flight_id IS NULL";

    /// A flight's row is of the same version as its state; while it is on sale, it departs when the state
    /// says and is not cancelled.
    inventory_agrees_with_the_flights:
        "SELECT 'flight ' || f.id AS subject, 'version ' || f.version || ', departure ' || f.departure_at || ', state of version '
            || t.version || ', departure ' || (t.state->'departure'->>'at') || ', ' || (t.state->>'status') AS detail
        FROM flights f JOIN flight_states t ON t.flight_id = f.id
        WHERE f.version <> t.version
            OR (f.on_sale AND (f.departure_at <> (t.state->'departure'->>'at')::timestamptz OR t.state->>'status' = 'cancelled'))";
}
