ALTER TABLE outbox ADD FOREIGN KEY (event_id) REFERENCES events (id);
CREATE INDEX events_by_time ON events (time);
ALTER TABLE events RESET (toast_tuple_target);
ALTER TABLE events ALTER COLUMN data TYPE jsonb USING data::jsonb;
