-- name: select_processes
SELECT
    processes.id,
    processes.snapshot,
    processes.description,
    processes.owner AS owner_id,
    coalesce(users.display_name, users.name) AS owner,
    processes.deployed_at
FROM processes
LEFT JOIN users ON users.id = processes.owner

-- name: where_id
WHERE processes.id = %(id)s

-- name: where_page
WHERE %(after)s::text IS NULL OR processes.id > %(after)s
ORDER BY processes.id
LIMIT %(limit)s

-- name: insert_process
INSERT INTO processes (id, snapshot, description, owner)
VALUES (%(id)s, %(snapshot)s, %(description)s, %(owner)s)
ON CONFLICT (id) DO NOTHING

-- name: replace_process
UPDATE processes SET snapshot = %(snapshot)s, description = %(description)s, deployed_at = now() WHERE id = %(id)s

-- name: remove_process
DELETE FROM processes WHERE id = %(id)s

-- name: offer_process
-- Deploys a process named in a setting. A process that a user deployed under the same id is left unchanged.
INSERT INTO processes (id, snapshot, description, location)
VALUES (%(id)s, %(snapshot)s, %(description)s, %(location)s)
ON CONFLICT (id) DO UPDATE SET
    snapshot = excluded.snapshot,
    description = excluded.description,
    location = excluded.location,
    deployed_at = CASE WHEN processes.snapshot = excluded.snapshot THEN processes.deployed_at ELSE now() END
WHERE processes.owner IS NULL

-- name: withdraw_processes
-- Removes the processes that the setting no longer names.
DELETE FROM processes WHERE owner IS NULL AND NOT location = ANY(%(locations)s)
