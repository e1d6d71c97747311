-- An account without an address has had its first erasure.
DELETE FROM erasures WHERE email IS NULL;
ALTER TABLE erasures
    DROP COLUMN deleted_at,
    ALTER COLUMN email SET NOT NULL;
