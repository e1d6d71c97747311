-- No foreign keys between these tables: the ledger writes all rows of a booking in one transaction,
-- nothing deletes them, and each check would cost the booking path a look-up and a row lock.

-- One slim row a flight: what each change of its seats locks and counts. Kept apart from the flight's
-- state and half empty, so that the many updates of seats_version stay within their page (HOT).
CREATE TABLE flights (
    id            uuid PRIMARY KEY,
    version       bigint NOT NULL,              -- of the newest event of the flight
    departure_at  timestamptz NOT NULL,
    on_sale       boolean NOT NULL,             -- neither cancelled nor closed
    seats_version bigint NOT NULL DEFAULT 0     -- booking's own sequence of seat changes
) WITH (fillfactor = 50);

-- What flight tells of a flight, in full.
CREATE TABLE flight_states (
    flight_id uuid PRIMARY KEY,
    version   bigint NOT NULL,
    state     jsonb NOT NULL
);

-- A booking. status: 0 held, 1 confirmed, 2 cancelled, 3 expired.
-- payment_status: 0 awaiting, 1 processing, 2 paid, 3 partly refunded, 4 refunded.
-- Each is updated a few times soon after it was made: room for that stays in its page.
CREATE TABLE bookings (
    id              uuid PRIMARY KEY,
    locator         text NOT NULL UNIQUE,
    owner_id        uuid NOT NULL,
    status          smallint NOT NULL CHECK (status BETWEEN 0 AND 3),
    payment_status  smallint NOT NULL CHECK (payment_status BETWEEN 0 AND 4),
    hold_expires_at timestamptz NOT NULL,
    currency        text NOT NULL,
    contact_email   text NOT NULL,
    contact_phone   text,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    confirmed_at    timestamptz
) WITH (fillfactor = 70);
-- Ids grow with time: this is "own bookings, newest first".
CREATE INDEX bookings_by_owner ON bookings (owner_id, id);
-- What the reaper looks for; holds with a payment under way do not expire.
CREATE INDEX holds_by_end ON bookings (hold_expires_at) WHERE status = 0 AND payment_status = 0;

-- The flights of a booking, in the order of travel. fare and taxes: minor units, of all passengers.
-- cabin: 0 economy, 1 premium economy, 2 business, 3 first. brand: 0 light, 1 standard, 2 flex.
CREATE TABLE segments (
    booking_id uuid NOT NULL,
    position   smallint NOT NULL,
    flight_id  uuid NOT NULL,
    cabin      smallint NOT NULL,
    brand      smallint NOT NULL,
    fare       bigint NOT NULL CHECK (fare >= 0),
    taxes      bigint NOT NULL CHECK (taxes >= 0),
    PRIMARY KEY (booking_id, position)
);

-- The travellers of a booking. kind: 0 ADT, 1 CHD, 2 INF. seats: one number a segment (null: none),
-- as in the table seats, kept after the seats were given back.
CREATE TABLE passengers (
    booking_id    uuid NOT NULL,
    position      smallint NOT NULL,
    id            uuid NOT NULL,
    kind          smallint NOT NULL,
    given_name    text NOT NULL,
    family_name   text NOT NULL,
    born_on       date NOT NULL,
    ticket_number bigint UNIQUE,
    seats         smallint[] NOT NULL,
    PRIMARY KEY (booking_id, position)
) WITH (fillfactor = 80);

-- The fence: a seat of a flight belongs to one booking at most, held or sold, and to nobody when
-- there is no row. seat = row * 32 + letter (A is 0).
CREATE TABLE seats (
    flight_id  uuid NOT NULL,
    seat       smallint NOT NULL,
    booking_id uuid NOT NULL,
    sold       boolean NOT NULL,
    PRIMARY KEY (flight_id, seat)
) WITH (fillfactor = 80);

-- A person is on a flight once in the live bookings of an account. fingerprint: a hash of names and
-- date of birth. seated: whether a seat belongs to it.
CREATE TABLE travellers (
    flight_id   uuid NOT NULL,
    owner_id    uuid NOT NULL,
    fingerprint bigint NOT NULL,
    booking_id  uuid NOT NULL,
    seated      boolean NOT NULL,
    PRIMARY KEY (flight_id, owner_id, fingerprint)
);

-- Idempotency keys, kept for 24 hours. scope: hash of caller, method, path and key. status and
-- response are null while the request runs or its payment is unsettled; response is a booking.
CREATE TABLE idempotency_keys (
    scope      bytea PRIMARY KEY,
    body       bytea NOT NULL,
    booking_id uuid NOT NULL,
    status     smallint,
    response   text,
    created_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Payments, and the saga of each. state: 0 started, 1 confirmed and to be captured, 2 captured,
-- 3 declined, 4 declined by us and to be voided. token is forgotten when the provider has decided.
-- held_until: the end of the hold before the payment prolonged it. answer: the HTTP status of success
-- for the key in key_scope. attempted_at: when an instance last took it in hand.
CREATE TABLE payments (
    id           uuid PRIMARY KEY,
    booking_id   uuid NOT NULL,
    method       text NOT NULL,
    token        text,
    amount       bigint NOT NULL CHECK (amount >= 0),
    state        smallint NOT NULL CHECK (state BETWEEN 0 AND 4),
    held_until   timestamptz NOT NULL,
    key_scope    bytea,
    answer       smallint NOT NULL,
    created_at   timestamptz NOT NULL,
    attempted_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX payments_by_booking ON payments (booking_id);
CREATE INDEX payments_unsettled ON payments (attempted_at) WHERE state IN (0, 1, 4);

-- Money given back. settled when the provider has done it.
CREATE TABLE refunds (
    id           uuid PRIMARY KEY,
    booking_id   uuid NOT NULL,
    payment_id   uuid NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    reason       text NOT NULL,
    settled      boolean NOT NULL,
    created_at   timestamptz NOT NULL,
    attempted_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX refunds_by_booking ON refunds (booking_id);
CREATE INDEX refunds_unsettled ON refunds (attempted_at) WHERE NOT settled;

-- Double entry: the amounts of each cause (a payment or a refund) add up to zero. account: 0 the
-- provider's clearing account (debit positive), 1 fares, 2 taxes.
CREATE TABLE ledger_entries (
    cause      uuid NOT NULL,
    account    smallint NOT NULL,
    booking_id uuid NOT NULL,
    amount     bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (cause, account)
);

-- The log of the sandbox provider, as if it were somebody else's: what it was asked to do and did.
-- operation: 0 authorise, 1 capture, 2 void, 3 refund. subject: the payment or the refund.
CREATE TABLE sandbox_operations (
    payment_id uuid NOT NULL,
    operation  smallint NOT NULL,
    subject    uuid NOT NULL,
    amount     bigint NOT NULL,
    accepted   boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (payment_id, operation, subject)
);

-- Document numbers of tickets: ten digits.
CREATE SEQUENCE ticket_documents MINVALUE 1000000000 MAXVALUE 9999999999;
