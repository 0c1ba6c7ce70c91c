-- name: record_state
-- Records a workflow's state and the event that reported it, in one statement. Tasks are compared and written on one snapshot,
-- and only those that differ are written (EXCEPT). With a base_version, the given tasks are those that differ from that
-- version, and `removed` lists the tasks that it had and this one does not. Nothing changes if the run was changed since the
-- snapshot or the recorded version is not the base (the result is `stale`), or if an event contradicts a recorded end (the
-- result is `doubted`). With `passing`, the commit does not wait for the disk.
WITH old AS MATERIALIZED (
    SELECT
        id, status, workflow_uid, resource_version, tasks_version, deleted_at,
        resource_version < %(version)s AS newer,
        resource_version <= %(version)s AS current,
        tasks_version < %(version)s AND %(tasks)s::json IS NOT NULL AS tells,
        deleted_at IS NULL AND %(gone)s AS goes,
        NOT %(believed)s AND phase NOT IN ('Pending', 'Running') AND phase <> %(phase)s
            AND resource_version < %(version)s AS doubted,
        coalesce(tasks_version = %(base_version)s, true) AS fits
    FROM runs
    WHERE name = %(name)s
        AND (NOT %(passing)s OR set_config('synchronous_commit', 'off', true) = 'off')
), run AS (
    UPDATE runs SET
        workflow_uid = %(uid)s,
        resource_version = greatest(old.resource_version, %(version)s),
        phase = CASE WHEN current THEN %(phase)s ELSE phase END,
        message = CASE WHEN NOT current THEN message
            WHEN %(shut_down)s THEN concat_ws(' ', coalesce(stopped_for, %(message)s), %(left)s::text)
            WHEN %(cut_off)s THEN concat_ws(' ', concat_ws('. ', waiting, %(message)s::text), %(left)s::text)
            ELSE %(message)s
        END,
        cancelled_at = CASE WHEN NOT current THEN cancelled_at
            WHEN %(shut_down)s AND cancelled_by IS NOT NULL THEN coalesce(cancelled_at, now())
        END,
        waiting = CASE WHEN current AND %(phase)s IN ('Pending', 'Running') THEN %(waiting)s ELSE waiting END,
        progress = CASE WHEN current THEN %(progress)s ELSE progress END,
        started_at = CASE WHEN current THEN %(started_at)s ELSE started_at END,
        finished_at = CASE WHEN current THEN %(finished_at)s ELSE finished_at END,
        heard_at = now(),
        handed_over_at = coalesce(handed_over_at, now()),
        deleted_at = CASE WHEN goes THEN now() ELSE runs.deleted_at END,
        refresh_requested_at = CASE WHEN newer AND %(nodes_elsewhere)s THEN now() ELSE refresh_requested_at END,
        tasks_version = CASE WHEN tells THEN %(version)s ELSE old.tasks_version END,
        task_counts = CASE WHEN tells THEN %(task_counts)s ELSE task_counts END,
        partition_counts = CASE WHEN tells THEN %(partition_counts)s ELSE partition_counts END,
        partitions = coalesce(partitions, %(partitions)s),
        input_files = coalesce(input_files, %(input_files)s),
        input_bytes = coalesce(input_bytes, %(input_bytes)s),
        warnings = coalesce(CASE WHEN current THEN %(warnings)s::jsonb END, warnings, %(warnings)s),
        package = coalesce(package, %(package)s)
    FROM old
    WHERE runs.id = old.id
        AND coalesce(old.workflow_uid, %(uid)s) = %(uid)s
        AND (newer OR tells OR goes)
        AND fits
        AND NOT doubted
        AND (runs.workflow_uid, runs.resource_version, runs.tasks_version, runs.deleted_at)
            IS NOT DISTINCT FROM (old.workflow_uid, old.resource_version, old.tasks_version, old.deleted_at)
    RETURNING runs.id, runs.status, tells
), sent AS MATERIALIZED (
    SELECT run.id AS run_id, task.*
    FROM run, json_to_recordset(%(tasks)s) AS task (
        node_id text, name text, template text, partition integer, phase text, message text, progress text,
        exit_code integer, started_at timestamptz, finished_at timestamptz
    )
    WHERE run.tells
), gone AS (
    DELETE FROM tasks
    WHERE run_id = (SELECT id FROM run WHERE tells)
        AND CASE WHEN %(base_version)s::bigint IS NULL
            THEN node_id NOT IN (SELECT node_id FROM sent)
            ELSE node_id = ANY(%(removed)s::text[])
        END
), put AS (
    INSERT INTO tasks
    SELECT * FROM sent
    EXCEPT
    SELECT * FROM tasks
    WHERE run_id = (SELECT id FROM run)
        AND (%(base_version)s::bigint IS NULL OR node_id IN (SELECT node_id FROM sent))
    ON CONFLICT (run_id, node_id) DO UPDATE SET
        (name, template, partition, phase, message, progress, exit_code, started_at, finished_at) = (
            excluded.name, excluded.template, excluded.partition, excluded.phase, excluded.message, excluded.progress,
            excluded.exit_code, excluded.started_at, excluded.finished_at
        )
), event AS (
    INSERT INTO events (source, id, type, subject)
    SELECT %(event_source)s, %(event_id)s, %(event_type)s, %(event_subject)s
    FROM old
    WHERE %(event_id)s::text IS NOT NULL AND NOT doubted
    ON CONFLICT (source, id) DO NOTHING
)
SELECT
    old.status AS before,
    run.status AS after,
    run.id IS NULL
        AND coalesce(old.workflow_uid, %(uid)s) = %(uid)s
        AND (old.newer OR old.tells OR old.goes)
        AND NOT old.doubted AS stale,
    old.doubted
