-- The bookings whose travellers an earlier release may have stored by another comparison of names: those with a name
-- outside of plain ASCII (in ASCII all releases compare small letters) on a flight that has not left. SQL cannot fold
-- names as the service does, so the service stores these travellers anew at its start, and takes the bookings out of
-- the queue. It is empty from then on.
CREATE TABLE former_travellers (
    booking_id uuid PRIMARY KEY
);
-- Bookings that are just being written are committed before they are looked for.
LOCK TABLE travellers IN SHARE MODE;
INSERT INTO former_travellers (booking_id)
SELECT DISTINCT t.booking_id
FROM travellers t
JOIN flights f ON f.id = t.flight_id AND f.departure_at > now() - interval '1 day'
JOIN passengers p ON p.booking_id = t.booking_id
WHERE octet_length(p.given_name) > char_length(p.given_name)
    OR octet_length(p.family_name) > char_length(p.family_name);
