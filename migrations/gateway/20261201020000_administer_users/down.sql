-- Earlier releases cannot keep an account without a password: these get one that nobody has.
UPDATE users SET password_hash = '!' WHERE password_hash IS NULL;
ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL;

ALTER TABLE sessions
    DROP COLUMN user_agent,
    DROP COLUMN address,
    DROP COLUMN last_used_at;
