-- Who is told of the end of a run. `announced` is an outbox: an end that was not announced yet is found by it.

CREATE TABLE webhooks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner uuid NOT NULL REFERENCES users,        -- of whose runs it tells
    url text NOT NULL,
    secret bytea NOT NULL CHECK (length(secret) BETWEEN 24 AND 64),  -- what deliveries are signed with
    outcomes text[] NOT NULL,                    -- succeeded, failed, cancelled
    recipe_id text,                              -- only of this recipe; null: of any
    trigger_name text,                           -- only started by this trigger; null: by any, or by none
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX webhooks_by_owner ON webhooks (owner, created_at, id);

CREATE TABLE deliveries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- also the event's id, the same at each attempt
    webhook_id uuid REFERENCES webhooks ON DELETE CASCADE,  -- null: the deployment's own sink
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    outcome text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'cancelled')),
    run jsonb NOT NULL,                          -- what the event tells of the run, as it was at its end
    created_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz DEFAULT now(),            -- when to try; null: it was delivered, or given up
    delivered_at timestamptz,                    -- null: it was not
    message text                                 -- why the last attempt failed; null: none has
);

CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at);
CREATE INDEX deliveries_by_run ON deliveries (run_id);

ALTER TABLE runs ADD COLUMN announced text DEFAULT 'Unknown';  -- the last end that was announced, as a status; null: none
ALTER TABLE runs ALTER COLUMN announced DROP DEFAULT;  -- Unknown: it was there before ends were announced

CREATE INDEX runs_to_announce ON runs (id)
WHERE status IN ('Succeeded', 'Failed', 'Error') AND coalesce(announced, '') NOT IN (status, 'Unknown');
