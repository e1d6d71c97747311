-- Accounts that were deleted. What other services made of them a moment before, such as a letter that was on its way,
-- is erased once more when it is due; then the row goes, and with it the address.
CREATE TABLE erasures (
    user_id         uuid PRIMARY KEY,
    email           text NOT NULL,
    next_attempt_at timestamptz NOT NULL
);
CREATE INDEX erasures_due ON erasures (next_attempt_at);
