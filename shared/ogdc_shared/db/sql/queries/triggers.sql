-- name: select_triggers
SELECT
    triggers.id,
    triggers.name,
    coalesce(users.display_name, users.name) AS owner,
    users.id AS owner_id,
    triggers.bucket,
    triggers.pattern,
    triggers.kinds,
    triggers.recipe_path,
    triggers.overwrite,
    triggers.pass_object,
    triggers.base_url,
    triggers.schedule,
    triggers.time_zone,
    triggers.watched,
    triggers.queues,
    triggers.due_at,
    triggers.seen,
    triggers.created_at
FROM triggers
JOIN users ON users.id = triggers.owner

-- name: where_name
WHERE triggers.name = %(name)s

-- name: where_id
WHERE triggers.id = %(id)s

-- name: where_bucket
WHERE triggers.bucket = %(bucket)s
ORDER BY triggers.name

-- name: in_order
ORDER BY triggers.name

-- name: insert_trigger
INSERT INTO triggers (
    name, owner, bucket, pattern, kinds, recipe_path, overwrite, pass_object, base_url,
    schedule, time_zone, watched, queues, due_at
) VALUES (
    %(name)s, %(owner)s, %(bucket)s, %(pattern)s, %(kinds)s, %(recipe_path)s, %(overwrite)s, %(pass_object)s,
    %(base_url)s, %(schedule)s, %(time_zone)s, %(watched)s, %(queues)s, %(due_at)s
)
ON CONFLICT (name) DO NOTHING

-- name: delete_trigger
DELETE FROM triggers WHERE name = %(name)s

-- name: lock_object
-- Makes deliveries about one object take turns, even if no upload of it is recorded yet.
SELECT pg_advisory_xact_lock(hashtextextended(%(trigger_id)s::text || '/' || %(bucket)s || '/' || %(key)s, 0))

-- name: find_upload
-- Finds the same upload, whatever the format of the event that reported it. Two reports are of the same upload if they are the
-- same event, or if everything that both contain about the object agrees.
SELECT id FROM uploads
WHERE trigger_id = %(trigger_id)s AND bucket = %(bucket)s AND md5(key) = md5(%(key)s) AND key = %(key)s
    AND (
        (source = %(source)s AND event_id = %(event_id)s)
        OR (
            coalesce(version = %(version)s, true) AND coalesce(etag = %(etag)s, true)
            AND (version = %(version)s OR etag = %(etag)s)
        )
    )
ORDER BY received_at
LIMIT 1

-- name: insert_upload
INSERT INTO uploads (trigger_id, trigger_name, bucket, key, etag, version, source, event_id, object)
VALUES (
    %(trigger_id)s, %(trigger_name)s, %(bucket)s, %(key)s, %(etag)s, %(version)s, %(source)s, %(event_id)s,
    %(object)s
)
RETURNING id

-- name: select_uploads
SELECT
    uploads.id,
    uploads.trigger_id,
    uploads.trigger_name,
    uploads.object,
    uploads.received_at,
    uploads.outcome,
    uploads.message,
    runs.name AS run,
    extract(epoch FROM now() - uploads.received_at)::float8 AS age_seconds
FROM uploads
LEFT JOIN runs ON runs.id = uploads.run_id

-- name: where_upload
WHERE uploads.id = %(id)s

-- name: where_run
WHERE uploads.run_id = %(run_id)s

-- name: where_trigger
WHERE uploads.trigger_id = %(trigger_id)s
ORDER BY uploads.received_at DESC, uploads.id
LIMIT %(limit)s

-- name: waiting_uploads
SELECT id FROM uploads
WHERE outcome = 'waiting' AND trigger_id IS NOT NULL
    AND tried_at < now() - make_interval(secs => %(untried_for)s)
ORDER BY tried_at

-- name: record_try
-- Records the outcome of an upload. An upload that has started a run keeps that outcome.
UPDATE uploads
SET outcome = %(outcome)s, message = %(message)s, run_id = %(run_id)s, tried_at = now()
WHERE id = %(id)s AND outcome <> 'started'

-- name: submitted_run
SELECT name FROM runs
WHERE idempotency_key = %(key)s AND submitted_by = (SELECT owner FROM triggers WHERE id = %(trigger_id)s)

-- name: forget_uploads
DELETE FROM uploads WHERE trigger_id IS NULL AND run_id IS NULL
