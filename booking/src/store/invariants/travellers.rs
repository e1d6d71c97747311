//! The rows of `travellers` against the passengers of live bookings.

use super::statement::invariants;

invariants! {
    /// `travellers` has a row for each passenger of each live booking on each of its flights, under the
    /// booking's owner, that says whether the passenger has a seat; and no others.
    travellers_are_the_passengers_of_live_bookings:
        "SELECT 'booking ' || booking_id AS subject, 'flight ' || flight_id || ' has ' || count(seated) || ' travellers of it, '
            || count(*) FILTER (WHERE seated) || ' with seats, for ' || count(kind) || ' passengers, '
            || count(*) FILTER (WHERE kind <> 2) || ' with seats' AS detail
        FROM (
            SELECT flight_id, booking_id, owner_id, kind, NULL::boolean AS seated FROM live_seats
            UNION ALL SELECT flight_id, booking_id, owner_id, NULL, seated FROM travellers
        ) everybody GROUP BY flight_id, booking_id, owner_id
        HAVING count(seated) <> count(kind) OR count(*) FILTER (WHERE seated) <> count(*) FILTER (WHERE kind <> 2)";

    /// The fingerprint of such a row is that of its passenger's name and date of birth. Names in plain
    /// ASCII on flights that have not left: after that no statement reads the row.
    travellers_are_known_by_their_names:
        "SELECT 'booking ' || l.booking_id AS subject,
            'passenger ' || l.passenger_id || ' is not known by name on flight ' || l.flight_id AS detail
        FROM live_seats l
        WHERE l.fingerprint IS NOT NULL AND NOT EXISTS (SELECT FROM travellers t
            WHERE t.flight_id = l.flight_id AND t.fingerprint = l.fingerprint AND t.booking_id = l.booking_id)";
}
