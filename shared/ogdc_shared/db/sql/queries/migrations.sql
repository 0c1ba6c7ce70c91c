-- name: prepare_to_migrate
-- A statement that waits for a lock blocks all that come after it, so it gives up after 5 seconds. A statement that has its
-- locks may take as long as it needs.
SELECT
    pg_try_advisory_xact_lock(%(lock)s::bigint),
    set_config('lock_timeout', '5s', true),
    set_config('statement_timeout', '0', true)

-- name: create_migrations
CREATE TABLE IF NOT EXISTS migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,                      -- SHA-256 of the file, hex
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: list_migrations
SELECT name, checksum FROM migrations

-- name: record_migration
INSERT INTO migrations (name, checksum) VALUES (%(name)s, %(checksum)s)
