-- Letters: one per event and template, so that a repeated event has no further letter.
--
-- A letter is due when it is queued or sending and its next_attempt_at has come: of a letter that is
-- sending this is the end of its lease, after which the instance that claimed it counts as crashed.
CREATE TABLE letters (
    -- Version 7: it tells when the letter was made, and sorts by it.
    id                uuid PRIMARY KEY,
    template          text NOT NULL,
    event_id          uuid NOT NULL,
    -- What the letter is about, and which version of it: a newer letter may supersede an older one.
    aggregate         text NOT NULL,
    aggregate_version bigint NOT NULL,
    -- What travellers call it: the locator.
    reference         text,
    recipient         text NOT NULL,
    locale            text NOT NULL,
    subject           text NOT NULL,
    -- What the template shows.
    data              jsonb NOT NULL,
    message_id        text NOT NULL,
    status            text NOT NULL DEFAULT 'queued'
                      CHECK (status IN ('queued', 'sending', 'sent', 'failed', 'superseded')),
    -- All attempts; also the token of a claim: who holds an older number may not write any more.
    attempts          integer NOT NULL DEFAULT 0,
    -- Failures since it was queued last; the delays grow with them.
    failures          integer NOT NULL DEFAULT 0,
    queued_at         timestamptz NOT NULL DEFAULT now(),
    next_attempt_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (event_id, template)
);
CREATE INDEX letters_due ON letters (next_attempt_at) WHERE status IN ('queued', 'sending');
CREATE INDEX letters_by_recipient ON letters (lower(recipient), id DESC);
CREATE INDEX letters_by_status ON letters (status, id DESC);
CREATE INDEX letters_by_aggregate ON letters (aggregate, aggregate_version);

-- How each attempt at a letter ended. A number that is missing was an instance that crashed.
CREATE TABLE letter_attempts (
    letter_id uuid NOT NULL REFERENCES letters (id) ON DELETE CASCADE,
    number    integer NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    outcome   text NOT NULL CHECK (outcome IN ('sent', 'deferred', 'refused', 'unreachable')),
    smtp_code smallint,
    message   text NOT NULL,
    PRIMARY KEY (letter_id, number)
);
