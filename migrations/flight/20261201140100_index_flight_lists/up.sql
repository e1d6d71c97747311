-- The list of flights is ordered by departure, whatever it is filtered by, and everybody may read it. Each filter finds its page
-- here without reading flights that it does not show.
CREATE INDEX flights_by_date ON flights (departure_date, departs_at, id);
CREATE INDEX flights_delayed ON flights (departs_at, id) WHERE status = 'delayed';
CREATE INDEX flights_cancelled ON flights (departs_at, id) WHERE status = 'cancelled';

-- Departures are shown by their actual time, on boards too.
DROP INDEX flights_by_origin;
CREATE INDEX flights_by_origin ON flights (origin, departs_at, id);
DROP INDEX flights_by_destination;
CREATE INDEX flights_by_destination ON flights (destination, departs_at, id);
