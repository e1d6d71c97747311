-- Failed logins are counted by the account and the network together, by the network over all accounts (`account` is
-- empty), and by the account over all networks (`network` is empty). The account is the SHA-256 of the address in lower
-- case, whether or not it has an account.
DROP TABLE login_failures;
CREATE TABLE login_failures (
    account      bytea NOT NULL,
    -- An IPv4 address, or the first 64 bits of an IPv6 address.
    network      text NOT NULL,
    failures     integer NOT NULL,
    -- Of the first failure that counts.
    since        timestamptz NOT NULL,
    locked_until timestamptz,
    PRIMARY KEY (account, network)
);
CREATE INDEX login_failures_by_age ON login_failures (since);

-- The devices that users have logged in from. A login from one of their networks is not held up by the failures of
-- others elsewhere, and a login from any other device is told to its user.
CREATE TABLE known_devices (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network text NOT NULL,
    -- The User-Agent without versions; empty where there was none.
    program text NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, network, program)
);
CREATE INDEX known_devices_by_age ON known_devices (last_at);
