-- The instances of this release have to be stopped before: they remember numbers that are gone then. What is
-- just being confirmed has been by the time that it is looked for.
LOCK TABLE bookings, passengers IN SHARE ROW EXCLUSIVE MODE;
UPDATE passengers SET ticket_number = NULL
FROM bookings b
WHERE b.id = passengers.booking_id AND b.confirmed_at IS NULL AND passengers.ticket_number IS NOT NULL;
