DROP TABLE disruptions, cancellation_quotes;
ALTER TABLE segments DROP COLUMN flight_version;
ALTER TABLE passengers DROP COLUMN booked_given_name, DROP COLUMN booked_family_name;
