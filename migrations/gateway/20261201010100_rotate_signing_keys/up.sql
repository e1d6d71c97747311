ALTER TABLE signing_keys
    -- A key is published before it signs, so that verifiers know it by then.
    ADD COLUMN signs_from         timestamptz NOT NULL DEFAULT now(),
    -- An operator wants another key: the next gateway that looks makes it.
    ADD COLUMN rotation_requested boolean NOT NULL DEFAULT false,
    -- An operator has withdrawn it: it neither signs nor verifies from now on.
    ADD COLUMN withdrawn_at       timestamptz;
