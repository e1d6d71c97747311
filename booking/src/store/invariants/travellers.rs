//! The second fence, against the passengers of live bookings.

use super::invariants;

invariants! {
    /// `travellers` has a row for each passenger of each live booking on each of its flights, under the
    /// booking's owner, that says whether the passenger has a seat; and no others.
    travellers_are_the_passengers_of_live_bookings:
        "SELECT 'booking ' || booking_id AS subject, 'flight ' || flight_id || ' has ' || coalesce(t.all_of_them, 0)
            || ' travellers of it, ' || coalesce(t.with_seats, 0) || ' with seats, for ' || coalesce(l.all_of_them, 0)
            || ' passengers, ' || coalesce(l.with_seats, 0) || ' with seats' AS detail
        FROM (
            SELECT flight_id, booking_id, owner_id, count(*) AS all_of_them, count(*) FILTER (WHERE kind <> 2) AS with_seats
            FROM live_seats GROUP BY flight_id, booking_id, owner_id
        ) l FULL JOIN (
            SELECT flight_id, booking_id, owner_id, count(*) AS all_of_them, count(*) FILTER (WHERE seated) AS with_seats
            FROM travellers GROUP BY flight_id, booking_id, owner_id
        ) t USING (flight_id, booking_id, owner_id)
        WHERE l.all_of_them IS DISTINCT FROM t.all_of_them OR l.with_seats IS DISTINCT FROM t.with_seats";

    /// The fingerprint of such a row is that of its passenger's name and date of birth. Names in plain
    /// ASCII on flights that have not left: after that nobody asks the fence.
    travellers_are_known_by_their_names:
        "SELECT 'booking ' || l.booking_id AS subject,
            'passenger ' || l.passenger_id || ' is not known by name on flight ' || l.flight_id AS detail
        FROM live_seats l
        WHERE l.fingerprint IS NOT NULL AND NOT EXISTS (SELECT FROM travellers t
            WHERE t.flight_id = l.flight_id AND t.fingerprint = l.fingerprint AND t.booking_id = l.booking_id)";
}
