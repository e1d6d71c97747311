DROP TABLE removed_dates;
DROP INDEX scheduled_flights_by_schedule;
CREATE INDEX scheduled_flights_by_schedule ON scheduled_flights (schedule_id);
ALTER TABLE scheduled_flights DROP COLUMN scheduled_date;
