-- A letter waits for older ones to the same recipient about the same aggregate, so each letter tells what it is about.
ALTER TABLE letter_queue
    -- Which version of its aggregate the letter is about.
    ADD COLUMN aggregate_version bigint NOT NULL DEFAULT 0,
    -- A newer letter has made it pointless while it was being sent: it is not tried again.
    ADD COLUMN superseded boolean NOT NULL DEFAULT false,
    -- It was due, and waits for an older letter: the end of that one makes it due.
    ADD COLUMN held_back boolean NOT NULL DEFAULT false;
UPDATE letter_queue SET aggregate = letters.aggregate, aggregate_version = letters.aggregate_version
FROM letters WHERE letters.id = letter_id;

DROP INDEX letter_queue_supersedable;
CREATE INDEX letter_queue_by_aggregate ON letter_queue (aggregate, aggregate_version);
-- Empty, as a rule: each letter that leaves the queue looks here for those behind it.
CREATE INDEX letter_queue_held_back ON letter_queue (aggregate) WHERE held_back;
