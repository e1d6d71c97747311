//! The rows of `seats` against the seats of the bookings.

use super::statement::{designator, invariants};

invariants! {
    /// Each row of `seats` belongs to a live booking, one of whose passengers has that seat on that flight.
    seats_belong_to_live_bookings: concat!(
        "SELECT 'flight ' || t.flight_id AS subject, 'seat ' || ", designator!("t.seat"), " || ' belongs to booking '
            || t.reserved_for || ', which is not live or does not name it' AS detail
        FROM seat_row_faults t
        WHERE t.given_to IS NULL"
    );

    /// Each seat that a passenger of a live booking has, has its row in `seats`, for that booking.
    live_bookings_have_their_seats: concat!(
        "SELECT 'booking ' || l.given_to AS subject, 'seat ' || ", designator!("l.seat"), " || ' of flight '
            || l.flight_id || ' is not reserved for it' AS detail
        FROM seat_row_faults l
        WHERE l.reserved_for IS NULL"
    );

    /// A seat is sold when its booking is confirmed, and held before.
    seats_tell_held_from_sold: concat!(
        "SELECT 'flight ' || t.flight_id AS subject, 'seat ' || ", designator!("t.seat"), " || ' is '
            || CASE WHEN t.sold THEN 'sold' ELSE 'held' END || ', unlike its booking ' || b.id AS detail
        FROM (SELECT DISTINCT flight_id, seat, reserved_for, sold FROM seat_row_faults) t
        JOIN bookings b ON b.id = t.reserved_for
        WHERE b.status IN (0, 1) AND t.sold <> (b.status = 1)"
    );

    /// No two passengers of live bookings have the same seat of a flight. By the passengers alone: it
    /// would be seen even if the unique constraint itself were broken.
    no_seat_is_given_twice: concat!(
        "SELECT 'flight ' || l.flight_id AS subject, 'seat ' || ", designator!("l.seat"), " || ' is given to '
            || count(*) || ' passengers, of bookings '
            || array_to_string((array_agg(l.booking_id::text ORDER BY l.booking_id))[1:3], ', ') AS detail
        FROM live_seats l
        JOIN (
            SELECT flight_id, seat FROM live_seats WHERE seat IS NOT NULL GROUP BY flight_id, seat HAVING count(*) > 1
        ) twice ON twice.flight_id = l.flight_id AND twice.seat = l.seat
        GROUP BY l.flight_id, l.seat"
    );

    /// Infants travel on a lap: none has a seat, in any booking.
    infants_have_no_seat:
        "SELECT 'booking ' || p.booking_id AS subject, 'passenger ' || p.id || ' is an infant with a seat' AS detail
        FROM passengers p
        WHERE p.kind = 2 AND array_remove(p.seats, NULL) <> '{}'";

    /// Every other passenger of a live booking has a seat on each of its flights.
    passengers_have_a_seat_on_each_flight:
        "SELECT 'booking ' || l.booking_id AS subject,
            'passenger ' || l.passenger_id || ' has no seat on flight ' || l.flight_id AS detail
        FROM live_seats l
        WHERE l.kind <> 2 AND l.seat IS NULL";
}
