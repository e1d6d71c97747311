-- The tax per departing seat of an airport, in minor units of the sale currency; null where it is the default one.
-- Null for the airports that are there: their flights cost what they have cost, and need not be told anew.
ALTER TABLE airports
    ADD COLUMN domestic_tax      bigint CHECK (domestic_tax >= 0),
    ADD COLUMN international_tax bigint CHECK (international_tax >= 0);
