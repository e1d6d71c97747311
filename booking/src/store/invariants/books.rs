//! The double-entry books.

use super::statement::invariants;

invariants! {
    /// The entries of each payment and refund add up to zero.
    entries_of_a_cause_add_up_to_zero:
        "SELECT 'cause ' || cause AS subject, 'its entries add up to ' || sum(amount) AS detail
        FROM ledger_entries GROUP BY cause HAVING sum(amount) <> 0";

    /// What succeeded is in the clearing account with its amount, refunds with theirs the other way
    /// round, under their booking; and nothing else is.
    payments_and_refunds_are_booked:
        "SELECT 'cause ' || coalesce(e.cause, c.id) AS subject,
            'has ' || coalesce(e.amount::text, 'no entry') || ' in the clearing account, '
            || coalesce('for ' || c.amount, 'but is no money moved') AS detail
        FROM (SELECT cause, booking_id, amount FROM ledger_entries WHERE account = 0) e
        FULL JOIN (
            SELECT id, booking_id, amount FROM payments WHERE state = 1 AND amount <> 0
            UNION ALL SELECT id, booking_id, -amount FROM refunds
        ) c ON c.id = e.cause AND c.booking_id = e.booking_id
        WHERE e.amount IS DISTINCT FROM c.amount";

    /// Of a payment as much is booked as fares as its booking was priced; the rest are then the taxes.
    income_is_split_as_priced:
        "SELECT 'cause ' || e.cause AS subject, 'has ' || e.amount || ' in fares, which are ' || coalesce(t.fare, 0) AS detail
        FROM ledger_entries e
        LEFT JOIN refunds r ON r.id = e.cause
        LEFT JOIN booking_sums t ON t.booking_id = e.booking_id
        WHERE e.account = 1 AND r.id IS NULL AND (e.amount = -t.fare) IS NOT TRUE";

    /// No booking gives back more fares or taxes than were taken.
    no_account_is_overdrawn:
        "SELECT 'booking ' || booking_id AS subject, 'account ' || account || ' is at ' || sum(amount) AS detail
        FROM ledger_entries WHERE booking_id IN (SELECT booking_id FROM refunds)
        GROUP BY booking_id, account
        HAVING CASE account WHEN 0 THEN sum(amount) < 0 ELSE sum(amount) > 0 END";

    /// All in all, the clearing account is the money in less the refunds.
    clearing_is_money_in_less_refunds:
        "SELECT 'clearing account' AS subject, 'is at ' || held || ', payments less refunds are ' || due AS detail
        FROM (SELECT
            (SELECT coalesce(sum(amount), 0) FROM ledger_entries WHERE account = 0) AS held,
            (SELECT coalesce(sum(amount), 0) FROM payments WHERE state = 1)
                - (SELECT coalesce(sum(amount), 0) FROM refunds) AS due) sums
        WHERE held <> due";
}
