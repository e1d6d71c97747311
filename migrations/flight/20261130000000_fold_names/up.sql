-- Names as searches compare them: without accents and capitals. The service writes them with the names, and at each start
-- those that differ from what it would write: empty ones at first.
ALTER TABLE cities ADD COLUMN folded_name text NOT NULL DEFAULT '';
ALTER TABLE airports ADD COLUMN folded_name text NOT NULL DEFAULT '';
ALTER TABLE airlines ADD COLUMN folded_name text NOT NULL DEFAULT '';
ALTER TABLE aircraft_types ADD COLUMN folded_name text NOT NULL DEFAULT '';
ALTER TABLE seat_layouts ADD COLUMN folded_name text NOT NULL DEFAULT '';
