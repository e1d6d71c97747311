//! Idempotency keys.

use super::statement::invariants;

invariants! {
    /// A key has its status together with its answer, one that had an effect, and names a booking that
    /// is there (but for the first five minutes of a request that runs).
    keys_name_a_booking:
        "SELECT 'key of booking ' || k.booking_id AS subject, CASE WHEN b.id IS NULL THEN 'the booking is not there'
            ELSE 'status ' || coalesce(k.status::text, 'none') || CASE WHEN k.response IS NULL THEN ' without' ELSE ' with' END
                || ' an answer' END AS detail
        FROM idempotency_keys k LEFT JOIN bookings b ON b.id = k.booking_id
        WHERE (k.status IS NULL) <> (k.response IS NULL)
            OR NOT (k.status BETWEEN 200 AND 299 OR k.status = 402)
            OR (b.id IS NULL AND (k.status IS NOT NULL OR k.created_at < now() - interval '5 minutes'))";

    /// A key without an answer is one whose request runs (for five minutes at most), or whose payment is
    /// not decided. If not, its caller waits for ever.
    keys_in_progress_have_something_to_wait_for:
        "SELECT 'key of booking ' || k.booking_id AS subject, 'is in progress since ' || k.created_at AS detail
        FROM idempotency_keys k
        WHERE k.status IS NULL AND k.created_at < now() - interval '5 minutes'
            AND NOT EXISTS (SELECT FROM payments p WHERE p.booking_id = k.booking_id AND p.key_scope = k.scope AND p.state = 0)";
}
