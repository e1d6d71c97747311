-- Keys of programs that call on their user's behalf. Of a key only its SHA-256 is kept: there is nothing to guess in 256
-- random bits.
CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         text NOT NULL,
    -- The part of the key that its user recognises it by.
    prefix       text NOT NULL UNIQUE,
    digest       bytea NOT NULL,
    -- Permissions, separated by spaces.
    scope        text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    -- Written once a minute at most.
    last_used_at timestamptz
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

-- Second factors: time-based one-time passwords (RFC 6238).
CREATE TABLE totp_factors (
    user_id       uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- The secret under a key that is derived from the gateway's configured secret (ChaCha20-Poly1305, nonce first).
    sealed_secret bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    -- Null until its user has shown a code. Only then a login needs one.
    confirmed_at  timestamptz,
    -- The time step of the code that was used last, so that no code is used twice.
    last_step     bigint
);

-- What stands in for a code, once each. Only their SHA-256 is kept: each has 80 random bits.
CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES totp_factors (user_id) ON DELETE CASCADE,
    digest  bytea NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (user_id, digest)
);
