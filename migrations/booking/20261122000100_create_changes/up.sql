-- Given and family name as they were booked, where they were corrected since.
ALTER TABLE passengers ADD COLUMN booked_given_name text, ADD COLUMN booked_family_name text;

-- The version of the flight that the traveller was told of.
ALTER TABLE segments ADD COLUMN flight_version bigint NOT NULL DEFAULT 0;

-- What cancellations were quoted to give back. version: of the booking. fare and taxes: what is given
-- back of each, minor units. Few and short-lived.
CREATE TABLE cancellation_quotes (
    id         uuid PRIMARY KEY,
    booking_id uuid NOT NULL,
    version    bigint NOT NULL,
    fare       bigint NOT NULL CHECK (fare >= 0),
    taxes      bigint NOT NULL CHECK (taxes >= 0),
    penalty    bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Changes of flights by the airline whose bookings have yet to follow. kind: 0 cancelled, 1 rescheduled.
CREATE TABLE disruptions (
    flight_id uuid PRIMARY KEY,
    version   bigint NOT NULL,
    kind      smallint NOT NULL
);
