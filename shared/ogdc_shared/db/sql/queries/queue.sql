-- name: lock_queue
-- Holds the lock until the transaction ends. It is a separate statement, so that the next one sees what the previous holder
-- committed.
SELECT pg_advisory_xact_lock(%(lock)s)

-- name: queue
-- The waiting runs in order. They are sorted by priority; then users take turns, and so do the recipes of each user. The user
-- with the fewest runs under way comes first, and among equals the user who had a turn the longest ago. `level` is the number
-- of runs that the user has under way once this run is. A run that would exceed its user's limit is `held`: it has a place
-- among held runs only and does not block others. A run that does not fit blocks those behind it, because smaller runs would
-- otherwise pass it forever. Follow this with `release` or `select_places`.
WITH unfinished AS MATERIALIZED (
    SELECT
        id, name, submitted_by, recipe_id, submitted_at, priority,
        least(coalesce(parallelism, 1), %(tasks)s) AS tasks,
        queued_at IS NOT NULL AND released_at IS NULL AND handed_over_at IS NULL AS waits
    FROM runs
    WHERE status IN ('Pending', 'Running')
), under_way AS (
    SELECT submitted_by, recipe_id, count(*)::integer AS runs, sum(tasks)::integer AS tasks FROM unfinished WHERE NOT waits
    GROUP BY submitted_by, recipe_id
), by_user AS MATERIALIZED (
    SELECT
        waiting.submitted_by,
        coalesce(under_way.runs, 0) AS runs,
        (SELECT max(released_at) FROM runs WHERE runs.submitted_by = waiting.submitted_by) AS last_turn
    FROM (SELECT DISTINCT submitted_by FROM unfinished WHERE waits) AS waiting
    LEFT JOIN (SELECT submitted_by, sum(runs)::integer AS runs FROM under_way GROUP BY submitted_by) AS under_way
        USING (submitted_by)
), by_recipe AS MATERIALIZED (
    SELECT
        waiting.submitted_by, waiting.recipe_id,
        coalesce(under_way.runs, 0) AS runs,
        (
            SELECT max(released_at) FROM runs
            WHERE runs.submitted_by = waiting.submitted_by AND runs.recipe_id = waiting.recipe_id
        ) AS last_turn
    FROM (SELECT DISTINCT submitted_by, recipe_id FROM unfinished WHERE waits) AS waiting
    LEFT JOIN under_way USING (submitted_by, recipe_id)
), of_recipe AS (
    SELECT unfinished.*, row_number() OVER (
        PARTITION BY submitted_by, recipe_id ORDER BY priority DESC, submitted_at, id
    ) AS turn
    FROM unfinished
    WHERE waits
), of_user AS (
    SELECT of_recipe.*, row_number() OVER (
        PARTITION BY submitted_by
        ORDER BY priority DESC, by_recipe.runs + turn, turn, by_recipe.last_turn NULLS FIRST, submitted_at, id
    ) AS user_turn
    FROM of_recipe JOIN by_recipe USING (submitted_by, recipe_id)
), levelled AS (
    SELECT of_user.*, by_user.runs + user_turn AS level, by_user.last_turn
    FROM of_user JOIN by_user USING (submitted_by)
), queue AS MATERIALIZED (
    SELECT
        id, name, level > %(user_runs)s AS held,
        row_number() OVER ordered AS place,
        (SELECT coalesce(sum(runs), 0) FROM under_way) + row_number() OVER ordered AS runs,
        (SELECT coalesce(sum(tasks), 0) FROM under_way) + sum(tasks) OVER ordered AS tasks
    FROM levelled
    WINDOW ordered AS (
        PARTITION BY level > %(user_runs)s
        ORDER BY priority DESC, level, user_turn, last_turn NULLS FIRST, submitted_at, id
    )
)

-- name: release
-- The times follow the order of the queue, because they decide who has the next turn.
UPDATE runs SET released_at = clock_timestamp() + queue.place * interval '1 microsecond'
FROM queue
WHERE runs.id = queue.id
    AND NOT queue.held AND queue.runs <= %(runs)s AND queue.tasks <= %(tasks)s
    AND runs.released_at IS NULL AND runs.handed_over_at IS NULL AND runs.phase = 'Pending'
RETURNING runs.name

-- name: select_places
SELECT name, held, place - 1 AS before, runs <= %(runs)s AS tasks_alone FROM queue

-- name: digest
-- A digest of everything that places depend on: which runs wait, which are under way, and their priorities.
SELECT count(*), bit_xor(hashtextextended(
    id::text, priority * 2 + (queued_at IS NOT NULL AND released_at IS NULL AND handed_over_at IS NULL)::integer
))
FROM runs
WHERE status IN ('Pending', 'Running')

-- name: anybody_waits
SELECT EXISTS (
    SELECT FROM runs
    WHERE status IN ('Pending', 'Running')
        AND queued_at IS NOT NULL AND released_at IS NULL AND handed_over_at IS NULL
)

-- name: count_under_way
SELECT
    count(*), coalesce(sum(least(coalesce(parallelism, 1), %(tasks)s)), 0),
    count(*) FILTER (WHERE submitted_by = (SELECT submitted_by FROM runs WHERE name = %(name)s)),
    (SELECT least(coalesce(parallelism, 1), %(tasks)s) FROM runs WHERE name = %(name)s)
FROM runs
WHERE status IN ('Pending', 'Running') AND name <> %(name)s
    AND (queued_at IS NULL OR released_at IS NOT NULL OR handed_over_at IS NOT NULL)
