ALTER TABLE letter_attempts ADD CONSTRAINT letter_attempts_letter_id_fkey
    FOREIGN KEY (letter_id) REFERENCES letters (id) ON DELETE CASCADE;

DROP INDEX letters_by_template;
DROP INDEX letters_given_up;
ALTER TABLE letters RESET (toast_tuple_target);
ALTER TABLE letters
    ALTER COLUMN data TYPE jsonb USING data::jsonb,
    ADD COLUMN status text NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'sending', 'sent', 'failed', 'superseded')),
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN next_attempt_at timestamptz NOT NULL DEFAULT now();
UPDATE letters SET
    status = coalesce(given_up, 'sent'),
    attempts = coalesce((SELECT max(number) FROM letter_attempts WHERE letter_id = letters.id), 0);
UPDATE letters SET
    status = CASE WHEN q.sending THEN 'sending' ELSE 'queued' END,
    attempts = q.attempts,
    failures = q.failures,
    queued_at = q.queued_at,
    next_attempt_at = q.next_attempt_at
FROM letter_queue AS q WHERE q.letter_id = letters.id;
ALTER TABLE letters DROP COLUMN given_up;
CREATE INDEX letters_due ON letters (next_attempt_at) WHERE status IN ('queued', 'sending');
CREATE INDEX letters_by_status ON letters (status, id DESC);

DROP TABLE letter_queue;
