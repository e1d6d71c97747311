-- The waiting rooms of overloaded flights: counters only. Tickets are kept by those who wait.
CREATE TABLE waiting_rooms (
    flight_id     uuid PRIMARY KEY,
    -- Tells the room from an earlier one of the same flight.
    created_at    timestamptz NOT NULL,
    -- The tickets issued so far; they are numbered from 1.
    issued        bigint NOT NULL CHECK (issued >= 0),
    -- Up to where tickets are admitted, thousandths of tickets.
    mark          bigint NOT NULL CHECK (mark >= 0 AND mark <= issued * 1000),
    -- How fast the mark moves, thousandths of tickets a second.
    rate          bigint NOT NULL CHECK (rate > 0),
    moved_at      timestamptz NOT NULL,
    -- When booking reported overload, and when it did so for a request with an admitted ticket.
    overloaded_at timestamptz NOT NULL,
    slowed_at     timestamptz,
    -- Since when everybody may pass.
    closed_at     timestamptz,
    -- The admissions up to `expired` have ended. Those up to `checkpoint` end one stay after `checkpoint_at`.
    expired       bigint NOT NULL,
    checkpoint    bigint NOT NULL,
    checkpoint_at timestamptz NOT NULL
) WITH (fillfactor = 50);
