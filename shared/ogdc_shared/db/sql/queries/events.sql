-- name: forget_events
DELETE FROM events
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM events
    WHERE received_at < now() - make_interval(secs => %(older_than)s)
    ORDER BY received_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
))
