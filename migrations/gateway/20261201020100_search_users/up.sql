-- The names as searches compare them: folded. SQL folds only letters without accents; other names of earlier
-- accounts are compared as they are written until they are changed.
ALTER TABLE users
    ADD COLUMN given_name_key  text,
    ADD COLUMN family_name_key text;
UPDATE users SET given_name_key = lower(given_name), family_name_key = lower(family_name);
ALTER TABLE users
    ALTER COLUMN given_name_key SET NOT NULL,
    ALTER COLUMN family_name_key SET NOT NULL;

-- Grows with each change of a role: its entity tag.
ALTER TABLE roles ADD COLUMN version bigint NOT NULL DEFAULT 1;
