//! The log of the sandbox provider, which is kept as a foreign one, against our books. If it is empty, payments go to
//! another provider, whose log we cannot read.

use super::statement::invariants;

invariants! {
    /// Each payment that succeeded was authorised at the provider, under its own id. (Under one id the
    /// provider does everything once: that is the key of its log.)
    payments_were_authorised_once:
        "SELECT 'payment ' || p.id AS subject, 'succeeded without an authorisation' AS detail
        FROM unusual_payments p
        WHERE p.state = 1 AND EXISTS (SELECT FROM sandbox_operations) AND NOT p.authorised
        UNION ALL
        SELECT 'payment ' || payment_id, 'was asked for under the id ' || subject
        FROM sandbox_operations WHERE operation = 0 AND subject <> payment_id";

    /// The provider took money at most once for a payment, and only for one that succeeded; it did so
    /// where the payment is settled. What it reserved for a payment that was declined was given up, where
    /// that one is settled.
    money_is_taken_once_and_for_a_booking:
        "SELECT 'payment ' || o.id AS subject,
            CASE WHEN o.state IS NULL THEN 'is unknown' ELSE 'in state ' || o.state END
            || CASE WHEN o.unsettled THEN ', unsettled,' ELSE '' END || ' with '
            || o.captures || ' captures and ' || o.voids || ' voids at the provider' AS detail
        FROM unusual_payments o
        WHERE EXISTS (SELECT FROM sandbox_operations) AND ((CASE
            WHEN o.state = 1 AND NOT o.unsettled THEN o.captures = 1 AND o.voids = 0
            WHEN o.state = 1 THEN o.captures <= 1 AND o.voids = 0
            WHEN o.state IN (3, 4) AND NOT o.unsettled THEN o.captures = 0 AND (o.reserved = 0 OR o.voids > 0)
            WHEN o.state = 4 THEN o.captures = 0
            ELSE o.captures = 0 AND o.voids = 0 END) IS NOT TRUE
            OR o.state IS NULL)";

    /// Amounts at the provider are those of our payments.
    amounts_agree_with_the_provider:
        "SELECT 'payment ' || id AS subject, 'is of ' || amount || ', at the provider of ' || least || ' to ' || most AS detail
        FROM unusual_payments
        WHERE least <> amount OR most <> amount";

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
