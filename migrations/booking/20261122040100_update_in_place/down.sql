DROP INDEX passengers_by_ticket;
ALTER TABLE passengers ADD UNIQUE (ticket_number);
ALTER TABLE payments DROP COLUMN unsettled_at;
CREATE INDEX payments_unsettled ON payments (attempted_at) WHERE state IN (0, 1, 4);
ALTER TABLE bookings DROP COLUMN expires_at;
CREATE INDEX holds_by_end ON bookings (hold_expires_at) WHERE status = 0 AND payment_status = 0;
