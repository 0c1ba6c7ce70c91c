"""The part of Argo's Workflow API that the engine knows, by kind of object.

What is listed as of no meaning is about pods and clusters: on one machine there is nothing to do for it.

Source: pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows.
"""

from __future__ import annotations

KNOWN = {
    "workflow": frozenset({"apiVersion", "kind", "metadata", "spec", "status"}),
    "metadata": frozenset({"name", "namespace", "labels", "annotations"}),
    "spec": frozenset(
        {"entrypoint", "templates", "volumes", "parallelism", "activeDeadlineSeconds", "ttlStrategy"}
        # Of no meaning on one machine:
        | {"podGC", "archiveLogs", "serviceAccountName", "automountServiceAccountToken", "executor"}
        | {"securityContext", "podMetadata", "priority", "imagePullSecrets", "nodeSelector", "tolerations"}
        | {"podSpecPatch"}  # but the one there is
    ),
    "ttl": frozenset({"secondsAfterCompletion", "secondsAfterSuccess", "secondsAfterFailure"}),
    "volume": frozenset({"name", "persistentVolumeClaim", "emptyDir", "secret"}),
    "secret": frozenset({"secretName"}),
    "claim": frozenset({"claimName", "readOnly"}),
    "template": frozenset(
        {"name", "inputs", "outputs", "container", "dag", "retryStrategy", "activeDeadlineSeconds"}
        | {"metadata"}  # one of its labels; the rest is of no meaning
        | {"archiveLocation", "nodeSelector", "tolerations", "securityContext"}  # of no meaning
    ),
    "dag": frozenset({"tasks", "failFast"}),
    "task": frozenset(
        {"name", "template", "depends", "dependencies", "arguments", "withSequence", "withParam"}
    ),
    "sequence": frozenset({"count", "start"}),
    "arguments": frozenset({"parameters"}),
    "parameter": frozenset({"name", "value", "default", "valueFrom"}),
    "valueFrom": frozenset({"path", "default"}),
    "inputs": frozenset({"parameters", "artifacts"}),
    "outputs": frozenset({"parameters", "artifacts"}),
    "artifact": frozenset({"name", "path", "s3", "archive", "mode", "optional"}),
    "s3": frozenset({"key"}),
    "archive": frozenset({"none", "tar"}),
    "container": frozenset(
        {"image", "command", "args", "env", "volumeMounts", "name"}
        | {"resources"}  # its limits; requests are of no meaning
        | {"imagePullPolicy", "securityContext"}  # of no meaning
    ),
    "resources": frozenset({"limits", "requests"}),
    "emptyDir": frozenset({"sizeLimit", "medium"}),
    "env": frozenset({"name", "value"}),
    "mount": frozenset({"name", "mountPath", "subPath", "readOnly"}),
    "retry": frozenset({"limit", "retryPolicy", "expression", "backoff"}),
    "backoff": frozenset({"duration", "factor", "cap"}),
}
