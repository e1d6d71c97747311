ALTER TABLE flights DROP CONSTRAINT flights_airplane_in_one_place;
ALTER TABLE flights
    DROP COLUMN planned_departs_at,
    DROP COLUMN planned_arrives_at,
    DROP COLUMN blocked_until;
