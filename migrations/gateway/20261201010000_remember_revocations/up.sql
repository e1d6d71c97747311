-- What was revoked lately, for verifiers that start or have missed it on the bus. A row matters as long as a token that
-- it concerns may live.
CREATE TABLE revocations (
    -- The id of a user or of a session.
    subject    uuid PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('user', 'session')),
    -- Of a user: tokens that were issued before it are revoked. Of a session: its end.
    not_before timestamptz NOT NULL
);
CREATE INDEX revocations_by_age ON revocations (not_before);
