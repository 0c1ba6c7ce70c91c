-- name: list_tasks
SELECT node_id, name, template, partition, phase, message, progress, exit_code, started_at, finished_at
FROM tasks
WHERE run_id = %(run_id)s
ORDER BY partition NULLS LAST, started_at NULLS LAST, node_id
LIMIT %(limit)s OFFSET %(offset)s

-- name: list_partition_tasks
SELECT node_id, name, template, partition, phase, message, progress, exit_code, started_at, finished_at
FROM tasks
WHERE run_id = %(run_id)s AND template = 'process' AND partition >= %(first)s AND partition < %(end)s

-- name: find_task
SELECT node_id, name, template, partition, phase, message, progress, exit_code, started_at, finished_at
FROM tasks
WHERE run_id = %(run_id)s AND template = %(template)s AND partition IS NOT DISTINCT FROM %(partition)s::integer

-- name: count_stages
-- The stages that have begun, in order, with the number of tasks in each phase.
SELECT stage, sum(tasks)::integer AS tasks, json_object_agg(phase, tasks) AS counts
FROM (
    SELECT template AS stage, phase, count(*) AS tasks
    FROM tasks
    WHERE run_id = %(run_id)s AND partition IS NOT NULL
    GROUP BY template, phase
) AS counted
GROUP BY stage
ORDER BY array_position(%(stages)s::text[], stage), stage
