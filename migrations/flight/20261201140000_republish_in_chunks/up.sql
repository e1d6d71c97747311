-- Reference data that have changed, and whose flights are still being told anew, some hundreds a transaction: by id, up to
-- `reached` so far. The row goes with the last of them.
CREATE TABLE republications (
    kind    text NOT NULL CHECK (kind IN ('city', 'airport', 'airline', 'aircraft_type')),
    key     text COLLATE "C" NOT NULL,
    reached uuid,
    PRIMARY KEY (kind, key)
);
