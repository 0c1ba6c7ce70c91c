-- name: list_tasks
SELECT node_id, name, template, partition, phase, message, progress, exit_code, started_at, finished_at
FROM tasks
WHERE run_id = %(run_id)s
ORDER BY partition NULLS LAST, started_at NULLS LAST, node_id
LIMIT %(limit)s OFFSET %(offset)s

-- name: list_partition_tasks
SELECT node_id, name, template, partition, phase, message, progress, exit_code, started_at, finished_at
FROM tasks
WHERE run_id = %(run_id)s AND partition >= %(first)s AND partition < %(end)s

-- name: store_tasks
-- Only rows that differ are written (EXCEPT), so an event about one of 10,000 tasks costs one row.
WITH run AS (
    UPDATE runs SET
        tasks_version = %(version)s,
        task_counts = %(counts)s,
        partition_counts = %(partition_counts)s,
        partitions = coalesce(partitions, %(partitions)s),
        input_files = coalesce(input_files, %(input_files)s),
        input_bytes = coalesce(input_bytes, %(input_bytes)s)
    WHERE name = %(name)s AND workflow_uid = %(uid)s AND tasks_version < %(version)s
    RETURNING id
), given AS MATERIALIZED (
    SELECT run.id AS run_id, task.*
    FROM run, json_to_recordset(%(tasks)s) AS task (
        node_id text, name text, template text, partition integer, phase text, message text, progress text,
        exit_code integer, started_at timestamptz, finished_at timestamptz
    )
), gone AS (
    DELETE FROM tasks
    WHERE run_id = (SELECT id FROM run) AND node_id NOT IN (SELECT node_id FROM given)
), written AS (
    INSERT INTO tasks (
        run_id, node_id, name, template, partition, phase, message, progress, exit_code, started_at, finished_at
    )
    SELECT run_id, node_id, name, template, partition, phase, message, progress, exit_code, started_at, finished_at
    FROM given
    EXCEPT
    SELECT run_id, node_id, name, template, partition, phase, message, progress, exit_code, started_at, finished_at
    FROM tasks
    WHERE run_id = (SELECT id FROM run)
    ON CONFLICT (run_id, node_id) DO UPDATE SET
        name = excluded.name,
        template = excluded.template,
        partition = excluded.partition,
        phase = excluded.phase,
        message = excluded.message,
        progress = excluded.progress,
        exit_code = excluded.exit_code,
        started_at = excluded.started_at,
        finished_at = excluded.finished_at
)
SELECT id FROM run
