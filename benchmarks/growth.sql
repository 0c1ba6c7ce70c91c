-- The statements of growth_data.py.

-- name: users
INSERT INTO users (issuer, name) SELECT 'open', 'user-' || n FROM generate_series(0, %(users)s - 1) AS n;

-- name: recipes
INSERT INTO recipes (id, name) SELECT 'recipe-' || n, 'Recipe ' || n FROM generate_series(0, %(recipes)s - 1) AS n;

-- name: runs
INSERT INTO runs (
    id, name, recipe_id, recipe_path, snapshot, output_type, overwrite, partitions, input_files, submitted_by,
    submitted_at, idempotency_key, request_digest, manifest, handed_over_at, workflow_uid, resource_version, phase,
    message, progress, started_at, finished_at, heard_at, deleted_at, tasks_version, task_counts, partition_counts,
    output_removed_at, cancelled_at, announced
)
SELECT
    md5('run' || n)::uuid, 'recipe-' || recipe || '-' || substr(md5('name' || n), 1, 10), 'recipe-' || recipe,
    'github://data:recipes@main/recipe-' || recipe, repeat(md5('snapshot' || recipe), 2),
    CASE WHEN n %% 5 = 0 THEN 'temporary' ELSE 'pvc' END, true, 1, 1, users.id,
    at, CASE WHEN n %% 3 = 0 THEN md5('key' || n) END, md5('request' || n),
    json_build_object('metadata', json_build_object('labels', json_build_object('ogdc.org/reuse', md5('reuse' || recipe)))),
    at + interval '1 s', md5('uid' || n)::uuid::text, 1000 + n, phase,
    CASE WHEN phase IN ('Failed', 'Error') THEN 'process(0:0): command 2 ended with exit code 1' END, '2/2',
    CASE WHEN phase <> 'Pending' THEN at + interval '5 s' END,
    CASE WHEN ended THEN at + make_interval(secs => 30 + 4000 * power(u, 8)) END,
    CASE WHEN ended THEN at + interval '2 min' ELSE now() END,
    CASE WHEN ended AND at < now() - interval '2 days' THEN at + interval '2 days' END,
    1000 + n, '{"Succeeded": 2}', '{"Succeeded": 1}',
    CASE WHEN n %% 5 = 0 AND at < now() - interval '7 days' THEN at + interval '7 days' END,
    CASE WHEN phase = 'Failed' AND n %% 7 = 0 THEN at + interval '1 min' END,
    CASE WHEN ended THEN phase END
FROM (
    SELECT
        n, at, u, ended, recipe,
        CASE WHEN v < 0.9 THEN recipe %% %(users)s ELSE floor(%(users)s * v)::integer END AS usr,
        CASE
            WHEN NOT ended THEN CASE WHEN n %% 3 = 0 THEN 'Pending' ELSE 'Running' END
            WHEN n %% (%(all)s / 100) = 1 THEN 'Error'
            WHEN v < 0.02 THEN 'Failed'
            ELSE 'Succeeded'
        END AS phase
    FROM (
        SELECT
            n, now() - n * interval '1 day' / %(a_day)s AS at, n >= %(unfinished)s AS ended, u, v,
            floor(%(recipes)s * power(u, 3))::integer AS recipe
        FROM (
            SELECT
                n, (hashint8(n) & 2147483647) / 2147483648.0::float8 AS u,
                (hashint8(n + 1000000000) & 2147483647) / 2147483648.0::float8 AS v
            FROM generate_series(%(last)s::bigint - 1, %(first)s::bigint, -1) AS n
        ) AS drawn
    ) AS placed
) AS made
JOIN users ON users.name = 'user-' || usr
ORDER BY n DESC;

-- name: tasks
INSERT INTO tasks
SELECT
    md5('run' || n)::uuid, 'recipe-' || n || '-' || task, CASE task WHEN 0 THEN 'process(0:0)' ELSE 'publish' END,
    CASE task WHEN 0 THEN 'process' ELSE 'publish' END, CASE task WHEN 0 THEN 0 END, 'Succeeded', NULL, '1/1', 0,
    now() - n * interval '1 day' / %(a_day)s, now() - n * interval '1 day' / %(a_day)s + interval '20 s'
FROM generate_series(%(last)s::bigint - 1, %(first)s::bigint, -1) AS n, generate_series(0, %(tasks)s - 1) AS task;

-- name: audit
INSERT INTO audit (at, actor, action, object)
SELECT submitted_at, submitted_by, 'run.submit', name FROM runs
WHERE submitted_at <= now() - %(first)s * interval '1 day' / %(a_day)s
    AND submitted_at > now() - %(last)s * interval '1 day' / %(a_day)s
ORDER BY submitted_at;

-- name: rest
INSERT INTO triggers (name, owner, bucket, pattern, kinds, overwrite, pass_object)
SELECT 'trigger-' || n, (SELECT id FROM users WHERE name = 'user-' || n), 'uploads', n || '/*', '{}', true, true
FROM generate_series(0, 49) AS n;
INSERT INTO triggers (name, owner, pattern, kinds, overwrite, pass_object, schedule, recipe_path, due_at)
SELECT
    'schedule-' || n, (SELECT id FROM users WHERE name = 'user-' || n), '*', '{}', true, false, '0 3 * * *',
    'github://data:recipes@main/recipe-' || n, now() + interval '1 h'
FROM generate_series(0, 49) AS n;
INSERT INTO webhooks (owner, url, secret, outcomes)
SELECT id, 'https://example.org/hook', decode(repeat('ab', 32), 'hex'), '{succeeded,failed}' FROM users;
INSERT INTO uploads (trigger_id, trigger_name, bucket, key, etag, source, event_id, object, received_at, tried_at, outcome, run_id)
SELECT
    triggers.id, triggers.name, 'uploads', numbered.name, md5(numbered.name), 'minio', md5(numbered.name),
    '{"bucket": "uploads", "key": "a", "size": 1, "etag": "a", "version": null, "source": "minio", "event_id": "a", "time": null, "how": null, "store": "http://minio:9000"}',
    submitted_at,
    submitted_at, 'started', numbered.id
FROM (SELECT *, row_number() OVER (ORDER BY submitted_at) AS n FROM runs) AS numbered
JOIN triggers ON triggers.name = 'trigger-' || n %% 50
WHERE n %% 10 = 0;
INSERT INTO scheduled_starts (trigger_id, trigger_name, due_at, tried_at, outcome, run_id)
SELECT triggers.id, triggers.name, submitted_at, submitted_at, 'started', numbered.id
FROM (
    SELECT *, row_number() OVER (ORDER BY submitted_at) AS n FROM runs WHERE submitted_at > now() - interval '30 days'
) AS numbered
JOIN triggers ON triggers.name = 'schedule-' || n %% 50
WHERE n %% 10 = 5;
INSERT INTO deliveries (webhook_id, run_id, outcome, run, created_at, attempts, due_at, delivered_at)
SELECT webhooks.id, runs.id, 'succeeded', '{}', finished_at, 1, NULL, finished_at
FROM runs JOIN webhooks ON webhooks.owner = submitted_by
WHERE submitted_at > now() - interval '30 days' AND status = 'Succeeded';
INSERT INTO events (source, id, type, subject, received_at)
SELECT 'https://10.96.0.1:443', md5(name || n), 'dev.knative.apiserver.resource.update', name, submitted_at
FROM runs, generate_series(1, 10) AS n
WHERE submitted_at > now() - interval '7 days';
