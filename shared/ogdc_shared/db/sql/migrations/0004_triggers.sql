-- Uploads start runs: which uploads (triggers), and which have been heard of (uploads).

CREATE TABLE triggers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE,
    owner uuid NOT NULL REFERENCES users,        -- whose the runs are
    bucket text NOT NULL,
    pattern text NOT NULL,                       -- of keys
    kinds text[] NOT NULL,                       -- put, post, copy, multipart; empty: all
    recipe_path text,                            -- null: the upload is the recipe
    overwrite boolean NOT NULL,
    pass_object boolean NOT NULL,                -- whether the object becomes an input
    base_url text,                               -- where the bucket's objects are read; null: as its store does
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX triggers_by_bucket ON triggers (bucket);

-- An upload that a trigger is for: one row however often it is told of, and an outbox until it has its run.
CREATE TABLE uploads (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- also the idempotency key of the submission
    trigger_id uuid REFERENCES triggers ON DELETE SET NULL,
    trigger_name text NOT NULL,
    bucket text NOT NULL,
    key text NOT NULL,
    etag text,
    version text,
    source text NOT NULL,                        -- with event_id: the event that told of it first
    event_id text NOT NULL,
    object jsonb NOT NULL,                       -- all that event told
    received_at timestamptz NOT NULL DEFAULT now(),
    tried_at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL DEFAULT 'waiting' CHECK (outcome IN ('waiting', 'started', 'refused')),
    message text,                                -- why it waits, or was refused
    run_id uuid REFERENCES runs ON DELETE SET NULL
);

CREATE INDEX uploads_by_object ON uploads (trigger_id, bucket, md5(key));
CREATE INDEX uploads_by_time ON uploads (trigger_id, received_at);
CREATE INDEX uploads_by_run ON uploads (run_id);
CREATE INDEX uploads_waiting ON uploads (tried_at) WHERE outcome = 'waiting';
