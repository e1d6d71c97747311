-- All rows of a purchase are updated once, when it is confirmed, those of a batch together: a page that was
-- filled by one batch needs room for a second version of every row, or half of the updates go to other pages and
-- into all indexes.
ALTER TABLE bookings SET (fillfactor = 45);
ALTER TABLE seats SET (fillfactor = 45);
ALTER TABLE payments SET (fillfactor = 45);
