-- Who submits, what they submit, how it went.
-- Facts are kept once: a run's status follows from what Argo last said (phase) and whether the workflow is still
-- there (deleted_at), and what is published or running follows from the runs.

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    issuer text NOT NULL,                        -- who vouches for the name: 'open' (nobody) or an OIDC issuer
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (issuer, name)
);

CREATE TABLE recipes (
    id text PRIMARY KEY,                         -- derived from the name; two names must not share one
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,                   -- also the workflow's name
    recipe_id text NOT NULL REFERENCES recipes,
    recipe_path text,                            -- null: uploaded as a bundle
    snapshot text NOT NULL,                      -- SHA-256 of the recipe bundle, hex
    output_type text NOT NULL CHECK (output_type IN ('pvc', 'temporary', 'dataone')),
    overwrite boolean NOT NULL,
    partitions integer NOT NULL CHECK (partitions > 0),
    submitted_by uuid NOT NULL REFERENCES users,
    submitted_at timestamptz NOT NULL DEFAULT now(),

    -- A repeated request is answered with the first one's run.
    idempotency_key text,
    request_digest text,
    UNIQUE (submitted_by, idempotency_key),

    -- Outbox: the manifest is here before Argo has it.
    manifest jsonb NOT NULL,
    handed_over_at timestamptz,                  -- null: not known to be at Argo

    -- The newest state of the workflow that has been heard of.
    workflow_uid text,
    resource_version bigint NOT NULL DEFAULT 0,  -- 0: nothing heard yet
    phase text NOT NULL DEFAULT 'Pending' CHECK (phase IN ('Pending', 'Running', 'Succeeded', 'Failed', 'Error')),
    message text,
    progress text,
    started_at timestamptz,
    finished_at timestamptz,
    heard_at timestamptz,
    asked_at timestamptz,                        -- last time a reader undertook to ask Argo
    deleted_at timestamptz,                      -- when it was heard that Argo has the workflow no longer
    status text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN deleted_at IS NOT NULL AND phase IN ('Pending', 'Running') THEN 'Error' ELSE phase END
    ) STORED,

    -- The newest state that named tasks: Argo leaves them out of a large workflow's events.
    tasks_version bigint NOT NULL DEFAULT 0,
    task_counts jsonb NOT NULL DEFAULT '{}'      -- {phase: number of tasks}
);

CREATE INDEX runs_by_time ON runs (submitted_at, id);
CREATE INDEX runs_by_recipe ON runs (recipe_id, submitted_at, id);
CREATE INDEX runs_by_user ON runs (submitted_by, submitted_at, id);
CREATE INDEX runs_unfinished ON runs (submitted_at) WHERE status IN ('Pending', 'Running');

CREATE TABLE tasks (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    node_id text NOT NULL,
    name text NOT NULL,
    template text NOT NULL,
    partition integer,
    phase text NOT NULL,                         -- Argo's node phase
    message text,
    progress text,
    exit_code integer,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (run_id, node_id)
);

CREATE TABLE events (
    source text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    subject text,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id)
);

CREATE INDEX events_by_time ON events (received_at);
