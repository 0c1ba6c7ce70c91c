-- Triggers by the clock, beside those by uploads: when they are due, what they look at, and what became of that.

ALTER TABLE triggers
    ALTER COLUMN bucket DROP NOT NULL,
    ADD COLUMN schedule text,                    -- a cron expression of five fields; null: uploads start runs
    ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC',  -- of the schedule, as in the IANA database
    ADD COLUMN watched text[] NOT NULL DEFAULT '{}',  -- URLs, of which one has to have changed
    ADD COLUMN queues boolean NOT NULL DEFAULT false,  -- whether a start waits for the run before, or is left out
    ADD COLUMN due_at timestamptz,               -- the next time that the schedule names; null: there is none
    ADD COLUMN seen jsonb NOT NULL DEFAULT '{}', -- {URL: validator}, as they were at the last run
    ADD CHECK ((bucket IS NULL) = (schedule IS NOT NULL));

CREATE INDEX triggers_due ON triggers (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE scheduled_starts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- also the idempotency key of the submission
    trigger_id uuid REFERENCES triggers ON DELETE SET NULL,
    trigger_name text NOT NULL,
    due_at timestamptz NOT NULL,                 -- the time that the schedule named
    tried_at timestamptz,                        -- null: not yet
    outcome text NOT NULL DEFAULT 'waiting' CHECK (outcome IN ('waiting', 'started', 'unchanged', 'skipped', 'refused')),
    message text,                                -- why it waits, was left out or refused
    run_id uuid REFERENCES runs ON DELETE SET NULL,
    UNIQUE (trigger_id, due_at)
);

CREATE INDEX scheduled_starts_waiting ON scheduled_starts (due_at) WHERE outcome = 'waiting';
CREATE INDEX scheduled_starts_by_run ON scheduled_starts (run_id);
