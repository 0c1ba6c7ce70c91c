-- Runs that take turns, where a deployment bounds how many there are at once.

ALTER TABLE runs
    ADD COLUMN priority smallint NOT NULL DEFAULT 0,  -- those of a higher one go first
    ADD COLUMN parallelism integer,              -- most tasks at once; null: of a version before
    ADD COLUMN queued_at timestamptz,            -- since when it waited for its turn; null: there was no bound
    ADD COLUMN released_at timestamptz;          -- when its turn came; null: it has not, or there was no bound

CREATE INDEX runs_released_by_user ON runs (submitted_by, released_at) WHERE released_at IS NOT NULL;
CREATE INDEX runs_released_by_recipe ON runs (submitted_by, recipe_id, released_at) WHERE released_at IS NOT NULL;
