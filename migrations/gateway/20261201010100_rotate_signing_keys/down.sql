-- Without the column, a withdrawn key would be trusted again.
DELETE FROM signing_keys WHERE withdrawn_at IS NOT NULL;
ALTER TABLE signing_keys
    DROP COLUMN signs_from,
    DROP COLUMN rotation_requested,
    DROP COLUMN withdrawn_at;
