ALTER TABLE bookings DROP COLUMN contact_locale;
