-- name: claim_recipe
-- Locks the recipe until the transaction ends, so that submissions and retries of one recipe take turns.
INSERT INTO recipes (id, name) VALUES (%(id)s, %(name)s)
ON CONFLICT (id) DO UPDATE SET name = recipes.name
RETURNING name

-- name: lock_recipe_of
-- Takes the same lock for a run when its recipe is not known yet.
SELECT id FROM recipes WHERE id = (SELECT recipe_id FROM runs WHERE name = %(name)s) FOR NO KEY UPDATE

-- name: find_submission
SELECT name, request_digest FROM runs
WHERE submitted_by = %(submitted_by)s AND idempotency_key = %(idempotency_key)s

-- name: earlier_runs
-- Only the newest runs of a recipe are returned, because reading each manifest takes time.
SELECT name, status = 'Succeeded' AS succeeded
FROM (
    SELECT name, status, submitted_at, manifest FROM runs
    WHERE recipe_id = %(recipe_id)s AND submitted_by = %(submitted_by)s
    ORDER BY submitted_at DESC
    LIMIT 20
) AS newest
WHERE manifest->'metadata'->'labels'->>%(key)s = %(label)s
ORDER BY submitted_at DESC
LIMIT 5

-- name: find_place_holders
-- Another unfinished run that publishes to the recipe's directory on the workflow volume, and one that has published there.
SELECT
    (
        SELECT name FROM runs
        WHERE recipe_id = %(recipe_id)s AND output_type = ANY(%(exclusive)s) AND name IS DISTINCT FROM %(but)s
            AND status IN ('Pending', 'Running')
        LIMIT 1
    ) AS running,
    (
        SELECT newest.name FROM unnest(%(exclusive)s) AS exclusive, LATERAL (
            SELECT name FROM runs
            WHERE recipe_id = %(recipe_id)s AND output_type = exclusive AND name IS DISTINCT FROM %(but)s
                AND status = 'Succeeded'
            ORDER BY submitted_at DESC
            LIMIT 1
        ) AS newest
        LIMIT 1
    ) AS published

-- name: count_unfinished
SELECT count(*) FILTER (WHERE status = 'Running'), count(*) FILTER (WHERE status = 'Pending')
FROM runs
WHERE submitted_by = %(user_id)s AND status IN ('Pending', 'Running') AND name IS DISTINCT FROM %(but)s

-- name: insert_run
-- Inserts a run unless its place is taken or its idempotency key is in use, and its entry of the audit log if `action` is
-- given. `find_place_holders` is inserted for <find_place_holders>.
WITH place AS (
<find_place_holders>
), inserted AS (
INSERT INTO runs (
    name, recipe_id, recipe_path, snapshot, output_type, overwrite, partitions, input_files, input_bytes,
    manifest, submitted_by, idempotency_key, request_digest, parameters, reused_from, priority,
    parallelism, queued_at
)
SELECT
    %(name)s, %(recipe_id)s, %(recipe_path)s, %(snapshot)s, %(output_type)s, %(overwrite)s, %(partitions)s,
    %(input_files)s, %(input_bytes)s, %(manifest)s, %(submitted_by)s, %(idempotency_key)s, %(request_digest)s,
    %(parameters)s, %(reused_from)s, %(priority)s, %(parallelism)s, CASE WHEN %(queued)s THEN now() END
FROM place
WHERE place.running IS NULL AND (place.published IS NULL OR %(overwrite)s)
ON CONFLICT (submitted_by, idempotency_key) DO NOTHING
RETURNING id, name, submitted_by, submitted_at, queued_at
), act AS (
INSERT INTO audit (actor, token, action, object, details)
SELECT submitted_by, %(token)s, %(action)s, name, %(details)s FROM inserted WHERE %(action)s::text IS NOT NULL
)
SELECT place.running, place.published, inserted.id, inserted.submitted_at, inserted.queued_at,
    (SELECT coalesce(display_name, users.name) FROM users WHERE users.id = inserted.submitted_by) AS submitted_by
FROM place LEFT JOIN inserted ON true

-- name: record_handover
-- Does not wait for the disk. If the database server crashes before the row is written, the sweep hands the run over again.
WITH unsynced AS (SELECT set_config('synchronous_commit', 'off', true))
UPDATE runs SET workflow_uid = %(uid)s, handed_over_at = coalesce(handed_over_at, now())
FROM unsynced
WHERE name = %(name)s AND coalesce(workflow_uid, %(uid)s) = %(uid)s

-- name: record_refusal
UPDATE runs SET phase = 'Error', message = %(message)s, finished_at = now(),
    cancelled_by = %(cancelled_by)s, cancelled_at = CASE WHEN %(cancelled_by)s::uuid IS NOT NULL THEN now() END
WHERE name = %(name)s AND handed_over_at IS NULL AND phase = 'Pending'
    AND (NOT %(only_waiting)s OR (queued_at IS NOT NULL AND released_at IS NULL))

-- name: withdraw
DELETE FROM runs WHERE name = %(name)s AND handed_over_at IS NULL AND phase = 'Pending'

-- name: unsent_runs
SELECT name FROM runs
WHERE status IN ('Pending', 'Running')
    AND handed_over_at IS NULL
    AND CASE WHEN queued_at IS NULL THEN submitted_at ELSE released_at END
        < now() - make_interval(secs => %(older_than)s)
ORDER BY submitted_at

-- name: get_manifest
SELECT manifest FROM runs WHERE name = %(name)s
