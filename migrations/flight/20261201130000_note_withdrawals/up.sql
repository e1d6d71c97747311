-- Acts that have booking withdraw a flight. A note is there from before booking is asked until the act is committed or given up,
-- so one that is left tells of a flight that may be off sale for nothing. No foreign key: the note must not wait for the lock
-- that another act keeps on the flight.
CREATE TABLE withdrawals (
    id        uuid PRIMARY KEY,
    flight_id uuid NOT NULL,
    noted_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
