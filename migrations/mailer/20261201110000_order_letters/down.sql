DROP INDEX letter_queue_held_back;
DROP INDEX letter_queue_by_aggregate;
UPDATE letter_queue SET aggregate = NULL FROM letters
WHERE letters.id = letter_id AND letters.template NOT IN ('booking_held', 'verify_email', 'password_reset');
CREATE INDEX letter_queue_supersedable ON letter_queue (aggregate) WHERE aggregate IS NOT NULL;
ALTER TABLE letter_queue
    DROP COLUMN held_back,
    DROP COLUMN superseded,
    DROP COLUMN aggregate_version;
