-- Ticket numbers are drawn when a booking is made and issued when it is confirmed: to add them later was
-- another write of each passenger's row and its index. Those who were booked before get theirs now.
UPDATE passengers SET ticket_number = new.airline * 10000000000 + nextval('ticket_documents')
FROM (
    SELECT p.booking_id, p.position, (f.state #>> '{airline,accounting_code}')::bigint AS airline
    FROM passengers p
    JOIN segments s ON s.booking_id = p.booking_id AND s.position = 0
    JOIN flight_states f ON f.flight_id = s.flight_id
    WHERE p.ticket_number IS NULL
) AS new
WHERE passengers.booking_id = new.booking_id AND passengers.position = new.position;
