-- The instances of this release have to be stopped before: they know no other queue.
-- Whoever is just writing a payment, or takes one out of the queue, has committed it before it is looked for.
LOCK TABLE unsettled_payments, payments IN ACCESS EXCLUSIVE MODE;
ALTER TABLE payments DROP CONSTRAINT payments_state_check,
    ADD CONSTRAINT payments_state_check CHECK (state BETWEEN 0 AND 4),
    ADD COLUMN attempted_at timestamptz, ADD COLUMN attempts smallint NOT NULL DEFAULT 0;
UPDATE payments p
SET attempted_at = coalesce(u.attempted_at, p.created_at), attempts = coalesce(u.attempts, 0),
    state = CASE WHEN u.payment_id IS NOT NULL THEN p.state WHEN p.state = 1 THEN 2 WHEN p.state = 4 THEN 3 ELSE p.state END
FROM payments one LEFT JOIN unsettled_payments u ON u.payment_id = one.id
WHERE one.id = p.id;
ALTER TABLE payments ALTER COLUMN attempted_at SET NOT NULL,
    ADD COLUMN unsettled_at timestamptz
    GENERATED ALWAYS AS (CASE WHEN state IN (0, 1, 4) THEN attempted_at END) STORED;
CREATE INDEX payments_unsettled ON payments (unsettled_at) WHERE unsettled_at IS NOT NULL;
DROP TABLE unsettled_payments;
