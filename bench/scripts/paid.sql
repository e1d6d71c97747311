-- One paid booking in the plain design: two transactions, one statement a table.
\set slot random(1, :slots)
\set k :k + 1
\set n :base + :k * :clients + :client_id
\set customer random(1, 500)
\set code permute(:n, 16777216, 4711)
BEGIN;
SELECT id AS flight, seats_left AS left, lpad(to_hex(:n::bigint), 32, '0')::uuid AS booking, lpad(to_hex(:customer::bigint), 32, 'c')::uuid AS owner, upper(lpad(to_hex(:code::bigint), 6, '0')) AS locator FROM flights WHERE slot = :slot AND selling ORDER BY number LIMIT 1 FOR UPDATE \gset
\set place :capacity - :left
\set seat (:place / :columns + 1) * 32 + :place % :columns
UPDATE flights SET seats_left = seats_left - 1, seats_version = seats_version + 1, selling = seats_left > 1 WHERE id = :flight;
INSERT INTO bookings (id, locator, owner_id, status, payment_status, hold_expires_at, currency, contact_email, contact_phone, version, created_at, updated_at) VALUES (:booking, :locator, :owner, 0, 1, now() + interval '1 hour', 'EUR', 'margarethe.lindqvist@example.org', '+33123456789', 1, now(), now());
INSERT INTO segments (booking_id, position, flight_id, cabin, brand, fare, taxes) VALUES (:booking, 0, :flight, 0, 1, 6572, 2400);
INSERT INTO passengers (booking_id, position, id, kind, given_name, family_name, born_on, ticket_number, seats) VALUES (:booking, 0, :booking, 0, 'Margarethe', 'Lindqvist', '1978-05-17', 9970000000000 + nextval('ticket_documents'), ARRAY[:seat]::smallint[]);
INSERT INTO seats (flight_id, seat, booking_id, sold) VALUES (:flight, :seat, :booking, false);
INSERT INTO travellers (flight_id, owner_id, fingerprint, booking_id, seated) VALUES (:flight, :owner, :n, :booking, true);
INSERT INTO payments (id, booking_id, method, token, amount, state, held_until, answer, created_at) VALUES (:booking, :booking, 'card', 'tok_visa', 8972, 0, now() + interval '15 minutes', 201, now());
COMMIT;
BEGIN;
UPDATE bookings SET status = 1, payment_status = 2, version = 2, updated_at = now(), confirmed_at = now() WHERE id = :booking AND status = 0;
UPDATE seats SET sold = true WHERE flight_id = :flight AND seat = :seat AND booking_id = :booking;
UPDATE payments SET state = 1, token = NULL WHERE id = :booking;
INSERT INTO sandbox_operations (payment_id, operation, subject, amount, accepted) VALUES (:booking, 0, :booking, 8972, true), (:booking, 1, :booking, 8972, true);
INSERT INTO ledger_entries (cause, account, booking_id, amount, created_at) VALUES (:booking, 0, :booking, 8972, now()), (:booking, 1, :booking, -6572, now()), (:booking, 2, :booking, -2400, now());
INSERT INTO events (id, kind, subject, version, time, data) VALUES (:booking, 'booking.confirmed', :booking, 2, now(), :event);
INSERT INTO outbox (event_id) VALUES (:booking);
COMMIT;
