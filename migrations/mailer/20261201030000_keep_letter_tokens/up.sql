-- The tokens that letters carry, beside the letters and not in them: a token goes when its letter leaves the queue, when
-- a newer letter takes its place, and when it expires. A letter whose token has gone is not sent any more.
CREATE TABLE letter_tokens (
    letter_id  uuid PRIMARY KEY,
    token      text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX letter_tokens_by_expiry ON letter_tokens (expires_at);

-- Messages that were given up and still hold a token.
CREATE INDEX dead_letters_with_tokens ON dead_letters (created_at) WHERE position('"token":"'::bytea IN payload) > 0;
