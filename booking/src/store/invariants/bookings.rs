//! Bookings in themselves.

use super::statement::invariants;

invariants! {
    /// A booking has one to six segments in order, on different flights; one to nine passengers with
    /// seats, no more infants than adults, and children only with an adult; as many places for seats as
    /// segments. No segment and no passenger is left without a booking.
    bookings_are_whole:
        "SELECT 'booking ' || booking_id AS subject,
            CASE WHEN is_there THEN coalesce(segments, 0) || ' segments, ' || coalesce(adults, 0) || ' adults, '
                    || coalesce(children, 0) || ' children, ' || coalesce(infants, 0) || ' infants, or their places'
                ELSE 'has segments or passengers but no row' END AS detail
        FROM doubtful_bookings WHERE NOT whole
        UNION ALL
        SELECT 'booking ' || one.booking_id, 'has flight ' || one.flight_id || ' twice'
        FROM segments one JOIN segments other ON other.booking_id = one.booking_id
            AND other.flight_id = one.flight_id AND other.position > one.position
        WHERE one.booking_id IN (SELECT booking_id FROM segments WHERE position <> 0)";

    /// The status, the payment's status and the time of the confirmation go together: a hold is awaiting
    /// or processing, a confirmed booking paid (or partly refunded), an expired one awaiting; a cancelled
    /// one has what it had, or refunds. `confirmed_at` is there for what was ever confirmed.
    statuses_go_together:
        "SELECT 'booking ' || id AS subject, 'status ' || status || ', payment status ' || payment_status
            || CASE WHEN confirmed_at IS NULL THEN ', never confirmed' ELSE ', confirmed once' END
            || ', version ' || version AS detail
        FROM bookings
        WHERE version < 1 OR NOT CASE status
            WHEN 0 THEN payment_status IN (0, 1) AND confirmed_at IS NULL
            WHEN 1 THEN payment_status IN (2, 3) AND confirmed_at IS NOT NULL
            WHEN 2 THEN (payment_status IN (2, 3, 4)) = (confirmed_at IS NOT NULL)
            ELSE payment_status = 0 AND confirmed_at IS NULL END";

    /// Each passenger of a booking that was paid has a ticket.
    who_has_paid_has_a_ticket:
        "SELECT 'booking ' || p.booking_id AS subject, 'passenger ' || p.id || ' has no ticket' AS detail
        FROM (SELECT booking_id FROM doubtful_bookings WHERE unticketed) d
        JOIN passengers p ON p.booking_id = d.booking_id
        WHERE p.ticket_number IS NULL";

    /// A ticket number is an airline's three digits and a document number of ten, and is given once.
    ticket_numbers_are_unique_and_well_formed:
        "SELECT 'booking ' || booking_id AS subject, 'passenger ' || id || ' has ticket ' || ticket_number AS detail
        FROM passengers
        WHERE ticket_number NOT BETWEEN 1000000000 AND 9999999999999 OR ticket_number % 10000000000 < 1000000000
        UNION ALL
        SELECT 'ticket ' || ticket_number, 'is that of ' || count(*) || ' passengers'
        FROM passengers WHERE ticket_number IS NOT NULL GROUP BY ticket_number HAVING count(*) > 1";

    /// Every hold has an end, in two days at the latest: a day is the longest that can be asked for, and
    /// a payment prolongs it by an hour.
    holds_have_an_end:
        "SELECT 'booking ' || id AS subject, 'is held until ' || hold_expires_at AS detail
        FROM bookings
        WHERE status = 0 AND (NOT isfinite(hold_expires_at) OR hold_expires_at > now() + interval '2 days')";

    /// A hold without a payment under way is ended within a minute of its end. If not, the expiry sweeper is dead.
    holds_are_ended_in_time:
        "SELECT 'booking ' || id AS subject, 'is still held, though the hold ended at ' || hold_expires_at AS detail
        FROM bookings
        WHERE status = 0 AND payment_status = 0 AND hold_expires_at < now() - interval '1 minute'";
}
