-- name: insert_webhook
INSERT INTO webhooks (owner, url, secret, outcomes, recipe_id, trigger_name)
VALUES (%(owner)s, %(url)s, %(secret)s, %(outcomes)s, %(recipe_id)s, %(trigger_name)s)
RETURNING id

-- name: select_webhooks
SELECT
    webhooks.id,
    coalesce(users.display_name, users.name) AS owner,
    users.id AS owner_id,
    webhooks.url,
    webhooks.outcomes,
    webhooks.recipe_id,
    webhooks.trigger_name,
    webhooks.created_at
FROM webhooks
JOIN users ON users.id = webhooks.owner

-- name: where_webhook
WHERE webhooks.id = %(id)s

-- name: where_owner
WHERE webhooks.owner = %(owner)s
ORDER BY webhooks.created_at, webhooks.id

-- name: count_webhooks
-- Locks the user, so that two webhooks that are added at once cannot both pass the limit.
SELECT count(*) FROM webhooks WHERE owner = (SELECT id FROM users WHERE id = %(owner)s FOR NO KEY UPDATE)

-- name: delete_webhook
DELETE FROM webhooks WHERE id = %(id)s

-- name: select_deliveries
SELECT
    deliveries.id,
    runs.name AS run,
    deliveries.outcome,
    deliveries.created_at,
    deliveries.attempts,
    deliveries.due_at,
    deliveries.delivered_at,
    deliveries.message
FROM deliveries
JOIN runs ON runs.id = deliveries.run_id
WHERE deliveries.webhook_id = %(webhook_id)s
ORDER BY deliveries.created_at DESC, deliveries.id
LIMIT %(limit)s

-- name: find_end
-- The end of one run, if it has not been announced yet. Follow this or `find_ends` with `announce`.
WITH found AS (
    SELECT id FROM runs
    WHERE status IN ('Succeeded', 'Failed', 'Error') AND coalesce(announced, '') NOT IN (status, 'Unknown')
        AND name = %(name)s
    FOR NO KEY UPDATE SKIP LOCKED

-- name: find_ends
-- Sorted like the partial index of unannounced ends. Otherwise PostgreSQL, which expects most runs to match, scans all runs.
WITH found AS (
    SELECT id FROM runs
    WHERE status IN ('Succeeded', 'Failed', 'Error') AND coalesce(announced, '') NOT IN (status, 'Unknown')
    ORDER BY id
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED

-- name: announce
-- Makes a delivery of each end for every matching webhook, and for the sink.
), ended AS (
    UPDATE runs SET announced = status
    FROM found
    WHERE runs.id = found.id
    RETURNING
        runs.id, runs.name, runs.recipe_id, runs.status, runs.message, runs.submitted_by, runs.submitted_at,
        runs.started_at, runs.finished_at,
        CASE
            WHEN runs.status = 'Succeeded' THEN 'succeeded'
            WHEN runs.cancelled_at IS NOT NULL THEN 'cancelled'
            ELSE 'failed'
        END AS outcome
), with_names AS (
    SELECT
        ended.*,
        coalesce(users.display_name, users.name) AS submitter,
        coalesce(
            (SELECT trigger_name FROM uploads WHERE uploads.run_id = ended.id ORDER BY received_at LIMIT 1),
            (SELECT trigger_name FROM scheduled_starts WHERE scheduled_starts.run_id = ended.id LIMIT 1)
        ) AS trigger_name
    FROM ended
    JOIN users ON users.id = ended.submitted_by
), meant AS (
    SELECT webhooks.id AS webhook_id, with_names.*
    FROM with_names
    JOIN webhooks ON webhooks.owner = with_names.submitted_by
        AND with_names.outcome = ANY(webhooks.outcomes)
        AND coalesce(webhooks.recipe_id, with_names.recipe_id) = with_names.recipe_id
        AND (webhooks.trigger_name IS NULL OR webhooks.trigger_name = with_names.trigger_name)
    UNION ALL
    SELECT NULL, with_names.* FROM with_names WHERE %(to_sink)s
)
INSERT INTO deliveries (webhook_id, run_id, outcome, run)
SELECT
    webhook_id, id, outcome,
    json_build_object(
        'name', name, 'run_id', id, 'recipe_id', recipe_id, 'status', status, 'message', message,
        'submitted_by', submitter, 'trigger', trigger_name, 'submitted_at', submitted_at,
        'started_at', started_at, 'finished_at', finished_at
    )
FROM meant
RETURNING id

-- name: forget_end
-- For a run that continues. Its next end is announced even if the outcome is the same.
UPDATE runs SET announced = NULL WHERE name = %(name)s

-- name: claim_delivery
-- Claims a due delivery for as long as an attempt may take. If the attempt crashes, a later one claims the delivery again.
UPDATE deliveries SET attempts = attempts + 1, due_at = now() + make_interval(secs => %(lease)s)
WHERE id = (SELECT id FROM deliveries WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING
    id, webhook_id, outcome, run, attempts, created_at,
    (SELECT url FROM webhooks WHERE webhooks.id = webhook_id) AS url,
    (SELECT secret FROM webhooks WHERE webhooks.id = webhook_id) AS secret

-- name: record_delivered
UPDATE deliveries SET delivered_at = now(), due_at = NULL, message = NULL WHERE id = %(id)s

-- name: record_failure
UPDATE deliveries SET message = %(message)s, due_at = now() + make_interval(secs => %(again_after)s)
WHERE id = %(id)s AND delivered_at IS NULL

-- name: put_off
-- Delays the other deliveries to a receiver that does not respond.
UPDATE deliveries SET due_at = now() + make_interval(secs => %(again_after)s)
WHERE due_at <= now() AND webhook_id IS NOT DISTINCT FROM %(webhook_id)s

-- name: forget_deliveries
DELETE FROM deliveries
WHERE id = ANY(ARRAY(
    SELECT id FROM deliveries
    WHERE due_at IS NULL AND created_at < now() - make_interval(secs => %(older_than)s)
    ORDER BY created_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
))
