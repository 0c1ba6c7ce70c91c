-- name: find_token_user
-- Everything about the caller with this token, in one read.
SELECT
    api_tokens.id,
    api_tokens.name,
    api_tokens.role,
    api_tokens.expires_at,
    api_tokens.expires_at <= now() AS is_expired,
    api_tokens.revoked_at IS NOT NULL AS is_revoked,
    api_tokens.last_used_on IS DISTINCT FROM current_date AS is_first_today,
    users.id AS user_id,
    users.issuer,
    users.name AS subject,
    coalesce(users.display_name, users.name) AS user_name,
    users.role AS user_role,
    users.claimed_role,
    users.disabled_at IS NOT NULL AS is_disabled
FROM api_tokens
JOIN users ON users.id = api_tokens.owner
WHERE api_tokens.hash = %(hash)s

-- name: record_use
UPDATE api_tokens SET last_used_on = current_date WHERE id = %(id)s AND last_used_on IS DISTINCT FROM current_date

-- name: insert_token
INSERT INTO api_tokens (hash, owner, name, role, expires_at)
VALUES (%(hash)s, %(owner)s, %(name)s, %(role)s, now() + make_interval(days => %(days)s))
RETURNING id

-- name: select_tokens
SELECT
    api_tokens.id,
    api_tokens.name,
    api_tokens.role,
    api_tokens.owner AS owner_id,
    coalesce(users.display_name, users.name) AS owner,
    api_tokens.created_at,
    api_tokens.expires_at,
    api_tokens.last_used_on,
    api_tokens.revoked_at
FROM api_tokens
JOIN users ON users.id = api_tokens.owner

-- name: where_token
WHERE api_tokens.id = %(id)s

-- name: where_owner
WHERE (%(owner)s::uuid IS NULL OR api_tokens.owner = %(owner)s) AND api_tokens.revoked_at IS NULL
ORDER BY api_tokens.created_at, api_tokens.id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_tokens
SELECT count(*) FROM api_tokens WHERE (%(owner)s::uuid IS NULL OR owner = %(owner)s) AND revoked_at IS NULL

-- name: revoke
UPDATE api_tokens SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL
