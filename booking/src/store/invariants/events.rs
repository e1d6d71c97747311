//! The events in the outbox. They are kept for seven days; the statements read six.

use super::statement::invariants;

invariants! {
    /// Each booking that came to its status in the last six days has its event: `booking.held`,
    /// `booking.confirmed`, `booking.cancelled` or `booking.expired`. (A purchase in one call has its event
    /// when it is decided.)
    states_were_told:
        "SELECT 'booking ' || d.id AS subject, d.kind || ' was not told' AS detail
        FROM (
            SELECT id, version, CASE status WHEN 0 THEN 'booking.held' WHEN 1 THEN 'booking.confirmed'
                WHEN 2 THEN 'booking.cancelled' ELSE 'booking.expired' END AS kind
            FROM bookings
            WHERE CASE status
                WHEN 0 THEN payment_status = 0 AND hold_expires_at > now() AND created_at > now() - interval '6 days'
                WHEN 1 THEN confirmed_at > now() - interval '6 days'
                ELSE updated_at > now() - interval '6 days' END
        ) d
        WHERE NOT EXISTS (SELECT FROM told_events e WHERE e.subject = d.id AND e.kind = d.kind AND e.version <= d.version)";

    /// No two events tell of the same version of the same thing.
    event_versions_do_not_repeat:
        "SELECT coalesce(subject::text, 'none') AS subject, 'version ' || version || ' was told ' || count(*) || ' times' AS detail
        FROM told_events GROUP BY subject, version HAVING count(*) > 1";

    /// No event tells of a booking that is not there, or of a later version of it than there is.
    events_are_not_ahead_of_bookings:
        "SELECT 'booking ' || coalesce(e.subject::text, 'none') AS subject, 'version ' || e.version || ' was told, '
            || coalesce(b.version::text, 'none') || ' is there' AS detail
        FROM told_events e LEFT JOIN bookings b ON b.id = e.subject
        WHERE e.kind LIKE 'booking.%' AND (b.id IS NULL OR e.version > b.version)";

    /// The version of a flight's seats is the newest that was told, as long as any is kept.
    seats_versions_were_told:
        "SELECT 'flight ' || coalesce(t.subject::text, 'none') AS subject, 'seats version ' || t.version || ' was told, '
            || coalesce(f.seats_version::text, 'none') || ' is there' AS detail
        FROM (SELECT subject, max(version) AS version FROM told_events WHERE kind = 'seats.changed' GROUP BY subject) t
        LEFT JOIN flights f ON f.id = t.subject
        WHERE f.id IS NULL OR t.version <> f.seats_version";

    /// As many seats of a flight are held and sold as were told last.
    seats_are_as_they_were_told:
        "WITH last_told AS MATERIALIZED (
            SELECT f.id AS flight_id, (SELECT e.data::json FROM events e WHERE e.id = n.id) AS data
            FROM flights f
            JOIN told_events n ON n.subject = f.id AND n.version = f.seats_version AND n.kind = 'seats.changed'
        )
        SELECT 'flight ' || t.flight_id AS subject, t.held || ' held and ' || t.sold || ' sold seats were told, '
            || coalesce(s.held, 0) || ' and ' || coalesce(s.sold, 0) || ' are there' AS detail
        FROM (
            SELECT flight_id, json_array_length(data->'held') AS held, json_array_length(data->'sold') AS sold FROM last_told
        ) t
        LEFT JOIN (
            SELECT flight_id, count(*) FILTER (WHERE NOT sold) AS held, count(*) FILTER (WHERE sold) AS sold
            FROM seats GROUP BY flight_id
        ) s ON s.flight_id = t.flight_id
        WHERE t.held <> coalesce(s.held, 0) OR t.sold <> coalesce(s.sold, 0)";
}
