-- name: due_trigger
-- Selects one at a time, so that concurrent sweeps share the work.
SELECT id, name, schedule, time_zone, due_at FROM triggers
WHERE due_at <= coalesce(%(now)s::timestamptz, now())
ORDER BY due_at
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: record_start
INSERT INTO scheduled_starts (trigger_id, trigger_name, due_at) VALUES (%(trigger_id)s, %(trigger_name)s, %(due_at)s)
ON CONFLICT (trigger_id, due_at) DO NOTHING

-- name: set_due
UPDATE triggers SET due_at = %(due_at)s WHERE id = %(trigger_id)s

-- name: claim_start
-- A waiting start that was tried and has no message is being tried now. If that try crashes, a later sweep tries the start
-- again, after `untried_for`. A start that a try has left waiting is for the next sweep. The starts of one trigger are tried
-- one after another, because two concurrent sweeps would each find no earlier run. Starts that have not been tried come first,
-- so that those waiting for a server that hangs do not delay them.
UPDATE scheduled_starts SET tried_at = now(), message = NULL
WHERE id = (
    SELECT id FROM scheduled_starts
    WHERE outcome = 'waiting' AND trigger_id IS NOT NULL
        AND (
            tried_at IS NULL OR message IS NOT NULL
            OR tried_at < now() - make_interval(secs => %(untried_for)s)
        )
        AND id <> ALL(%(tried)s::uuid[])
        AND NOT EXISTS (
            SELECT FROM scheduled_starts AS earlier
            WHERE earlier.trigger_id = scheduled_starts.trigger_id AND earlier.outcome = 'waiting'
                AND earlier.due_at < scheduled_starts.due_at
        )
    ORDER BY tried_at NULLS FIRST, due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, trigger_id, due_at, extract(epoch FROM now() - due_at)::float8 AS age_seconds

-- name: unfinished_run
-- The unfinished run of an earlier start of the same trigger.
SELECT runs.name FROM scheduled_starts
JOIN runs ON runs.id = scheduled_starts.run_id
WHERE scheduled_starts.trigger_id = %(trigger_id)s AND runs.status IN ('Pending', 'Running')
LIMIT 1

-- name: run_in_vain
-- The newest run that the trigger started, if that run failed.
SELECT runs.name FROM scheduled_starts
JOIN runs ON runs.id = scheduled_starts.run_id
WHERE scheduled_starts.id = (
        SELECT id FROM scheduled_starts
        WHERE trigger_id = %(trigger_id)s AND outcome = 'started'
        ORDER BY due_at DESC
        LIMIT 1
    )
    AND runs.status IN ('Failed', 'Error')

-- name: skip_behind
-- The first waiting start keeps waiting. Those behind it are skipped, because they would repeat its work.
UPDATE scheduled_starts SET outcome = 'skipped', message = 'An earlier start waits already.'
WHERE trigger_id = %(trigger_id)s AND outcome = 'waiting' AND id <> %(id)s AND due_at > %(due_at)s

-- name: record_try
UPDATE scheduled_starts SET outcome = %(outcome)s, message = %(message)s, run_id = %(run_id)s
WHERE id = %(id)s AND outcome <> 'started'

-- name: set_seen
UPDATE triggers SET seen = %(seen)s WHERE id = %(trigger_id)s

-- name: select_starts
SELECT
    scheduled_starts.id,
    scheduled_starts.trigger_name,
    scheduled_starts.due_at,
    scheduled_starts.outcome,
    scheduled_starts.message,
    runs.name AS run
FROM scheduled_starts
LEFT JOIN runs ON runs.id = scheduled_starts.run_id

-- name: where_trigger
WHERE scheduled_starts.trigger_id = %(trigger_id)s
ORDER BY scheduled_starts.due_at DESC
LIMIT %(limit)s

-- name: where_run
WHERE scheduled_starts.run_id = %(run_id)s
LIMIT 1

-- name: forget_starts
DELETE FROM scheduled_starts
WHERE id = ANY(ARRAY(
    SELECT id FROM scheduled_starts
    WHERE due_at < now() - make_interval(secs => %(older_than)s) AND (outcome <> 'waiting' OR trigger_id IS NULL)
    ORDER BY due_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
))
