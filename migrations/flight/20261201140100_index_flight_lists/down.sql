DROP INDEX flights_by_destination;
CREATE INDEX flights_by_destination ON flights (destination, departure_date);
DROP INDEX flights_by_origin;
CREATE INDEX flights_by_origin ON flights (origin, departure_date, departs_at, id);
DROP INDEX flights_cancelled;
DROP INDEX flights_delayed;
DROP INDEX flights_by_date;
