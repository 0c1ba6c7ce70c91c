-- name: find_user
SELECT id, issuer, name FROM users WHERE issuer = %(issuer)s AND name = %(name)s

-- name: insert_user
INSERT INTO users (issuer, name) VALUES (%(issuer)s, %(name)s) ON CONFLICT (issuer, name) DO NOTHING
