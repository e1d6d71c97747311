DROP INDEX bookings_by_email;
DROP INDEX segments_by_flight;
