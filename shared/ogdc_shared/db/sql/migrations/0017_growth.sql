-- A record of years: what a deployment keeps no longer, and what finds few among millions.

ALTER TABLE runs
    ADD COLUMN removing text CHECK (removing IN ('logs', 'tasks', 'run')),  -- what the sweep is removing of it; null: nothing
    ADD COLUMN logs_removed_at timestamptz,      -- null: they are there, or were never
    ADD COLUMN tasks_removed_at timestamptz,     -- with the facts and the logs of the tasks; null: likewise
    ADD COLUMN reused_from text[] DEFAULT '{}';  -- names of the runs whose results it has taken; null: not known yet

ALTER TABLE recipes ADD COLUMN pruned_at timestamptz;  -- when the sweep last looked for what is to be removed; null: never

CREATE INDEX recipes_to_prune ON recipes (pruned_at NULLS FIRST);
CREATE INDEX runs_being_removed ON runs (id) WHERE removing IS NOT NULL;
CREATE INDEX runs_with_logs ON runs (recipe_id, submitted_at) WHERE logs_removed_at IS NULL;
CREATE INDEX runs_with_tasks ON runs (recipe_id, submitted_at) WHERE tasks_removed_at IS NULL;
CREATE INDEX runs_taking ON runs (recipe_id) WHERE reused_from IS NULL;
CREATE INDEX runs_taken_from ON runs USING gin (reused_from) WHERE reused_from <> '{}';
CREATE INDEX deliveries_by_time ON deliveries (created_at);
CREATE INDEX scheduled_starts_by_time ON scheduled_starts (due_at);

-- Where filters meet, the runs of one filter may be a million, and few or none of them be of the other.
CREATE INDEX runs_by_recipe_and_status ON runs (recipe_id, status, submitted_at, id);
CREATE INDEX runs_by_user_and_status ON runs (submitted_by, status, submitted_at, id);
CREATE INDEX runs_by_recipe_and_user ON runs (recipe_id, submitted_by, submitted_at, id);
CREATE INDEX runs_succeeded ON runs (recipe_id, output_type, submitted_at) WHERE status = 'Succeeded';
CREATE INDEX runs_cancelled ON runs (submitted_at, id) WHERE cancelled_at IS NOT NULL;
