-- Ticket numbers are drawn when a booking is made and issued when it is confirmed: to add them later was
-- another write of each passenger's row and its index. Those who hold seats already get theirs now. (Whoever
-- is booked by an instance of the release before from now on gets them with the confirmation.)
-- A ticket that is just being issued stays: its row is looked at again when it can be had.
UPDATE passengers SET ticket_number = new.airline * 10000000000 + nextval('ticket_documents')
FROM (
    SELECT p.booking_id, p.position, (f.state #>> '{airline,accounting_code}')::bigint AS airline
    FROM passengers p
    JOIN bookings b ON b.id = p.booking_id AND b.status = 0
    JOIN segments s ON s.booking_id = p.booking_id AND s.position = 0
    JOIN flight_states f ON f.flight_id = s.flight_id
    WHERE p.ticket_number IS NULL
) AS new
WHERE passengers.booking_id = new.booking_id AND passengers.position = new.position
    AND passengers.ticket_number IS NULL;
