-- The language of a booking's letters: a BCP 47 tag. Null: nobody told it, and letters are English.
ALTER TABLE bookings ADD COLUMN contact_locale text;
