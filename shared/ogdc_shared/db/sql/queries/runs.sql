-- name: select_runs
-- The columns of a run. Follow this with one of the clauses below. A run's status differs from Argo's phase only if the
-- workflow was deleted before it ended.
SELECT
    runs.id,
    runs.name,
    runs.recipe_id,
    recipes.name AS recipe_name,
    runs.recipe_path,
    runs.snapshot,
    runs.output_type,
    runs.overwrite,
    runs.partitions,
    runs.input_files,
    runs.input_bytes,
    coalesce(users.display_name, users.name) AS submitted_by,
    runs.submitted_by AS owner_id,
    runs.submitted_at,
    runs.status,
    CASE WHEN runs.status = runs.phase THEN runs.message ELSE 'The workflow was deleted before it ended.' END
        AS message,
    runs.progress,
    runs.started_at,
    CASE WHEN runs.status = runs.phase THEN runs.finished_at ELSE runs.deleted_at END AS finished_at,
    runs.task_counts,
    runs.partition_counts,
    coalesce((runs.warnings ->> 'total')::integer, 0) AS warning_count,
    runs.package,
    runs.workflow_uid,
    runs.resource_version,
    runs.handed_over_at,
    runs.heard_at AS applied_at,
    runs.cancelled_at,
    runs.job_removed_at,
    runs.deleted_at,
    runs.removing,
    runs.logs_removed_at,
    runs.output_removed_at,
    runs.tasks_removed_at,
    runs.refresh_requested_at,
    runs.priority,
    runs.queued_at,
    runs.released_at,
    (SELECT true FROM uploads WHERE uploads.run_id = runs.id LIMIT 1) IS TRUE AS by_upload,
    (SELECT true FROM scheduled_starts WHERE scheduled_starts.run_id = runs.id LIMIT 1) IS TRUE AS by_schedule,
    extract(epoch FROM now() - greatest(runs.submitted_at, runs.handed_over_at, runs.heard_at, runs.asked_at))::float8
        AS silent_seconds
FROM runs
JOIN recipes ON recipes.id = runs.recipe_id
JOIN users ON users.id = runs.submitted_by

-- name: get_warnings
SELECT warnings::text FROM runs WHERE id = %(id)s AND warnings IS NOT NULL

-- name: get_parameters
SELECT parameters FROM runs WHERE id = %(id)s AND parameters IS NOT NULL

-- name: where_name
WHERE runs.name = %(name)s

-- name: where_page
WHERE (%(recipe_id)s::text IS NULL OR runs.recipe_id = %(recipe_id)s)
    AND (%(status)s::text IS NULL OR runs.status = %(status)s)
    AND (%(user_id)s::uuid IS NULL OR runs.submitted_by = %(user_id)s)
    AND (%(names_like)s::text IS NULL OR runs.name LIKE %(names_like)s)
    AND (
        %(before_time)s::timestamptz IS NULL
        OR (runs.submitted_at, runs.id) < (%(before_time)s, %(before_id)s::uuid)
    )
ORDER BY runs.submitted_at DESC, runs.id DESC
LIMIT %(limit)s

-- name: where_named
-- The runs of `WITH named AS (SELECT runs.id FROM runs <where_page>)`. Thousands of names may have the prefix, and the
-- newest of them are found in the index of names alone.
WHERE runs.id IN (SELECT id FROM named)
ORDER BY runs.submitted_at DESC, runs.id DESC

-- name: recipes_named
-- The recipes with the prefix, all of whose runs match, and the recipe of the stem, which has matching runs only if their
-- random part begins with the rest of the prefix.
SELECT id, slug = %(stem)s FROM recipes WHERE slug LIKE %(names_like)s OR slug = %(stem)s LIMIT %(most)s + 1

