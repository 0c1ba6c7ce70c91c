-- name: select_keys
SELECT document, extract(epoch FROM now() - fetched_at)::float8
FROM issuer_keys
WHERE issuer = %(issuer)s AND keys_url = %(keys_url)s

-- name: upsert_keys
INSERT INTO issuer_keys (issuer, keys_url, document, fetched_at)
VALUES (%(issuer)s, %(keys_url)s, %(document)s::jsonb, now() - make_interval(secs => %(age)s))
ON CONFLICT (issuer, keys_url) DO UPDATE
SET document = excluded.document, fetched_at = excluded.fetched_at
WHERE issuer_keys.fetched_at < excluded.fetched_at OR issuer_keys.fetched_at > now()
