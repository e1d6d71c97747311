DROP TABLE known_devices;
DROP TABLE login_failures;
CREATE TABLE login_failures (
    account      bytea PRIMARY KEY,
    failures     integer NOT NULL,
    since        timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX login_failures_by_age ON login_failures (since);
