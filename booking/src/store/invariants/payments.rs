//! Payments and refunds against the bookings that they are of.

use super::statement::invariants;

invariants! {
    /// What was ever confirmed has one payment that succeeded, others have none; and each payment is of
    /// exactly the booking's total. No payment is left without a booking.
    bookings_are_paid_once_and_in_full:
        "SELECT 'booking ' || booking_id AS subject,
            CASE WHEN is_there THEN coalesce(taken, 0) || ' payments succeeded, of ' || coalesce(least, 0) || ' to '
                    || coalesce(most, 0) || ' for a total of ' || coalesce(total, 0)
                ELSE 'has payments but no row' END AS detail
        FROM booking_sums
        WHERE CASE WHEN is_there THEN coalesce(taken, 0) <> was_confirmed::int OR least <> total OR most <> total
            ELSE most IS NOT NULL END";

    /// A booking is processing exactly when one payment of it is started and not decided. (When the
    /// airline cancels a booking in that time, the payment may be decided later.)
    payments_under_way_are_processing:
        "SELECT 'booking ' || booking_id AS subject, coalesce(started, 0) || ' payments under way, status ' || status
            || ', payment status ' || payment_status AS detail
        FROM booking_sums
        WHERE is_there AND (payment_status = 1 OR started > 0)
            AND (started = 1 AND (payment_status = 1 OR status = 2)) IS NOT TRUE";

    /// The refunds of a booking are its total where it is refunded, less where it is partly refunded, and
    /// nothing otherwise.
    refunds_go_with_the_payment_status:
        "SELECT 'booking ' || booking_id AS subject, coalesce(back, 0) || ' of ' || coalesce(total, 0)
            || ' refunded, payment status ' || payment_status AS detail
        FROM booking_sums
        WHERE is_there AND (payment_status IN (3, 4) OR back IS NOT NULL) AND (CASE payment_status
            WHEN 3 THEN back BETWEEN 1 AND total - 1
            WHEN 4 THEN back = total
            ELSE coalesce(back, 0) = 0 END) IS NOT TRUE";

    /// A refund is of a payment of the same booking that succeeded, is settled only after the capture,
    /// and all refunds of a payment are no more than it.
    refunds_are_of_money_that_was_taken:
        "SELECT 'refund ' || r.id AS subject, CASE WHEN p.id IS NULL THEN 'is of no payment of its booking'
            ELSE 'is of a payment in state ' || p.state || CASE WHEN u.payment_id IS NULL THEN '' ELSE ', which is unsettled' END
                || CASE WHEN r.settled THEN ', and settled' ELSE '' END END AS detail
        FROM refunds r
        LEFT JOIN payments p ON p.id = r.payment_id AND p.booking_id = r.booking_id
        LEFT JOIN unsettled_payments u ON u.payment_id = r.payment_id
        WHERE p.state IS DISTINCT FROM 1 OR (r.settled AND u.payment_id IS NOT NULL)
        UNION ALL
        SELECT 'payment ' || p.id, 'of ' || p.amount || ' has refunds of ' || sum(r.amount)
        FROM refunds r JOIN payments p ON p.id = r.payment_id GROUP BY p.id HAVING sum(r.amount) > p.amount";

    /// A payment that is started stands in the queue of the unsettled ones, one that the provider declined
    /// does not; and nothing stands there but payments.
    unsettled_payments_are_queued:
        "SELECT 'payment ' || coalesce(p.id, u.payment_id) AS subject, CASE WHEN p.id IS NULL THEN 'is unsettled and unknown'
            ELSE 'in state ' || p.state || CASE WHEN u.payment_id IS NULL THEN ' is not queued' ELSE ' is queued' END END AS detail
        FROM payments p FULL JOIN unsettled_payments u ON u.payment_id = p.id
        WHERE (CASE p.state WHEN 0 THEN u.payment_id IS NOT NULL WHEN 3 THEN u.payment_id IS NULL
            ELSE p.id IS NOT NULL END) IS NOT TRUE";

    /// Nothing stays unsettled for ever: a payment is decided within an hour of the end of its hold, and
    /// captured or voided, and a refund carried out, within a day. If not, the payment desk is dead, or
    /// the provider out of reach.
    money_is_settled_in_time:
        "SELECT 'payment ' || p.id AS subject, 'is undecided since ' || p.created_at AS detail
        FROM payments p JOIN bookings b ON b.id = p.booking_id
        WHERE p.state = 0 AND b.hold_expires_at < now() - interval '1 hour'
        UNION ALL
        SELECT 'payment ' || p.id, CASE p.state WHEN 1 THEN 'is not captured' ELSE 'is not voided' END || ' since ' || p.created_at
        FROM unsettled_payments u JOIN payments p ON p.id = u.payment_id
        WHERE p.state IN (1, 4) AND p.created_at < now() - interval '1 day'
        UNION ALL
        SELECT 'refund ' || id, 'is not settled since ' || created_at
        FROM refunds WHERE NOT settled AND created_at < now() - interval '1 day'";
}
