//! The seats of live bookings against the flights' seat plans.

use super::{designator, invariants};

/// The layouts of the flights on which somebody has a seat, which are few, and the places of each, with
/// the numbers of seats and cabins as they are in our tables.
macro_rules! places {
    () => {
        "layouts AS MATERIALIZED (
            SELECT row_number() OVER () AS layout, plan FROM (
                SELECT DISTINCT state->'seat_plan' AS plan FROM flight_states
                WHERE flight_id IN (SELECT flight_id FROM seats)
            ) plans
        ), fitted AS MATERIALIZED (
            SELECT f.flight_id, y.layout FROM flight_states f JOIN layouts y ON y.plan = f.state->'seat_plan'
        ), places AS MATERIALIZED (
            SELECT y.layout, (row * 32 + ascii(letter) - 65)::smallint AS seat,
                array_position('{economy,premium_economy,business,first}'::text[], c->>'cabin') - 1 AS cabin,
                y.plan->'exit_rows' @> to_jsonb(row) AS exit, y.plan->'blocked_seats' ? (row || letter) AS blocked
            FROM layouts y
            CROSS JOIN jsonb_array_elements(y.plan->'cabins') AS c
            CROSS JOIN generate_series((c->'rows'->>0)::int, (c->'rows'->>1)::int) AS row
            CROSS JOIN string_to_table(replace(c->>'columns', '|', ''), NULL) AS letter
        )"
    };
}

invariants! {
    /// Each seat of a live booking is a seat of the flight's plan, in the cabin that was booked, and not a
    /// blocked one.
    seats_are_seats_of_the_booked_cabin: concat!(
        "WITH ", places!(), "
        SELECT 'booking ' || l.booking_id AS subject, 'seat ' || ", designator!("l.seat"), " || ' of flight '
            || l.flight_id || CASE WHEN p.seat IS NULL THEN ' does not exist'
                WHEN p.blocked THEN ' is blocked' ELSE ' is in another cabin' END AS detail
        FROM live_seats l
        JOIN fitted f ON f.flight_id = l.flight_id
        LEFT JOIN places p ON p.layout = f.layout AND p.seat = l.seat
        WHERE l.seat IS NOT NULL AND (p.seat IS NULL OR p.blocked OR p.cabin <> l.cabin)"
    );

    /// Nobody sits in an exit row but adults without an infant. The n-th infant of a booking travels with
    /// its n-th adult.
    exit_rows_are_kept_free_of_children: concat!(
        "WITH ", places!(), "
        SELECT 'booking ' || l.booking_id AS subject, 'passenger ' || l.passenger_id || ' may not have exit seat '
            || ", designator!("l.seat"), " || ' of flight ' || l.flight_id AS detail
        FROM live_seats l
        JOIN fitted f ON f.flight_id = l.flight_id
        JOIN places p ON p.layout = f.layout AND p.seat = l.seat AND p.exit
        WHERE l.kind <> 0
            OR (SELECT count(*) FROM passengers q WHERE q.booking_id = l.booking_id AND q.kind = 0 AND q.position <= l.position)
                <= (SELECT count(*) FROM passengers q WHERE q.booking_id = l.booking_id AND q.kind = 2)"
    );

    /// A cabin has no more passengers of live bookings than seats that can be sold.
    cabins_are_not_oversold: concat!(
        "WITH ", places!(), ", capacities AS (
            SELECT layout, cabin, count(*) AS seats FROM places WHERE NOT blocked GROUP BY layout, cabin
        )
        SELECT 'flight ' || l.flight_id AS subject,
            'cabin ' || l.cabin || ' has ' || l.passengers || ' passengers for ' || coalesce(c.seats, 0) || ' seats' AS detail
        FROM (SELECT flight_id, cabin, count(*) AS passengers FROM live_seats WHERE kind <> 2 GROUP BY flight_id, cabin) l
        JOIN fitted f ON f.flight_id = l.flight_id
        LEFT JOIN capacities c ON c.layout = f.layout AND c.cabin = l.cabin
        WHERE l.passengers > coalesce(c.seats, 0)"
    );
}
