-- Inputs on volumes are counted and divided by the run itself: until then its number of partitions is not known.

ALTER TABLE runs
    ALTER COLUMN partitions DROP NOT NULL,
    ADD COLUMN input_files bigint,                -- null: not known yet
    ADD COLUMN input_bytes bigint,                -- null: not known beforehand
    ADD COLUMN partition_counts jsonb NOT NULL DEFAULT '{}';  -- {phase: number of partitions}, as task_counts
