-- What was told to the bus, kept for a week: the invariant check reads it.
CREATE TABLE events (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    subject     text NOT NULL,
    version     bigint NOT NULL,
    time        timestamptz NOT NULL,
    traceparent text,
    data        jsonb NOT NULL
);
CREATE INDEX events_by_time ON events (time);

-- Events that the broker has not confirmed yet, in the order in which they are published.
CREATE TABLE outbox (
    seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL REFERENCES events (id)
);

-- Events that a consumer has worked in, so that a repeated delivery has no effect.
CREATE TABLE inbox (
    consumer    text NOT NULL,
    event_id    uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_by_age ON inbox (received_at);

-- Messages that were given up, with the reason.
CREATE TABLE dead_letters (
    id         uuid PRIMARY KEY,
    queue      text NOT NULL,
    event_id   uuid,
    payload    bytea NOT NULL,
    reason     text NOT NULL,
    attempts   integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz,
    UNIQUE (queue, event_id)
);
