-- The payments of which something is still to be asked of the provider: a queue beside them, like the
-- outbox. A row comes with its payment and goes with the last word on it, so that a payment's own row
-- is updated once, within its page. Small and short-lived: read as a whole, without a further index.
-- attempted_at: when an instance last took it in hand; attempts: how often it was taken up.
CREATE TABLE unsettled_payments (
    payment_id   uuid PRIMARY KEY,
    attempted_at timestamptz NOT NULL,
    attempts     smallint NOT NULL DEFAULT 0
);
-- Whoever is just writing a payment has committed it before it is looked for.
LOCK TABLE payments IN ACCESS EXCLUSIVE MODE;
INSERT INTO unsettled_payments (payment_id, attempted_at, attempts)
SELECT id, attempted_at, attempts FROM payments WHERE state IN (0, 1, 4);

DROP INDEX payments_unsettled;
ALTER TABLE payments DROP COLUMN unsettled_at, DROP COLUMN attempted_at, DROP COLUMN attempts;

-- state: 0 started, 1 confirmed, 3 declined, 4 declined by us: whatever the provider has reserved is
-- given up. A confirmed payment is captured, and one that was declined by us voided, when it is not in
-- the queue. (2 was captured; numbers are not used again.)
UPDATE payments SET state = 1 WHERE state = 2;
ALTER TABLE payments DROP CONSTRAINT payments_state_check,
    ADD CONSTRAINT payments_state_check CHECK (state IN (0, 1, 3, 4));
