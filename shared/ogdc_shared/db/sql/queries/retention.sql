-- name: claim_recipe
-- Claims one recipe at a time, so that concurrent sweeps share the work. Its runs cannot be submitted or retried meanwhile.
SELECT id FROM recipes
WHERE pruned_at IS NULL OR pruned_at < now() - make_interval(secs => %(again_after)s)
ORDER BY pruned_at NULLS FIRST
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED

-- name: release_recipe
UPDATE recipes SET pruned_at = now() WHERE id = %(recipe_id)s

-- name: mark_runs
-- Ended runs that are too old, or beyond the number kept for their recipe. Follow this with `but_kept`.
WITH bounds AS (
    SELECT
        CASE WHEN %(days)s > 0 THEN now() - make_interval(days => %(days)s) END AS age,
        CASE WHEN %(most)s > 0 THEN (
            SELECT submitted_at FROM runs WHERE recipe_id = %(recipe_id)s
            ORDER BY submitted_at DESC, id DESC OFFSET greatest(%(most)s - 1, 0) LIMIT 1
        ) END AS number
), found AS (
    SELECT runs.id FROM runs, bounds
    WHERE recipe_id = %(recipe_id)s AND submitted_at < greatest(age, number)
        AND status IN ('Succeeded', 'Failed', 'Error')
        AND (submitted_at < number OR coalesce(finished_at, deleted_at, submitted_at) < age)
        AND removing IS NULL

-- name: mark_tasks
WITH found AS (
    SELECT runs.id FROM runs
    WHERE recipe_id = %(recipe_id)s AND submitted_at < now() - make_interval(days => %(days)s)
        AND status IN ('Succeeded', 'Failed', 'Error')
        AND coalesce(finished_at, deleted_at, submitted_at) < now() - make_interval(days => %(days)s)
        AND tasks_removed_at IS NULL AND removing IS NULL

-- name: mark_logs
WITH found AS (
    SELECT runs.id FROM runs
    WHERE recipe_id = %(recipe_id)s AND submitted_at < now() - make_interval(days => %(days)s)
        AND status IN ('Succeeded', 'Failed', 'Error')
        AND coalesce(finished_at, deleted_at, submitted_at) < now() - make_interval(days => %(days)s)
        AND logs_removed_at IS NULL AND removing IS NULL

-- name: but_kept
-- Keeps runs that others refer to. The published data come from the newest successful run with that type of output. A package
-- refers to its run for good. A run that reused results names their run in its provenance. Nothing is removed as long as a run
-- of the recipe has not recorded what it reused.
        AND NOT EXISTS (SELECT FROM runs AS taking WHERE taking.recipe_id = %(recipe_id)s AND taking.reused_from IS NULL)
        AND package IS NULL
        AND (status <> 'Succeeded' OR EXISTS (
            SELECT FROM runs AS newer
            WHERE newer.recipe_id = runs.recipe_id AND newer.output_type = runs.output_type AND newer.status = 'Succeeded'
                AND newer.submitted_at > runs.submitted_at
        ))
        AND NOT EXISTS (
            SELECT FROM runs AS taking WHERE taking.reused_from @> ARRAY[runs.name] AND taking.reused_from <> '{}'
        )
        AND NOT EXISTS (SELECT FROM deliveries WHERE run_id = runs.id AND due_at IS NOT NULL)

-- name: mark
    ORDER BY submitted_at
    LIMIT %(limit)s
    FOR NO KEY UPDATE OF runs SKIP LOCKED
)
UPDATE runs SET removing = %(what)s FROM found WHERE runs.id = found.id

-- name: runs_being_removed
SELECT id, name, removing FROM runs WHERE removing IS NOT NULL ORDER BY id LIMIT %(limit)s

-- name: remove_tasks
DELETE FROM tasks
WHERE run_id = %(run_id)s AND node_id = ANY(ARRAY(SELECT node_id FROM tasks WHERE run_id = %(run_id)s LIMIT %(limit)s))

-- name: stages_of
SELECT DISTINCT template FROM tasks WHERE run_id = %(run_id)s

-- name: remove_run
DELETE FROM runs WHERE id = %(run_id)s AND removing = 'run'

-- name: record_removed
UPDATE runs SET
    removing = NULL,
    logs_removed_at = coalesce(logs_removed_at, now()),
    tasks_removed_at = CASE WHEN removing = 'tasks' THEN now() ELSE tasks_removed_at END
WHERE id = %(run_id)s AND removing = %(what)s

-- name: runs_taking
-- Ended runs for which the reused results have not been recorded yet.
SELECT id, name FROM runs WHERE reused_from IS NULL AND status IN ('Succeeded', 'Failed', 'Error') LIMIT %(limit)s

-- name: record_taken
UPDATE runs SET reused_from = %(names)s WHERE id = %(run_id)s AND reused_from IS NULL

-- name: forget_removals
UPDATE runs SET logs_removed_at = NULL, tasks_removed_at = NULL
WHERE name = %(name)s AND (logs_removed_at IS NOT NULL OR tasks_removed_at IS NOT NULL)
