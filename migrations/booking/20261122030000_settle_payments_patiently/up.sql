-- How often a payment or refund was taken up: the pauses between attempts grow with it.
ALTER TABLE payments ADD COLUMN attempts smallint NOT NULL DEFAULT 0;
ALTER TABLE refunds ADD COLUMN attempts smallint NOT NULL DEFAULT 0;

-- What the provider calls the payment, where it has a name of its own for it: stored before money can
-- be reserved under that name, and only while the payment is started.
ALTER TABLE payments ADD COLUMN provider_reference text;
