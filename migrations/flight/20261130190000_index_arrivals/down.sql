DROP INDEX flights_by_arrival;
DROP INDEX flights_by_origin;
