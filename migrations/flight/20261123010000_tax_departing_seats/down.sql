ALTER TABLE airports DROP COLUMN domestic_tax, DROP COLUMN international_tax;
