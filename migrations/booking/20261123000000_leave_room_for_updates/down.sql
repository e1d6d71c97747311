ALTER TABLE payments SET (fillfactor = 70);
ALTER TABLE seats SET (fillfactor = 80);
ALTER TABLE bookings SET (fillfactor = 70);
