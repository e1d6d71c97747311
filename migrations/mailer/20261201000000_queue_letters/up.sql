-- One statement writes attempts and takes their letters from the queue, and no letter is deleted.
ALTER TABLE letter_attempts DROP CONSTRAINT letter_attempts_letter_id_fkey;

-- A letter that waits or is being sent has a row here; no other letter has one. What a claim and an end change is this
-- narrow row, and the letter stays as it was written: it is larger, and in more indexes.
CREATE TABLE letter_queue (
    letter_id       uuid PRIMARY KEY,
    -- When it is due. Of a letter that is being sent this is the end of its lease, after which the instance that
    -- claimed it counts as crashed.
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    -- An instance is at it.
    sending         boolean NOT NULL DEFAULT false,
    -- All attempts; also the token of a claim: the holder of an older number may not change the row any more.
    attempts        integer NOT NULL DEFAULT 0,
    -- Failures since it was queued last; the delays grow with them.
    failures        integer NOT NULL DEFAULT 0,
    queued_at       timestamptz NOT NULL DEFAULT now(),
    -- What the letter is about, where a newer letter can supersede it.
    aggregate       text
);
CREATE INDEX letter_queue_due ON letter_queue (next_attempt_at);
CREATE INDEX letter_queue_supersedable ON letter_queue (aggregate) WHERE aggregate IS NOT NULL;

INSERT INTO letter_queue (letter_id, next_attempt_at, sending, attempts, failures, queued_at, aggregate)
SELECT id, next_attempt_at, status = 'sending', attempts, failures, queued_at,
       CASE WHEN template = 'booking_held' THEN aggregate END
FROM letters WHERE status IN ('queued', 'sending');

-- Why a letter is not sent any more. A letter without a reason and without a row in the queue was sent.
ALTER TABLE letters ADD COLUMN given_up text CHECK (given_up IN ('failed', 'superseded'));
UPDATE letters SET given_up = status WHERE status IN ('failed', 'superseded');
DROP INDEX letters_due;
DROP INDEX letters_by_status;
ALTER TABLE letters
    DROP COLUMN status,
    DROP COLUMN attempts,
    DROP COLUMN failures,
    DROP COLUMN queued_at,
    DROP COLUMN next_attempt_at,
    -- What a template shows is written once and read as it stands.
    ALTER COLUMN data TYPE text;
-- Uncompressed in its row where it fits: compressing costs each letter processor time.
ALTER TABLE letters SET (toast_tuple_target = 8160);

-- Lists go backwards through the primary key. These find the letters of which there are few.
CREATE INDEX letters_given_up ON letters (given_up, id DESC) WHERE given_up IS NOT NULL;
CREATE INDEX letters_by_template ON letters (template, id DESC) WHERE template <> 'booking_confirmed';
