-- name: insert_act
INSERT INTO audit (actor, token, action, object, details)
VALUES (%(actor)s, %(token)s, %(action)s, %(object)s, %(details)s)

-- name: list_acts
SELECT
    audit.id,
    audit.at,
    audit.actor AS actor_id,
    coalesce(users.display_name, users.name) AS actor,
    audit.token AS token_id,
    audit.action,
    audit.object,
    audit.details
FROM audit
LEFT JOIN users ON users.id = audit.actor
WHERE (%(actor)s::uuid IS NULL OR audit.actor = %(actor)s)
    AND (%(action)s::text IS NULL OR audit.action = %(action)s)
    AND (%(object)s::text IS NULL OR audit.object = %(object)s)
    AND (%(before)s::bigint IS NULL OR audit.id < %(before)s)
ORDER BY audit.id DESC
LIMIT %(limit)s
