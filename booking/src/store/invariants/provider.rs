//! The log of the sandbox provider, which is kept as if it were somebody else's, against our books. Where
//! it is empty, payments go to another provider, whose log is not ours to see.

use super::invariants;

invariants! {
    /// Each payment that succeeded was authorised at the provider, under its own id. (Under one id the
    /// provider does everything once: that is the key of its log.)
    payments_were_authorised_once:
        "SELECT 'payment ' || p.id AS subject, 'succeeded without an authorisation' AS detail
        FROM payments p
        WHERE p.state = 1 AND EXISTS (SELECT FROM sandbox_operations) AND NOT EXISTS (SELECT FROM sandbox_operations o
            WHERE o.payment_id = p.id AND o.operation = 0 AND o.subject = p.id AND o.accepted)
        UNION ALL
        SELECT 'payment ' || payment_id, 'was asked for under the id ' || subject
        FROM sandbox_operations WHERE operation = 0 AND subject <> payment_id";

    /// The provider took money at most once for a payment, and only for one that succeeded; it did so
    /// where the payment is settled. What it reserved for a payment that was declined was given up, where
    /// that one is settled.
    money_is_taken_once_and_for_a_booking:
        "SELECT 'payment ' || coalesce(p.id, o.payment_id) AS subject,
            CASE WHEN p.id IS NULL THEN 'is unknown' ELSE 'in state ' || p.state END
            || CASE WHEN u.payment_id IS NULL THEN '' ELSE ', unsettled,' END || ' with '
            || coalesce(o.captures, 0) || ' captures and ' || coalesce(o.voids, 0) || ' voids at the provider' AS detail
        FROM payments p
        FULL JOIN (
            SELECT payment_id, count(*) FILTER (WHERE operation = 0 AND accepted) AS reserved,
                count(*) FILTER (WHERE operation = 1) AS captures, count(*) FILTER (WHERE operation = 2) AS voids
            FROM sandbox_operations GROUP BY payment_id
        ) o ON o.payment_id = p.id
        LEFT JOIN unsettled_payments u ON u.payment_id = p.id
        WHERE EXISTS (SELECT FROM sandbox_operations) AND ((CASE
            WHEN p.state = 1 AND u.payment_id IS NULL THEN o.captures = 1 AND o.voids = 0
            WHEN p.state = 1 THEN coalesce(o.captures, 0) <= 1 AND coalesce(o.voids, 0) = 0
            WHEN p.state IN (3, 4) AND u.payment_id IS NULL
                THEN coalesce(o.captures, 0) = 0 AND (coalesce(o.reserved, 0) = 0 OR o.voids > 0)
            WHEN p.state = 4 THEN coalesce(o.captures, 0) = 0
            ELSE coalesce(o.captures, 0) = 0 AND coalesce(o.voids, 0) = 0 END) IS NOT TRUE
            OR p.id IS NULL)";

    /// Amounts at the provider are those of our payments.
    amounts_agree_with_the_provider:
        "SELECT 'payment ' || o.payment_id AS subject, 'is of ' || p.amount || ', at the provider of ' || o.amount AS detail
        FROM sandbox_operations o JOIN payments p ON p.id = o.payment_id
        WHERE o.operation IN (0, 1, 2) AND o.amount <> p.amount";

    /// What the provider gave back is a refund of ours, of that amount; a refund is settled when the
    /// provider has given it back.
    refunds_agree_with_the_provider:
        "SELECT 'refund ' || coalesce(r.id, o.subject) AS subject, coalesce('of ' || r.amount, 'unknown')
            || coalesce(' is at the provider of ' || o.amount, ' is settled but not known to the provider') AS detail
        FROM refunds r
        FULL JOIN (SELECT payment_id, subject, amount FROM sandbox_operations WHERE operation = 3) o
            ON o.subject = r.id AND o.payment_id = r.payment_id
        WHERE r.id IS NULL OR CASE WHEN o.subject IS NULL THEN r.settled AND EXISTS (SELECT FROM sandbox_operations)
            ELSE o.amount <> r.amount END";
}
