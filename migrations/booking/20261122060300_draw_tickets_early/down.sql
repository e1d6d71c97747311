-- Tickets that are just being issued are seen, and stay.
LOCK TABLE passengers IN SHARE ROW EXCLUSIVE MODE;
UPDATE passengers SET ticket_number = NULL
FROM bookings b
WHERE b.id = passengers.booking_id AND b.confirmed_at IS NULL AND passengers.ticket_number IS NOT NULL;
