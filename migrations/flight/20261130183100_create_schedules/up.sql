-- Season schedules. Flights are generated from them over a rolling horizon; what is generated so far stands with each.
CREATE TABLE schedules (
    id                 uuid PRIMARY KEY,
    version            bigint NOT NULL DEFAULT 1,
    flight_number      text COLLATE "C" NOT NULL,
    airline            text COLLATE "C" NOT NULL REFERENCES airlines (code),
    origin             text COLLATE "C" NOT NULL REFERENCES airports (iata),
    destination        text COLLATE "C" NOT NULL REFERENCES airports (iata),
    effective_from     date NOT NULL,
    effective_to       date NOT NULL,
    -- Bits, Monday the lowest.
    days_of_operation  smallint NOT NULL CHECK (days_of_operation BETWEEN 1 AND 127),
    -- Minutes after midnight, by the clocks of origin and destination.
    departure_time     smallint NOT NULL CHECK (departure_time BETWEEN 0 AND 1439),
    arrival_time       smallint NOT NULL CHECK (arrival_time BETWEEN 0 AND 1439),
    arrival_day_offset smallint NOT NULL CHECK (arrival_day_offset BETWEEN -1 AND 2),
    airplane           text COLLATE "C" NOT NULL REFERENCES airplanes (registration),
    fares              jsonb NOT NULL,
    -- The last date that was looked at since the last change; null where none was.
    generated_until    date,
    -- Dates that have not the flight that the schedule says.
    conflicts          jsonb NOT NULL DEFAULT '[]',
    CHECK (origin <> destination),
    CHECK (effective_to >= effective_from)
);
CREATE INDEX schedules_by_number ON schedules (flight_number, effective_from, id);
CREATE INDEX schedules_by_airplane ON schedules (airplane);
CREATE INDEX schedules_by_origin ON schedules (origin);
CREATE INDEX schedules_by_destination ON schedules (destination);
CREATE INDEX schedules_by_airline ON schedules (airline);

-- The schedule that a flight was generated from, and a hash of what the schedule made of it: a flight that has it no longer was
-- changed by others.
CREATE TABLE scheduled_flights (
    flight_id   uuid PRIMARY KEY REFERENCES flights (id) ON DELETE CASCADE,
    schedule_id uuid NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    mark        bigint NOT NULL
);
CREATE INDEX scheduled_flights_by_schedule ON scheduled_flights (schedule_id);
