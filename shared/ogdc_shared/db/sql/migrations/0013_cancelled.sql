-- Runs that somebody has stopped, told from those that failed.

ALTER TABLE runs
    ADD COLUMN cancelled_by uuid REFERENCES users,  -- who wants it stopped, since its last retry; null: nobody
    ADD COLUMN cancelled_at timestamptz;            -- when it was heard that it ended by that; null: it did not

UPDATE runs SET cancelled_at = finished_at
WHERE phase IN ('Failed', 'Error')
    AND (stopped_for LIKE 'Cancelled by %' AND message = stopped_for OR message = 'Cancelled before it reached Argo.');