-- name: newest_of_recipes
SELECT page.id
FROM unnest(%(recipes)s::text[]) AS wanted (recipe_id)
CROSS JOIN LATERAL (
    SELECT runs.id, runs.submitted_at
    FROM (SELECT * FROM runs WHERE runs.recipe_id = wanted.recipe_id <some_names>) AS runs
    <where_page>
) AS page
ORDER BY page.submitted_at DESC, page.id DESC
LIMIT %(limit)s

-- name: some_names
-- The CASE keeps the planner from reading all names. Without it, the planner expects few runs of a recipe to match.
AND CASE WHEN runs.name LIKE %(names_like)s THEN true ELSE false END

-- name: where_jobs
WHERE runs.job_removed_at IS NULL
    AND (%(recipes)s::text[] IS NULL OR runs.recipe_id = ANY(%(recipes)s))
    AND (
        %(statuses)s::text[] IS NULL
        OR (runs.status = ANY(%(statuses)s) AND runs.cancelled_at IS NULL)
        OR (%(cancelled)s AND runs.cancelled_at IS NOT NULL)
    )
    AND (%(begin)s::timestamptz IS NULL OR runs.submitted_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR runs.submitted_at <= %(end)s)
    AND (
        %(min_seconds)s::float8 IS NULL
        OR coalesce(runs.finished_at, runs.deleted_at) - coalesce(runs.started_at, runs.submitted_at)
            >= make_interval(secs => %(min_seconds)s)
        OR (
            runs.status IN ('Pending', 'Running')
            AND now() - coalesce(runs.started_at, runs.submitted_at) >= make_interval(secs => %(min_seconds)s)
        )
    )
    AND (
        %(max_seconds)s::float8 IS NULL
        OR coalesce(runs.finished_at, runs.deleted_at) - coalesce(runs.started_at, runs.submitted_at)
            <= make_interval(secs => %(max_seconds)s)
        OR (
            runs.status IN ('Pending', 'Running')
            AND now() - coalesce(runs.started_at, runs.submitted_at) <= make_interval(secs => %(max_seconds)s)
        )
    )
    AND (
        %(before_time)s::timestamptz IS NULL
        OR (runs.submitted_at, runs.id) < (%(before_time)s, %(before_id)s::uuid)
    )
ORDER BY runs.submitted_at DESC, runs.id DESC
LIMIT %(limit)s

-- name: runs_to_reconcile
SELECT name FROM runs
WHERE (
        status IN ('Pending', 'Running')
        AND handed_over_at IS NOT NULL
        AND greatest(handed_over_at, heard_at, asked_at) < now() - make_interval(secs => %(silent_for)s)
    ) OR (
        refresh_requested_at IS NOT NULL
        AND deleted_at IS NULL
        AND (asked_at < refresh_requested_at OR asked_at < now() - make_interval(secs => %(silent_for)s)) IS NOT FALSE
    )
ORDER BY submitted_at

-- name: expired_outputs
-- The type (`outputs.policies.EXPIRING`) is a literal, as in the index that this query uses.
SELECT name FROM runs
WHERE output_type = 'temporary' AND status = 'Succeeded' AND output_removed_at IS NULL
    AND finished_at < now() - make_interval(secs => %(kept_for)s)
ORDER BY finished_at

-- name: record_output_removed
UPDATE runs SET output_removed_at = now() WHERE name = %(name)s

-- name: record_job_removed
UPDATE runs SET job_removed_at = now() WHERE name = %(name)s

-- name: claim_refresh
UPDATE runs SET asked_at = now()
WHERE name = %(name)s
    AND (
        (
            status IN ('Pending', 'Running')
            AND greatest(submitted_at, handed_over_at, heard_at, asked_at)
                < now() - make_interval(secs => %(silent_for)s)
        ) OR (
            refresh_requested_at IS NOT NULL
            AND deleted_at IS NULL
            AND (asked_at < refresh_requested_at OR asked_at < now() - make_interval(secs => %(silent_for)s)) IS NOT FALSE
        )
    )
