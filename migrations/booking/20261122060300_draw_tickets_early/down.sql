UPDATE passengers SET ticket_number = NULL
FROM bookings b WHERE b.id = passengers.booking_id AND b.confirmed_at IS NULL;
