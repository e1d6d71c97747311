-- The extensions that the services' tables need, in a schema of their own: a service may not create extensions.
--
-- An administrator of the database runs this before the first start of flight, and again at each update: it makes what is
-- missing. `aerobus up` does so itself. Tables use operator classes by default, so no search path names the schema.
BEGIN;
-- Two runs against one database wait for each other.
SELECT pg_advisory_xact_lock(4711);
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS extensions;
-- Exclusion constraints over scalars and ranges together.
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO PUBLIC;
COMMIT;
