-- The audit log: a table that the gateway reads and appends to, and that nobody changes.
--
-- An administrator of the database runs this after the schema `gateway` was made, and again at each update: it makes what
-- is missing. `aerobus up` does so itself. The table belongs to a role of its own that nobody logs in as, in a schema of
-- its own: the owner of a schema may drop what is in it. Rights go to the owner of the schema `gateway`.
BEGIN;
-- Two runs against one database wait for each other.
SELECT pg_advisory_xact_lock(4711);
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'aerobus_audit') THEN
        -- Roles belong to the whole cluster: a run for another of its databases may be faster.
        BEGIN
            CREATE ROLE aerobus_audit NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    -- An administrator who is no superuser has to be a member to act for the role.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT aerobus_audit TO %I', current_user);
    END IF;
END $$;
CREATE SCHEMA IF NOT EXISTS audit AUTHORIZATION aerobus_audit;
SET LOCAL ROLE aerobus_audit;

CREATE TABLE IF NOT EXISTS audit.audit_log (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      uuid NOT NULL,
    action     text NOT NULL,
    subject    text NOT NULL,
    -- JSON documents as they were told.
    before     text,
    after      text,
    request_id text NOT NULL
);
-- The log is read newest first: as a whole, and by each of its filters.
CREATE INDEX IF NOT EXISTS audit_log_by_time ON audit.audit_log (at, id);
CREATE INDEX IF NOT EXISTS audit_log_by_actor ON audit.audit_log (actor, at, id);
CREATE INDEX IF NOT EXISTS audit_log_by_action ON audit.audit_log (action, at, id);
CREATE INDEX IF NOT EXISTS audit_log_by_subject ON audit.audit_log (subject, at, id);

CREATE OR REPLACE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
-- Even the owner, and a superuser, would have to remove these first.
CREATE OR REPLACE TRIGGER audit_log_keeps_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

DO $$
DECLARE
    service text := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'gateway');
BEGIN
    IF service IS NULL THEN
        RAISE EXCEPTION 'there is no schema gateway yet';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA audit TO %I', service);
    EXECUTE format('GRANT SELECT, INSERT ON audit.audit_log TO %I', service);
END $$;
COMMIT;
