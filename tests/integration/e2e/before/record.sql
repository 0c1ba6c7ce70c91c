SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.events (
    source text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    subject text,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.recipes (
    id text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.runs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    recipe_id text NOT NULL,
    recipe_path text,
    snapshot text NOT NULL,
    output_type text NOT NULL,
    overwrite boolean NOT NULL,
    partitions integer,
    submitted_by uuid NOT NULL,
    submitted_at timestamp with time zone DEFAULT now() NOT NULL,
    idempotency_key text,
    request_digest text,
    manifest jsonb NOT NULL,
    handed_over_at timestamp with time zone,
    workflow_uid text,
    resource_version bigint DEFAULT 0 NOT NULL,
    phase text DEFAULT 'Pending'::text NOT NULL,
    message text,
    progress text,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    heard_at timestamp with time zone,
    asked_at timestamp with time zone,
    deleted_at timestamp with time zone,
    status text GENERATED ALWAYS AS (
CASE
    WHEN ((deleted_at IS NOT NULL) AND (phase = ANY (ARRAY['Pending'::text, 'Running'::text]))) THEN 'Error'::text
    ELSE phase
END) STORED NOT NULL,
    tasks_version bigint DEFAULT 0 NOT NULL,
    task_counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    output_removed_at timestamp with time zone,
    input_files bigint,
    input_bytes bigint,
    partition_counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    ask_since timestamp with time zone,
    warnings jsonb,
    waiting text,
    stopped_for text,
    CONSTRAINT runs_output_type_check CHECK ((output_type = ANY (ARRAY['pvc'::text, 'temporary'::text, 'dataone'::text]))),
    CONSTRAINT runs_partitions_check CHECK ((partitions > 0)),
    CONSTRAINT runs_phase_check CHECK ((phase = ANY (ARRAY['Pending'::text, 'Running'::text, 'Succeeded'::text, 'Failed'::text, 'Error'::text])))
);
CREATE TABLE public.tasks (
    run_id uuid NOT NULL,
    node_id text NOT NULL,
    name text NOT NULL,
    template text NOT NULL,
    partition integer,
    phase text NOT NULL,
    message text,
    progress text,
    exit_code integer,
    started_at timestamp with time zone,
    finished_at timestamp with time zone
);
CREATE TABLE public.triggers (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    owner uuid NOT NULL,
    bucket text NOT NULL,
    pattern text NOT NULL,
    kinds text[] NOT NULL,
    recipe_path text,
    overwrite boolean NOT NULL,
    pass_object boolean NOT NULL,
    base_url text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.uploads (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    trigger_id uuid,
    trigger_name text NOT NULL,
    bucket text NOT NULL,
    key text NOT NULL,
    etag text,
    version text,
    source text NOT NULL,
    event_id text NOT NULL,
    object jsonb NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    tried_at timestamp with time zone DEFAULT now() NOT NULL,
    outcome text DEFAULT 'waiting'::text NOT NULL,
    message text,
    run_id uuid,
    CONSTRAINT uploads_outcome_check CHECK ((outcome = ANY (ARRAY['waiting'::text, 'started'::text, 'refused'::text])))
);
CREATE TABLE public.users (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    issuer text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '8a251a5e-d058-406b-b725-8918ab687c3d', 'dev.knative.apiserver.resource.add', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/done-temporary-tu74tll6ld', '2026-11-27 06:57:06.833416+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '31984c06-47d8-4ac8-a632-f7f990492bab', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/done-temporary-tu74tll6ld', '2026-11-27 06:57:07.325331+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '79f19a24-5fe9-4bd4-bd6c-45c4f95d374e', 'dev.knative.apiserver.resource.add', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/done-published-ncusxpp4bo', '2026-11-27 06:57:08.173257+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', 'aebb7581-3dd5-46ea-ba8b-0200c341c5af', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/done-published-ncusxpp4bo', '2026-11-27 06:57:08.542767+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', 'beed3e1e-8ee9-4d84-8b67-50a6fceeb2ef', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/done-published-ncusxpp4bo', '2026-11-27 06:57:08.77205+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '8e3ac03f-9f75-4540-8379-c1022e563e39', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/done-published-ncusxpp4bo', '2026-11-27 06:57:08.863303+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '0b68bf92-fa2f-4c4b-a6a7-6374d67c003e', 'dev.knative.apiserver.resource.add', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/failed-swzitaytsf', '2026-11-27 06:57:10.400836+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '96b3fd6d-1a7a-443f-bb8e-2dd1541c1a5e', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/failed-swzitaytsf', '2026-11-27 06:57:10.940873+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '539e8844-2a8d-4d00-ad9e-6373063619c6', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/failed-swzitaytsf', '2026-11-27 06:57:10.959064+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', 'b9c3ebf4-46e1-4059-ba9e-382f41be7ac7', 'dev.knative.apiserver.resource.add', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/under-way-yuhwgmighx', '2026-11-27 06:57:12.598257+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '44975e59-e7bb-4086-aa0c-957c1da514d0', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/under-way-yuhwgmighx', '2026-11-27 06:57:12.739964+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', '553753af-7189-4aa8-9257-d52c01637657', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/under-way-yuhwgmighx', '2026-11-27 06:57:12.876896+00');
INSERT INTO public.events VALUES ('/ogdc-runner/engine/local', 'a8f322d6-7c7f-48a5-9f56-ef0c44803fcd', 'dev.knative.apiserver.resource.update', '/apis/argoproj.io/v1alpha1/namespaces/local/workflows/under-way-yuhwgmighx', '2026-11-27 06:57:13.857121+00');
INSERT INTO public.migrations VALUES ('0001_runs', 'e94b72140b3961f0333aee7bf1fdcbfdb623d339d646b45ab38a6be451b29890', '2026-11-27 06:57:03.101224+00');
INSERT INTO public.migrations VALUES ('0002_removed_outputs', 'cc66e0c281bc0fcb346766e7dbf2f16a5291664e5f4e10e4faaba321b6f13a6f', '2026-11-27 06:57:03.101224+00');
INSERT INTO public.migrations VALUES ('0003_partitions', 'b62a3d9367b58dcf78c14ccee714889cdb81d8ff62b24b6de9ef092e6ad2d72b', '2026-11-27 06:57:03.101224+00');
INSERT INTO public.migrations VALUES ('0004_triggers', '021cc1b0e81896e6089dfeb2cab49732bbf53f591725e50baf8eff519d18e5b2', '2026-11-27 06:57:03.101224+00');
INSERT INTO public.migrations VALUES ('0005_ask_argo', '618d77960028f162c2f18e0522047f8850248398d218ea464399bd14542fe1a5', '2026-11-27 06:57:03.101224+00');
INSERT INTO public.migrations VALUES ('0006_warnings', '9b0079358c46158a35f8da3476db886bbcf56d03a316de31eb8dbf5dda65ea77', '2026-11-27 06:57:03.101224+00');
INSERT INTO public.migrations VALUES ('0007_reasons', 'd04e6bc1d519172ae15514a2343d978dde3c27114f418efb5f146345f970246d', '2026-11-27 06:57:03.101224+00');
INSERT INTO public.recipes VALUES ('done-temporary', 'done-temporary', '2026-11-27 06:57:06.727174+00');
INSERT INTO public.recipes VALUES ('done-published', 'done-published', '2026-11-27 06:57:08.0986+00');
INSERT INTO public.recipes VALUES ('failed', 'failed', '2026-11-27 06:57:10.315306+00');
INSERT INTO public.recipes VALUES ('under-way', 'under-way', '2026-11-27 06:57:12.572088+00');
INSERT INTO public.runs VALUES ('5c114a65-ff4c-4780-bbc4-df59e0eb0e89', 'done-temporary-tu74tll6ld', 'done-temporary', NULL, '3e1245823d977fd60ec1201a7fe415d19febdfe901ca11dc4773747d3556de29', 'temporary', false, 1, '72638a66-1cc5-4a7e-9faa-30e92786489e', '2026-11-27 06:57:06.727174+00', 'fef95597-a7d9-464c-b91e-097feee77c38', '320d97014a8212ff720c81a871638d0c38c022d22a1463d7095f9a5e4361e04a', '{"kind": "Workflow", "spec": {"podGC": {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "24h"}, "volumes": [{"name": "workflow", "persistentVolumeClaim": {"claimName": "workflow"}}, {"name": "scratch", "emptyDir": {"sizeLimit": "10Gi"}}], "executor": {"serviceAccountName": "argo-workflow"}, "templates": [{"dag": {"tasks": [{"name": "process", "template": "process", "arguments": {"parameters": [{"name": "partition", "value": "{{item}}"}]}, "withSequence": {"count": "1"}}, {"name": "publish", "depends": "process", "template": "publish", "arguments": {"parameters": [{"name": "partitions", "value": "1"}]}}]}, "name": "main"}, {"name": "process", "inputs": {"artifacts": [{"s3": {"key": "runs/done-temporary-tu74tll6ld/plan.json"}, "name": "plan", "path": "/ogdc/plan.json", "archive": {"none": {}}}, {"s3": {"key": "runs/done-temporary-tu74tll6ld/partitions/{{inputs.parameters.partition}}.json"}, "name": "partition", "path": "/ogdc/partition.json", "archive": {"none": {}}}, {"s3": {"key": "recipes/3e1245823d977fd60ec1201a7fe415d19febdfe901ca11dc4773747d3556de29.tar.gz"}, "name": "recipe", "path": "/ogdc/recipe"}], "parameters": [{"name": "partition"}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["process", "plan=963d672e5a2d8f6de78a0b5a5b7a04c2e36b290eb885ed7e485fc9dced4e0c56", "partition={{inputs.parameters.partition}}", "partitions=5ff75856b08b569c3749ba6a92e3dc9e98b6f5b6297807504b85c60fd36ce6d5"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "workflow", "subPath": ".ogdc/runs/done-temporary-tu74tll6ld/{{inputs.parameters.partition}}", "mountPath": "/mnt/workflow"}, {"name": "workflow", "subPath": ".ogdc/runs/done-temporary-tu74tll6ld/{{inputs.parameters.partition}}/input_dir", "mountPath": "/input_dir"}, {"name": "workflow", "subPath": ".ogdc/runs/done-temporary-tu74tll6ld/{{inputs.parameters.partition}}/output_dir", "mountPath": "/output_dir"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}, {"name": "publish", "inputs": {"parameters": [{"name": "partitions"}]}, "outputs": {"artifacts": [{"s3": {"key": "runs/done-temporary-tu74tll6ld/output/done-temporary.zip"}, "name": "output", "path": "/tmp/ogdc-output.zip", "archive": {"none": {}}}], "parameters": [{"name": "warnings", "valueFrom": {"path": "/tmp/ogdc-warnings", "default": ""}}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["publish", "--run", "done-temporary-tu74tll6ld", "--recipe-id", "done-temporary", "--partitions", "{{inputs.parameters.partitions}}", "--output", "temporary", "--rights", "u+rwX,go+rX"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "workflow", "mountPath": "/mnt/workflow"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}], "entrypoint": "main", "archiveLogs": true, "parallelism": 5, "ttlStrategy": {"secondsAfterFailure": 1209600, "secondsAfterSuccess": 604800}, "podSpecPatch": "{\"enableServiceLinks\": false}", "securityContext": {"fsGroup": 1000, "runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroupChangePolicy": "OnRootMismatch"}, "serviceAccountName": "argo-workflow", "activeDeadlineSeconds": 86400, "automountServiceAccountToken": false}, "metadata": {"name": "done-temporary-tu74tll6ld", "labels": {"ogdc/run": "done-temporary-tu74tll6ld", "ogdc/recipe-id": "done-temporary", "ogdc/persist-workflow-in-archive": "true"}, "namespace": "local", "annotations": {"ogdc/traceparent": "00-c0fbc3ed0532f70917855ea68f89331d-bb2b3ac72061ab97-01"}}, "apiVersion": "argoproj.io/v1alpha1"}', '2026-11-27 06:57:06.781917+00', '099b6179-8c05-4caa-b4b6-12f00e5f28e3', 6, 'Succeeded', NULL, '2/2', '2026-11-27 06:57:06.783+00', '2026-11-27 06:57:07.309+00', '2026-11-27 06:57:07.325331+00', NULL, NULL, DEFAULT, 6, '{"Succeeded": 2}', NULL, 1, 11, '{"Succeeded": 1}', NULL, '{"first": [], "total": 0}', NULL, NULL);
INSERT INTO public.runs VALUES ('58b83922-5e20-4396-a143-d310eb4b9e6f', 'under-way-yuhwgmighx', 'under-way', NULL, '7f031ee6a84d3c2844ae3304b39f86c32f21d9f8e92f8e719d0dcf060847d153', 'pvc', false, 3, '72638a66-1cc5-4a7e-9faa-30e92786489e', '2026-11-27 06:57:12.572088+00', '67da7928-f083-453b-a6f4-59bf03f5c8e7', '75647805eff1ee130ebab9238503474533ec1d9c6cb59b1b815f4ab937831a5a', '{"kind": "Workflow", "spec": {"podGC": {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "24h"}, "volumes": [{"name": "workflow", "persistentVolumeClaim": {"claimName": "workflow"}}, {"name": "input-0", "persistentVolumeClaim": {"claimName": "flags"}}, {"name": "scratch", "emptyDir": {"sizeLimit": "10Gi"}}], "executor": {"serviceAccountName": "argo-workflow"}, "templates": [{"dag": {"tasks": [{"name": "list", "template": "list"}, {"name": "process", "depends": "list", "template": "process", "arguments": {"parameters": [{"name": "partition", "value": "{{item}}"}, {"name": "digest", "value": "{{tasks.list.outputs.parameters.digest}}"}]}, "withSequence": {"count": "{{tasks.list.outputs.parameters.partitions}}"}}, {"name": "publish", "depends": "list && process", "template": "publish", "arguments": {"parameters": [{"name": "partitions", "value": "{{tasks.list.outputs.parameters.partitions}}"}]}}]}, "name": "main"}, {"name": "list", "inputs": {"artifacts": [{"s3": {"key": "runs/under-way-yuhwgmighx/plan.json"}, "name": "plan", "path": "/ogdc/plan.json", "archive": {"none": {}}}]}, "outputs": {"artifacts": [{"s3": {"key": "runs/under-way-yuhwgmighx/partitions.json"}, "name": "division", "path": "/tmp/ogdc-division.json", "archive": {"none": {}}}, {"s3": {"key": "runs/under-way-yuhwgmighx/partitions"}, "name": "partitions", "path": "/tmp/ogdc-manifests", "archive": {"none": {}}}], "parameters": [{"name": "partitions", "valueFrom": {"path": "/tmp/ogdc-partitions"}}, {"name": "files", "valueFrom": {"path": "/tmp/ogdc-files"}}, {"name": "bytes", "valueFrom": {"path": "/tmp/ogdc-bytes"}}, {"name": "digest", "valueFrom": {"path": "/tmp/ogdc-digest"}}, {"name": "warnings", "valueFrom": {"path": "/tmp/ogdc-warnings", "default": ""}}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["list", "plan=7d46b62ee1fbecf5e74fa28c3701ad305b3acab301eac7788c3e36fd6b0dd6d4"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "input-0", "readOnly": true, "mountPath": "/mnt/data/flags"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}, {"name": "process", "inputs": {"artifacts": [{"s3": {"key": "runs/under-way-yuhwgmighx/plan.json"}, "name": "plan", "path": "/ogdc/plan.json", "archive": {"none": {}}}, {"s3": {"key": "runs/under-way-yuhwgmighx/partitions/{{inputs.parameters.partition}}.json"}, "name": "partition", "path": "/ogdc/partition.json", "archive": {"none": {}}}, {"s3": {"key": "recipes/7f031ee6a84d3c2844ae3304b39f86c32f21d9f8e92f8e719d0dcf060847d153.tar.gz"}, "name": "recipe", "path": "/ogdc/recipe"}], "parameters": [{"name": "partition"}, {"name": "digest"}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["process", "plan=7d46b62ee1fbecf5e74fa28c3701ad305b3acab301eac7788c3e36fd6b0dd6d4", "partition={{inputs.parameters.partition}}", "partitions={{inputs.parameters.digest}}"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "workflow", "subPath": ".ogdc/runs/under-way-yuhwgmighx/{{inputs.parameters.partition}}", "mountPath": "/mnt/workflow"}, {"name": "workflow", "subPath": ".ogdc/runs/under-way-yuhwgmighx/{{inputs.parameters.partition}}/input_dir", "mountPath": "/input_dir"}, {"name": "workflow", "subPath": ".ogdc/runs/under-way-yuhwgmighx/{{inputs.parameters.partition}}/output_dir", "mountPath": "/output_dir"}, {"name": "input-0", "readOnly": true, "mountPath": "/mnt/data/flags"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}, {"name": "publish", "inputs": {"parameters": [{"name": "partitions"}]}, "outputs": {"parameters": [{"name": "warnings", "valueFrom": {"path": "/tmp/ogdc-warnings", "default": ""}}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["publish", "--run", "under-way-yuhwgmighx", "--recipe-id", "under-way", "--partitions", "{{inputs.parameters.partitions}}", "--output", "pvc", "--rights", "u+rwX,go+rX"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "workflow", "mountPath": "/mnt/workflow"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}], "entrypoint": "main", "archiveLogs": true, "parallelism": 2, "ttlStrategy": {"secondsAfterFailure": 1209600, "secondsAfterSuccess": 86400}, "podSpecPatch": "{\"enableServiceLinks\": false}", "securityContext": {"fsGroup": 1000, "runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroupChangePolicy": "OnRootMismatch"}, "serviceAccountName": "argo-workflow", "activeDeadlineSeconds": 86400, "automountServiceAccountToken": false}, "metadata": {"name": "under-way-yuhwgmighx", "labels": {"ogdc/run": "under-way-yuhwgmighx", "ogdc/fail-fast": "true", "ogdc/recipe-id": "under-way", "ogdc/persist-workflow-in-archive": "true"}, "namespace": "local", "annotations": {"ogdc/traceparent": "00-78aab60841ec2f862356ae661ac75342-a0dd0fd00da47c11-01"}}, "apiVersion": "argoproj.io/v1alpha1"}', '2026-11-27 06:57:12.598278+00', 'ec6e4955-f0e1-496f-9378-4e71d3f84bb5', 20, 'Running', NULL, '3/5', '2026-11-27 06:57:12.594+00', NULL, '2026-11-27 06:57:13.857121+00', NULL, NULL, DEFAULT, 20, '{"Running": 2, "Succeeded": 1}', NULL, 3, 6, '{"Running": 2}', NULL, '{"first": [], "total": 0}', NULL, NULL);
INSERT INTO public.runs VALUES ('9a3e2417-9608-4039-87e9-15518a17ee89', 'done-published-ncusxpp4bo', 'done-published', NULL, '620f2d3263623df89d6bcffd1ecae70a887487f7432e8fe305131d047c0c9370', 'pvc', false, 1, '72638a66-1cc5-4a7e-9faa-30e92786489e', '2026-11-27 06:57:08.0986+00', 'bca91f1a-6905-4add-ac19-fdad61858669', '8d816fca4d19789c7d2bd0129498b7707822ea46f33d7e18b78dd7b5a7c49a0e', '{"kind": "Workflow", "spec": {"podGC": {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "24h"}, "volumes": [{"name": "workflow", "persistentVolumeClaim": {"claimName": "workflow"}}, {"name": "scratch", "emptyDir": {"sizeLimit": "10Gi"}}], "executor": {"serviceAccountName": "argo-workflow"}, "templates": [{"dag": {"tasks": [{"name": "process", "template": "process", "arguments": {"parameters": [{"name": "partition", "value": "{{item}}"}]}, "withSequence": {"count": "1"}}, {"name": "publish", "depends": "process", "template": "publish", "arguments": {"parameters": [{"name": "partitions", "value": "1"}]}}]}, "name": "main"}, {"name": "process", "inputs": {"artifacts": [{"s3": {"key": "runs/done-published-ncusxpp4bo/plan.json"}, "name": "plan", "path": "/ogdc/plan.json", "archive": {"none": {}}}, {"s3": {"key": "runs/done-published-ncusxpp4bo/partitions/{{inputs.parameters.partition}}.json"}, "name": "partition", "path": "/ogdc/partition.json", "archive": {"none": {}}}, {"s3": {"key": "recipes/620f2d3263623df89d6bcffd1ecae70a887487f7432e8fe305131d047c0c9370.tar.gz"}, "name": "recipe", "path": "/ogdc/recipe"}], "parameters": [{"name": "partition"}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["process", "plan=769e1f9d2ca8eaec548ddc9accd2fd4962e2345b25833938f294674f63e8486f", "partition={{inputs.parameters.partition}}", "partitions=5ff75856b08b569c3749ba6a92e3dc9e98b6f5b6297807504b85c60fd36ce6d5"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "workflow", "subPath": ".ogdc/runs/done-published-ncusxpp4bo/{{inputs.parameters.partition}}", "mountPath": "/mnt/workflow"}, {"name": "workflow", "subPath": ".ogdc/runs/done-published-ncusxpp4bo/{{inputs.parameters.partition}}/input_dir", "mountPath": "/input_dir"}, {"name": "workflow", "subPath": ".ogdc/runs/done-published-ncusxpp4bo/{{inputs.parameters.partition}}/output_dir", "mountPath": "/output_dir"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}, {"name": "publish", "inputs": {"parameters": [{"name": "partitions"}]}, "outputs": {"parameters": [{"name": "warnings", "valueFrom": {"path": "/tmp/ogdc-warnings", "default": ""}}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["publish", "--run", "done-published-ncusxpp4bo", "--recipe-id", "done-published", "--partitions", "{{inputs.parameters.partitions}}", "--output", "pvc", "--rights", "u+rwX,go+rX"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "workflow", "mountPath": "/mnt/workflow"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}], "entrypoint": "main", "archiveLogs": true, "parallelism": 5, "ttlStrategy": {"secondsAfterFailure": 1209600, "secondsAfterSuccess": 86400}, "podSpecPatch": "{\"enableServiceLinks\": false}", "securityContext": {"fsGroup": 1000, "runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroupChangePolicy": "OnRootMismatch"}, "serviceAccountName": "argo-workflow", "activeDeadlineSeconds": 86400, "automountServiceAccountToken": false}, "metadata": {"name": "done-published-ncusxpp4bo", "labels": {"ogdc/run": "done-published-ncusxpp4bo", "ogdc/recipe-id": "done-published", "ogdc/persist-workflow-in-archive": "true"}, "namespace": "local", "annotations": {"ogdc/traceparent": "00-95bcda65879f2db6b583c9ea8c08dbef-eda61f4dcc790726-01"}}, "apiVersion": "argoproj.io/v1alpha1"}', '2026-11-27 06:57:08.173257+00', '35144172-5829-4fd0-93d5-68dd4d3adbe4', 11, 'Succeeded', NULL, '2/2', '2026-11-27 06:57:08.156+00', '2026-11-27 06:57:08.846+00', '2026-11-27 06:57:08.863303+00', NULL, NULL, DEFAULT, 11, '{"Succeeded": 2}', NULL, 1, 11, '{"Succeeded": 1}', NULL, '{"first": [], "total": 0}', NULL, NULL);
INSERT INTO public.runs VALUES ('45261b23-3096-493e-ad9b-35ac8e08b6e7', 'failed-swzitaytsf', 'failed', NULL, '27bb2794d8eaaa584a67aa33afb236207e15d00b6fd08fee4d2c83cb425732df', 'pvc', false, 1, '72638a66-1cc5-4a7e-9faa-30e92786489e', '2026-11-27 06:57:10.315306+00', 'c990f6b7-aa0a-44ac-8b2e-74471338af6d', 'a8697374cfd651f78d2e04c3c6530509921b18ff3324ecc1157173eaa8eccefa', '{"kind": "Workflow", "spec": {"podGC": {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "24h"}, "volumes": [{"name": "workflow", "persistentVolumeClaim": {"claimName": "workflow"}}, {"name": "input-0", "persistentVolumeClaim": {"claimName": "flags"}}, {"name": "scratch", "emptyDir": {"sizeLimit": "10Gi"}}], "executor": {"serviceAccountName": "argo-workflow"}, "templates": [{"dag": {"tasks": [{"name": "list", "template": "list"}, {"name": "process", "depends": "list", "template": "process", "arguments": {"parameters": [{"name": "partition", "value": "{{item}}"}, {"name": "digest", "value": "{{tasks.list.outputs.parameters.digest}}"}]}, "withSequence": {"count": "{{tasks.list.outputs.parameters.partitions}}"}}, {"name": "publish", "depends": "list && process", "template": "publish", "arguments": {"parameters": [{"name": "partitions", "value": "{{tasks.list.outputs.parameters.partitions}}"}]}}]}, "name": "main"}, {"name": "list", "inputs": {"artifacts": [{"s3": {"key": "runs/failed-swzitaytsf/plan.json"}, "name": "plan", "path": "/ogdc/plan.json", "archive": {"none": {}}}]}, "outputs": {"artifacts": [{"s3": {"key": "runs/failed-swzitaytsf/partitions.json"}, "name": "division", "path": "/tmp/ogdc-division.json", "archive": {"none": {}}}, {"s3": {"key": "runs/failed-swzitaytsf/partitions"}, "name": "partitions", "path": "/tmp/ogdc-manifests", "archive": {"none": {}}}], "parameters": [{"name": "partitions", "valueFrom": {"path": "/tmp/ogdc-partitions"}}, {"name": "files", "valueFrom": {"path": "/tmp/ogdc-files"}}, {"name": "bytes", "valueFrom": {"path": "/tmp/ogdc-bytes"}}, {"name": "digest", "valueFrom": {"path": "/tmp/ogdc-digest"}}, {"name": "warnings", "valueFrom": {"path": "/tmp/ogdc-warnings", "default": ""}}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["list", "plan=ee112ccbdd1eb333e4afd88fc571642b6cb3cfeda5a020db393f166aeb97c4a8"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "input-0", "readOnly": true, "mountPath": "/mnt/data/flags"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}, {"name": "process", "inputs": {"artifacts": [{"s3": {"key": "runs/failed-swzitaytsf/plan.json"}, "name": "plan", "path": "/ogdc/plan.json", "archive": {"none": {}}}, {"s3": {"key": "runs/failed-swzitaytsf/partitions/{{inputs.parameters.partition}}.json"}, "name": "partition", "path": "/ogdc/partition.json", "archive": {"none": {}}}, {"s3": {"key": "recipes/27bb2794d8eaaa584a67aa33afb236207e15d00b6fd08fee4d2c83cb425732df.tar.gz"}, "name": "recipe", "path": "/ogdc/recipe"}], "parameters": [{"name": "partition"}, {"name": "digest"}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["process", "plan=ee112ccbdd1eb333e4afd88fc571642b6cb3cfeda5a020db393f166aeb97c4a8", "partition={{inputs.parameters.partition}}", "partitions={{inputs.parameters.digest}}"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "workflow", "subPath": ".ogdc/runs/failed-swzitaytsf/{{inputs.parameters.partition}}", "mountPath": "/mnt/workflow"}, {"name": "workflow", "subPath": ".ogdc/runs/failed-swzitaytsf/{{inputs.parameters.partition}}/input_dir", "mountPath": "/input_dir"}, {"name": "workflow", "subPath": ".ogdc/runs/failed-swzitaytsf/{{inputs.parameters.partition}}/output_dir", "mountPath": "/output_dir"}, {"name": "input-0", "readOnly": true, "mountPath": "/mnt/data/flags"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}, {"name": "publish", "inputs": {"parameters": [{"name": "partitions"}]}, "outputs": {"parameters": [{"name": "warnings", "valueFrom": {"path": "/tmp/ogdc-warnings", "default": ""}}]}, "metadata": {"labels": {"ogdc/network": "none"}}, "container": {"args": ["publish", "--run", "failed-swzitaytsf", "--recipe-id", "failed", "--partitions", "{{inputs.parameters.partitions}}", "--output", "pvc", "--rights", "u+rwX,go+rX"], "image": "ghcr.io/qgreenland-net/ogdc-worker:latest", "command": ["ogdc-worker"], "resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "11264Mi"}, "requests": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "11264Mi"}}, "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}, {"name": "workflow", "mountPath": "/mnt/workflow"}], "imagePullPolicy": "IfNotPresent", "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false}}}], "entrypoint": "main", "archiveLogs": true, "parallelism": 5, "ttlStrategy": {"secondsAfterFailure": 1209600, "secondsAfterSuccess": 86400}, "podSpecPatch": "{\"enableServiceLinks\": false}", "securityContext": {"fsGroup": 1000, "runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroupChangePolicy": "OnRootMismatch"}, "serviceAccountName": "argo-workflow", "activeDeadlineSeconds": 86400, "automountServiceAccountToken": false}, "metadata": {"name": "failed-swzitaytsf", "labels": {"ogdc/run": "failed-swzitaytsf", "ogdc/fail-fast": "true", "ogdc/recipe-id": "failed", "ogdc/persist-workflow-in-archive": "true"}, "namespace": "local", "annotations": {"ogdc/traceparent": "00-ec10e61f6db69e44622fd4f698ca54d1-e3d9e0e39f57f7dd-01"}}, "apiVersion": "argoproj.io/v1alpha1"}', '2026-11-27 06:57:10.400836+00', 'a7311528-82ce-4ac1-9d96-70d2a0967aaa', 16, 'Failed', 'command 2 of 2 failed with exit code 1: grep ok /mnt/data/flags/flags/flag.txt > /output_dir/result.txt', '2/3', '2026-11-27 06:57:10.396+00', '2026-11-27 06:57:10.904+00', '2026-11-27 06:57:10.959064+00', NULL, NULL, DEFAULT, 16, '{"Failed": 1, "Succeeded": 1}', NULL, 1, 3, '{"Failed": 1}', NULL, '{"first": [], "total": 0}', NULL, NULL);
INSERT INTO public.tasks VALUES ('5c114a65-ff4c-4780-bbc4-df59e0eb0e89', 'done-temporary-tu74tll6ld-2807658636', 'process(0:0)', 'process', 0, 'Succeeded', NULL, '1/1', 0, '2026-11-27 06:57:06.783+00', '2026-11-27 06:57:07.021+00');
INSERT INTO public.tasks VALUES ('5c114a65-ff4c-4780-bbc4-df59e0eb0e89', 'done-temporary-tu74tll6ld-919489401', 'publish', 'publish', NULL, 'Succeeded', NULL, '1/1', 0, '2026-11-27 06:57:07.021+00', '2026-11-27 06:57:07.309+00');
INSERT INTO public.tasks VALUES ('9a3e2417-9608-4039-87e9-15518a17ee89', 'done-published-ncusxpp4bo-1703206051', 'process(0:0)', 'process', 0, 'Succeeded', NULL, '1/1', 0, '2026-11-27 06:57:08.156+00', '2026-11-27 06:57:08.543+00');
INSERT INTO public.tasks VALUES ('9a3e2417-9608-4039-87e9-15518a17ee89', 'done-published-ncusxpp4bo-407370760', 'publish', 'publish', NULL, 'Succeeded', NULL, '1/1', 0, '2026-11-27 06:57:08.543+00', '2026-11-27 06:57:08.846+00');
INSERT INTO public.tasks VALUES ('45261b23-3096-493e-ad9b-35ac8e08b6e7', 'failed-swzitaytsf-1673857071', 'list', 'list', NULL, 'Succeeded', NULL, '1/1', 0, '2026-11-27 06:57:10.396+00', '2026-11-27 06:57:10.64+00');
INSERT INTO public.tasks VALUES ('45261b23-3096-493e-ad9b-35ac8e08b6e7', 'failed-swzitaytsf-2497623885', 'process(0:0)', 'process', 0, 'Failed', 'command 2 of 2 failed with exit code 1: grep ok /mnt/data/flags/flags/flag.txt > /output_dir/result.txt', '1/2', 1, '2026-11-27 06:57:10.641+00', '2026-11-27 06:57:10.904+00');
INSERT INTO public.tasks VALUES ('58b83922-5e20-4396-a143-d310eb4b9e6f', 'under-way-yuhwgmighx-3495598413', 'list', 'list', NULL, 'Succeeded', NULL, '1/1', 0, '2026-11-27 06:57:12.594+00', '2026-11-27 06:57:12.825+00');
INSERT INTO public.tasks VALUES ('58b83922-5e20-4396-a143-d310eb4b9e6f', 'under-way-yuhwgmighx-4020961315', 'process(1:1)', 'process', 1, 'Running', NULL, '1/2', NULL, '2026-11-27 06:57:12.825+00', NULL);
INSERT INTO public.tasks VALUES ('58b83922-5e20-4396-a143-d310eb4b9e6f', 'under-way-yuhwgmighx-3586539999', 'process(0:0)', 'process', 0, 'Running', NULL, '1/2', NULL, '2026-11-27 06:57:12.825+00', NULL);
INSERT INTO public.users VALUES ('72638a66-1cc5-4a7e-9faa-30e92786489e', 'open', 'root', '2026-11-27 06:57:06.577252+00');
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (source, id);
ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.recipes
    ADD CONSTRAINT recipes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_name_key UNIQUE (name);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_submitted_by_idempotency_key_key UNIQUE (submitted_by, idempotency_key);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (run_id, node_id);
ALTER TABLE ONLY public.triggers
    ADD CONSTRAINT triggers_name_key UNIQUE (name);
ALTER TABLE ONLY public.triggers
    ADD CONSTRAINT triggers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_issuer_name_key UNIQUE (issuer, name);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE INDEX events_by_time ON public.events USING btree (received_at);
CREATE INDEX runs_by_recipe ON public.runs USING btree (recipe_id, submitted_at, id);
CREATE INDEX runs_by_time ON public.runs USING btree (submitted_at, id);
CREATE INDEX runs_by_user ON public.runs USING btree (submitted_by, submitted_at, id);
CREATE INDEX runs_to_ask ON public.runs USING btree (ask_since) WHERE (ask_since IS NOT NULL);
CREATE INDEX runs_unfinished ON public.runs USING btree (submitted_at) WHERE (status = ANY (ARRAY['Pending'::text, 'Running'::text]));
CREATE INDEX runs_with_output ON public.runs USING btree (finished_at) WHERE ((output_type = 'temporary'::text) AND (status = 'Succeeded'::text) AND (output_removed_at IS NULL));
CREATE INDEX triggers_by_bucket ON public.triggers USING btree (bucket);
CREATE INDEX uploads_by_object ON public.uploads USING btree (trigger_id, bucket, md5(key));
CREATE INDEX uploads_by_run ON public.uploads USING btree (run_id);
CREATE INDEX uploads_by_time ON public.uploads USING btree (trigger_id, received_at);
CREATE INDEX uploads_waiting ON public.uploads USING btree (tried_at) WHERE (outcome = 'waiting'::text);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_recipe_id_fkey FOREIGN KEY (recipe_id) REFERENCES public.recipes(id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_submitted_by_fkey FOREIGN KEY (submitted_by) REFERENCES public.users(id);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.triggers
    ADD CONSTRAINT triggers_owner_fkey FOREIGN KEY (owner) REFERENCES public.users(id);
ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_trigger_id_fkey FOREIGN KEY (trigger_id) REFERENCES public.triggers(id) ON DELETE SET NULL;
