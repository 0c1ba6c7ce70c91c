-- Recipes that a deployment offers to programs which speak OGC API - Processes, and runs as their jobs.

CREATE TABLE processes (
    id text PRIMARY KEY,                         -- the recipe's
    snapshot text NOT NULL,                      -- SHA-256 of the recipe's bundle, which the artifact store has
    description json NOT NULL,                   -- what callers are told of it, without links
    owner uuid REFERENCES users,                 -- who deployed it; null: a setting names it
    location text,                               -- where that says the recipe is
    CHECK ((owner IS NULL) <> (location IS NULL)),
    deployed_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE runs
    ADD COLUMN job_removed_at timestamptz;       -- since when it is no job any more; null: it is one
