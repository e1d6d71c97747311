-- The board of an airport: its departures of a local date by time, and its arrivals between two instants.
CREATE INDEX flights_by_origin ON flights (origin, departure_date, departs_at, id);
CREATE INDEX flights_by_arrival ON flights (destination, arrives_at, id);
