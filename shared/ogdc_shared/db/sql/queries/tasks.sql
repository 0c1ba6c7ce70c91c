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
