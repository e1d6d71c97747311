-- The release before compares names in another way: it does not recognise travellers of names outside of plain ASCII
-- that this one has stored.
DROP TABLE former_travellers;
