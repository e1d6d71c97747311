-- Reference data. Keys are codes, compared and ordered by byte; `version` is the entity tag.
CREATE TABLE cities (
    code      text COLLATE "C" PRIMARY KEY,
    name      text NOT NULL,
    country   text NOT NULL,
    time_zone text NOT NULL,
    version   bigint NOT NULL DEFAULT 1
);

CREATE TABLE airports (
    iata      text COLLATE "C" PRIMARY KEY,
    icao      text,
    name      text NOT NULL,
    city      text COLLATE "C" NOT NULL REFERENCES cities (code),
    country   text NOT NULL,
    time_zone text NOT NULL,
    latitude  double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    min_connection_minutes integer CHECK (min_connection_minutes > 0),
    version   bigint NOT NULL DEFAULT 1
);
CREATE INDEX airports_by_city ON airports (city);

CREATE TABLE airlines (
    code            text COLLATE "C" PRIMARY KEY,
    name            text NOT NULL,
    accounting_code text NOT NULL,
    version         bigint NOT NULL DEFAULT 1
);

CREATE TABLE aircraft_types (
    code    text COLLATE "C" PRIMARY KEY,
    icao    text NOT NULL,
    name    text NOT NULL,
    version bigint NOT NULL DEFAULT 1
);

-- `plan` is the geometry: cabins, exit rows, blocked seats. It never changes while airplanes or
-- flights use the layout.
CREATE TABLE seat_layouts (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,
    aircraft_type text COLLATE "C" NOT NULL REFERENCES aircraft_types (code),
    plan          jsonb NOT NULL,
    version       bigint NOT NULL DEFAULT 1,
    UNIQUE (id, aircraft_type)
);
CREATE INDEX seat_layouts_by_type ON seat_layouts (aircraft_type);

-- The pair of keys makes sure that a layout is one of the airplane's type.
CREATE TABLE airplanes (
    registration   text COLLATE "C" PRIMARY KEY,
    airline        text COLLATE "C" NOT NULL REFERENCES airlines (code),
    aircraft_type  text COLLATE "C" NOT NULL REFERENCES aircraft_types (code),
    seat_layout_id uuid NOT NULL,
    version        bigint NOT NULL DEFAULT 1,
    FOREIGN KEY (seat_layout_id, aircraft_type) REFERENCES seat_layouts (id, aircraft_type)
);
CREATE INDEX airplanes_by_airline ON airplanes (airline);
CREATE INDEX airplanes_by_layout ON airplanes (seat_layout_id, aircraft_type);

-- Dated departures. `departure_date` is the local date at the origin. The layout is the flight's own:
-- an airplane that is refitted later does not change the flights that it has flown.
CREATE TABLE flights (
    id             uuid PRIMARY KEY,
    version        bigint NOT NULL DEFAULT 1,
    flight_number  text COLLATE "C" NOT NULL,
    airline        text COLLATE "C" NOT NULL REFERENCES airlines (code),
    origin         text COLLATE "C" NOT NULL REFERENCES airports (iata),
    destination    text COLLATE "C" NOT NULL REFERENCES airports (iata),
    departs_at     timestamptz NOT NULL,
    arrives_at     timestamptz NOT NULL,
    departure_date date NOT NULL,
    airplane       text COLLATE "C" NOT NULL REFERENCES airplanes (registration),
    seat_layout_id uuid NOT NULL REFERENCES seat_layouts (id),
    status         text NOT NULL DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'delayed', 'cancelled')),
    reason         text,
    CHECK (origin <> destination),
    CHECK (arrives_at > departs_at),
    UNIQUE (flight_number, origin, departure_date)
);
CREATE INDEX flights_by_departure ON flights (departs_at, id);
CREATE INDEX flights_by_route ON flights (origin, departure_date, destination);
CREATE INDEX flights_by_destination ON flights (destination, departure_date);
CREATE INDEX flights_by_airplane ON flights (airplane, departs_at);
CREATE INDEX flights_by_airline ON flights (airline);
CREATE INDEX flights_by_layout ON flights (seat_layout_id);

-- What is on sale: the mid fare without taxes, in minor units of the currency.
CREATE TABLE fares (
    flight_id  uuid NOT NULL REFERENCES flights (id) ON DELETE CASCADE,
    cabin      text NOT NULL CHECK (cabin IN ('economy', 'premium_economy', 'business', 'first')),
    brand      text NOT NULL CHECK (brand IN ('light', 'standard', 'flex')),
    base_price bigint NOT NULL CHECK (base_price > 0),
    currency   text NOT NULL,
    PRIMARY KEY (flight_id, cabin, brand)
);

-- Seats that are held or sold, as booking last told: row * 32 + letter. The version is booking's.
CREATE TABLE availability (
    flight_id uuid PRIMARY KEY REFERENCES flights (id) ON DELETE CASCADE,
    version   bigint NOT NULL,
    held      smallint[] NOT NULL,
    sold      smallint[] NOT NULL
);