FROM old LEFT JOIN run USING (id)

-- name: record_absence
WITH old AS (
    SELECT id, status FROM runs WHERE name = %(name)s FOR NO KEY UPDATE
), run AS (
    UPDATE runs SET deleted_at = now(), heard_at = now(), refresh_requested_at = NULL
    FROM old
    WHERE runs.id = old.id AND handed_over_at IS NOT NULL AND deleted_at IS NULL
    RETURNING runs.id, runs.status
)
SELECT old.status AS before, run.status AS after, false AS stale, false AS doubted FROM old LEFT JOIN run USING (id)

-- name: record_reference
-- Records an event without a state, which requests a refresh. A repeated event does nothing.
WITH old AS (
    SELECT id, status FROM runs WHERE name = %(name)s
), event AS (
    INSERT INTO events (source, id, type, subject)
    SELECT %(event_source)s, %(event_id)s, %(event_type)s, %(event_subject)s
    FROM old
    ON CONFLICT (source, id) DO NOTHING
    RETURNING source
), run AS (
    UPDATE runs SET refresh_requested_at = now(), handed_over_at = coalesce(handed_over_at, now())
    FROM old, event
    WHERE runs.id = old.id AND deleted_at IS NULL
    RETURNING runs.id, runs.status
)
SELECT old.status AS before, run.status AS after, false AS stale, false AS doubted FROM old LEFT JOIN run USING (id)

-- name: request_refresh
-- Requests another refresh, because the last one was incomplete. It is due after a while.
UPDATE runs SET refresh_requested_at = coalesce(refresh_requested_at, asked_at, now()) WHERE name = %(name)s AND deleted_at IS NULL

-- name: clear_refresh
-- Clears the request that a refresh has answered. A request made during the refresh stays.
UPDATE runs SET refresh_requested_at = NULL WHERE name = %(name)s AND refresh_requested_at <= asked_at

-- name: record_stop
-- Records who stops a run and why, before Argo is asked to stop it. Argo reports only that it was stopped.
UPDATE runs SET stopped_for = %(reason)s, cancelled_by = %(by)s WHERE name = %(name)s

-- name: forget_version
-- Resets the version. It is newer than Argo's, so it did not come from this Argo.
UPDATE runs SET resource_version = 0, tasks_version = 0 WHERE name = %(name)s AND resource_version = %(version)s
