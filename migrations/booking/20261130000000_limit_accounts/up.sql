-- Seats that accounts hold, unpaid, while their e-mail address is not verified: those accounts may hold nine in
-- all. A row comes with its booking. It counts as long as the booking is held, and is cleaned away afterwards, so
-- that no later change of the booking has to write here.
CREATE TABLE unverified_holds (
    owner_id   uuid NOT NULL,
    booking_id uuid NOT NULL,
    seats      smallint NOT NULL CHECK (seats > 0),
    PRIMARY KEY (owner_id, booking_id)
);

-- When an account has caused letters to addresses other than its own, in the last hour, oldest first.
CREATE TABLE letters_caused (
    account_id uuid PRIMARY KEY,
    caused_at  timestamptz[] NOT NULL
) WITH (fillfactor = 50);
