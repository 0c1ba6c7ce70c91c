-- A workflow as the Argo Server gives it; made here, in C, since a big one has tens of thousands of nodes.
SELECT json_object(
    'apiVersion', 'argoproj.io/v1alpha1',
    'kind', 'Workflow',
    'metadata', json_object(
        'name', w.name,
        'namespace', w.namespace,
        'uid', w.uid,
        'resourceVersion', CAST(w.revision AS TEXT),
        'creationTimestamp', w.created_at,
        'labels', json_patch(w.labels, json_object(
            'workflows.argoproj.io/phase', w.phase,
            'workflows.argoproj.io/completed', CASE WHEN w.finished_at IS NULL THEN 'false' ELSE 'true' END
        )),
        'annotations', json(w.annotations)
    ),
    'spec', json_patch(w.spec, json_object('shutdown', w.shutdown)),
    'status', json_patch('{}', json_object(
        'phase', w.phase,
        'message', w.message,
        'progress', w.progress,
        'startedAt', w.started_at,
        'finishedAt', w.finished_at,
        'nodes', (
            SELECT json_group_object(n.id, json_object(
                'id', n.id,
                'name', n.name,
                'displayName', n.display_name,
                'type', n.type,
                'phase', n.phase,
                'templateName', n.template,
                'templateScope', 'local/' || w.name,
                'boundaryID', n.boundary,
                'message', n.message,
                'progress', n.progress,
                'startedAt', n.started_at,
                'finishedAt', n.finished_at,
                'inputs', json(n.inputs),
                'outputs', json(n.outputs),
                'nodeFlag', CASE WHEN n.retried THEN json_object('retried', json('true')) END,
                'children', (
                    SELECT CASE WHEN count(*) > 0 THEN json_group_array(e.child) END
                    FROM edges e WHERE e.uid = n.uid AND e.parent = n.id
                )
            ))
            FROM nodes n WHERE n.uid = w.uid
        )
    ))
)
FROM workflows w
