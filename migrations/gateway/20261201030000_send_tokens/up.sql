-- Tokens that letters carry, the newest of each purpose. Only the SHA-256 of a token is kept.
CREATE TABLE one_time_tokens (
    digest     bytea PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose    text NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
    -- The address that the letter went to, in lower case: the token is no good once the account has another one.
    email_key  text NOT NULL,
    -- Grows from token to token: the version of the event, by which a newer letter supersedes an older one.
    number     bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    expires_at timestamptz NOT NULL,
    UNIQUE (user_id, purpose)
);
CREATE INDEX one_time_tokens_by_expiry ON one_time_tokens (expires_at);

-- Events whose data still holds a token.
CREATE TABLE token_events (
    event_id   uuid PRIMARY KEY,
    -- Of the token.
    expires_at timestamptz NOT NULL
);

-- Letters with tokens that somebody asked for, by the SHA-256 of the address in lower case, whether or not it has an
-- account.
CREATE TABLE letter_requests (
    account  bytea NOT NULL,
    purpose  text NOT NULL,
    requests integer NOT NULL,
    -- Of the first request that counts.
    since    timestamptz NOT NULL,
    PRIMARY KEY (account, purpose)
);
CREATE INDEX letter_requests_by_age ON letter_requests (since);
