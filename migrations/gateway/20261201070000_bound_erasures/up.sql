-- The address of a deleted account is kept only where it was verified. Without one the account's letters are found by what
-- they are about. Rows of before may hold an address of a stranger.
ALTER TABLE erasures
    ALTER COLUMN email DROP NOT NULL,
    -- Letters to the address from after this instant may be those of another account. The default is for instances of
    -- earlier releases.
    ADD COLUMN deleted_at timestamptz NOT NULL DEFAULT now();
UPDATE erasures SET email = NULL;
