-- name: record_event
INSERT INTO events (source, id, type, subject)
VALUES (%(source)s, %(id)s, %(type)s, %(subject)s)
ON CONFLICT (source, id) DO NOTHING

-- name: forget_events
DELETE FROM events WHERE received_at < now() - make_interval(secs => %(older_than)s)
