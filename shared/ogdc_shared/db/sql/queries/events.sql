-- name: forget_events
DELETE FROM events WHERE received_at < now() - make_interval(secs => %(older_than)s)
