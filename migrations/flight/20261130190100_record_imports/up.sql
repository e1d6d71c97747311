-- Imports that run while nobody waits for their answer, kept for a day. The instance that runs one says every few seconds
-- that it is alive; an import that is running and of which nothing was heard for longer has died with its instance.
CREATE TABLE imports (
    id          uuid PRIMARY KEY,
    collection  text NOT NULL,
    dry_run     boolean NOT NULL,
    status      text NOT NULL CHECK (status IN ('running', 'completed', 'failed')),
    lines_read  bigint NOT NULL DEFAULT 0,
    lines_total bigint NOT NULL,
    created     bigint NOT NULL DEFAULT 0,
    changed     bigint NOT NULL DEFAULT 0,
    unchanged   bigint NOT NULL DEFAULT 0,
    errors      jsonb NOT NULL DEFAULT '[]',
    started_at  timestamptz NOT NULL DEFAULT now(),
    alive_at    timestamptz NOT NULL DEFAULT now()
);
