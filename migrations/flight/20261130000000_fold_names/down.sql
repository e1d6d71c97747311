ALTER TABLE seat_layouts DROP COLUMN folded_name;
ALTER TABLE aircraft_types DROP COLUMN folded_name;
ALTER TABLE airlines DROP COLUMN folded_name;
ALTER TABLE airports DROP COLUMN folded_name;
ALTER TABLE cities DROP COLUMN folded_name;
