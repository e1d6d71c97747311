-- What a user recognises a session by.
ALTER TABLE sessions
    -- The program that refreshed it last, from its User-Agent; 200 characters at most.
    ADD COLUMN user_agent   text,
    -- The network address of that refresh.
    ADD COLUMN address      text,
    ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now();
UPDATE sessions SET last_used_at = created_at;

-- An account that an administrator made has no password until its user sets one.
ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL;
