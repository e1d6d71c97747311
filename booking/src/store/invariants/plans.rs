//! The seats of live bookings against the flights' seat plans.

use super::statement::{designator, invariants};

invariants! {
    /// Each seat of a live booking is a seat of the flight's plan, in the cabin that was booked, and not a
    /// blocked one.
    seats_are_seats_of_the_booked_cabin: concat!(
        "SELECT 'booking ' || booking_id AS subject, 'seat ' || ", designator!("seat"), " || ' of flight ' || flight_id
            || CASE WHEN seat_cabin IS NULL THEN ' does not exist' WHEN blocked THEN ' is blocked'
                ELSE ' is in another cabin' END AS detail
        FROM live_seats
        WHERE seat IS NOT NULL AND layout IS NOT NULL AND (seat_cabin IS NULL OR blocked OR seat_cabin <> cabin)"
    );

    /// Nobody sits in an exit row but adults without an infant. The n-th infant of a booking travels with
    /// its n-th adult.
    exit_rows_are_kept_free_of_children: concat!(
        "SELECT 'booking ' || l.booking_id AS subject, 'passenger ' || l.passenger_id || ' may not have exit seat '
            || ", designator!("l.seat"), " || ' of flight ' || l.flight_id AS detail
        FROM (SELECT * FROM live_seats WHERE exit) l
        LEFT JOIN (SELECT booking_id, count(*) AS infants FROM passengers WHERE kind = 2 GROUP BY booking_id) i
            ON i.booking_id = l.booking_id
        WHERE l.kind <> 0 OR (i.infants IS NOT NULL AND i.infants >= (SELECT count(*) FROM passengers q
            WHERE q.booking_id = l.booking_id AND q.kind = 0 AND q.position <= l.position))"
    );

    /// A cabin has no more passengers of live bookings than seats that can be sold.
    cabins_are_not_oversold:
        "SELECT 'flight ' || l.flight_id AS subject,
            'cabin ' || l.cabin || ' has ' || l.passengers || ' passengers for ' || coalesce(c.seats, 0) || ' seats' AS detail
        FROM (
            SELECT flight_id, layout, cabin, count(*) AS passengers FROM live_seats
            WHERE kind <> 2 AND layout IS NOT NULL GROUP BY flight_id, layout, cabin
        ) l
        LEFT JOIN (SELECT layout, cabin, count(*) AS seats FROM seat_places WHERE NOT blocked GROUP BY layout, cabin) c
            ON c.layout = l.layout AND c.cabin = l.cabin
        WHERE l.passengers > coalesce(c.seats, 0)";
}
