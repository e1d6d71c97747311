ALTER TABLE payments DROP COLUMN provider_reference;
ALTER TABLE refunds DROP COLUMN attempts;
ALTER TABLE payments DROP COLUMN attempts;
