-- name: select_users
SELECT
    id, issuer, name AS subject, coalesce(display_name, name) AS name, role, claimed_role, created_at, last_seen_on,
    disabled_at
FROM users

-- name: where_subject
WHERE issuer = %(issuer)s AND name = %(subject)s

-- name: where_id
WHERE id = %(id)s

-- name: where_called
-- A user with this subject is listed before users with this name.
WHERE (%(issuer)s::text IS NULL OR issuer = %(issuer)s) AND (name = %(called)s OR display_name = %(called)s)
ORDER BY (name = %(called)s) DESC
LIMIT 2

-- name: in_order
ORDER BY created_at, id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_users
SELECT count(*) FROM users

-- name: insert_user
INSERT INTO users (issuer, name, display_name, role)
VALUES (%(issuer)s, %(subject)s, nullif(%(name)s::text, %(subject)s::text), %(role)s)
ON CONFLICT (issuer, name) DO NOTHING

-- name: record_seen
-- Records that a user has called. It is run only for the first call of a day, or if something has changed.
UPDATE users
SET display_name = nullif(%(name)s::text, name), claimed_role = %(claimed_role)s, last_seen_on = current_date
WHERE id = %(id)s

-- name: change_user
UPDATE users
SET
    role = CASE WHEN %(set_role)s::boolean THEN %(role)s::text ELSE role END,
    disabled_at = CASE
        WHEN %(disabled)s::boolean IS NULL THEN disabled_at
        WHEN %(disabled)s::boolean THEN coalesce(disabled_at, now())
    END
WHERE id = %(id)s

-- name: lock_user
SELECT id FROM users WHERE id = %(id)s FOR NO KEY UPDATE
