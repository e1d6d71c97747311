-- The date of the schedule that a flight was made for: staff may move the flight to another one.
ALTER TABLE scheduled_flights ADD COLUMN scheduled_date date;
UPDATE scheduled_flights SET scheduled_date = departure_date FROM flights WHERE flights.id = flight_id;
ALTER TABLE scheduled_flights ALTER COLUMN scheduled_date SET NOT NULL;
DROP INDEX scheduled_flights_by_schedule;
CREATE INDEX scheduled_flights_by_schedule ON scheduled_flights (schedule_id, scheduled_date);

-- Dates whose flight was deleted: the schedule keeper does not make it again.
CREATE TABLE removed_dates (
    schedule_id    uuid NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    scheduled_date date NOT NULL,
    PRIMARY KEY (schedule_id, scheduled_date)
);
