-- Look-ups that have failed on all instances: of a client (its network) with one locator, and with all of them
-- together, where the locator is empty. They count for an hour from the first one on; what is older begins anew
-- with the next failure, or is cleaned away. Few and short-lived, and written by those who guess only: a row stays
-- within its page while it is counted up.
CREATE TABLE lookup_failures (
    network  text NOT NULL,
    locator  text NOT NULL,
    began_at timestamptz NOT NULL,
    failures integer NOT NULL,
    PRIMARY KEY (network, locator)
) WITH (fillfactor = 50);
CREATE INDEX lookup_failures_by_age ON lookup_failures (began_at);
