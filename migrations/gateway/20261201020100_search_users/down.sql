ALTER TABLE roles DROP COLUMN version;
ALTER TABLE users
    DROP COLUMN given_name_key,
    DROP COLUMN family_name_key;
