-- When the confirmation of a booking was asked for again, in the last hour, oldest first.
CREATE TABLE confirmation_requests (
    booking_id   uuid PRIMARY KEY,
    requested_at timestamptz[] NOT NULL
) WITH (fillfactor = 50);
