DROP TABLE scheduled_flights;
DROP TABLE schedules;
