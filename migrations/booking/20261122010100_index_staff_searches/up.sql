-- Two indexes for what staff look for. Each entry is paid for by every booking, so what can be found
-- another way has none: days by ranges of ids (they begin with their time), locators and owners by the
-- keys that are there, live holds by holds_by_end, a status by going through the newest bookings.

-- Who is on a flight: its manifest, its bookings (whatever became of them: the table seats knows the
-- live ones only). One entry of 32 bytes a segment, never changed afterwards; a flight's bookings stand
-- together and newest first, so the pages that a hot flight writes stay few.
CREATE INDEX segments_by_flight ON segments (flight_id, booking_id);

-- A traveller on the telephone knows their address, in whatever capitals. One entry a booking, written
-- again with each change of its row. Without the id, so that repeated addresses are stored once
-- (deduplication); the bookings of one address are few and are sorted when they are read.
CREATE INDEX bookings_by_email ON bookings (lower(contact_email));
