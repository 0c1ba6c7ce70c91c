-- Temporary outputs are kept for some days; the sweep removes them from the artifact store and notes it here.

ALTER TABLE runs ADD COLUMN output_removed_at timestamptz;

CREATE INDEX runs_with_output ON runs (finished_at)
    WHERE output_type = 'temporary' AND status = 'Succeeded' AND output_removed_at IS NULL;
