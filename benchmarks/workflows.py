"""Workflow objects as reported by Argo, from start to end.

They have the size and structure of what an ApiServerSource sends: the manifest from submit, the additions of
the Kubernetes API, and two nodes for each task, because templates have a retryStrategy. Argo compresses the
nodes of a workflow that would be larger than a mebibyte.

Source: pkg/apis/workflow/v1alpha1/workflow_types.go (WorkflowStatus, NodeStatus) of argo-workflows, and
workflow/packer/packer.go.
"""

from __future__ import annotations

import base64
import gzip
import json
import uuid
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.site import NAMESPACE
from ogdc_shared.config import ArgoSettings, Settings
from ogdc_shared.workflow.build import build_workflow
from ogdc_shared.workflow.facts import RecipeFacts

COMPRESSED_FROM = 1 << 20
"""Bytes of the object in JSON; MAX_WORKFLOW_SIZE of Argo's controller."""

_SETTINGS = Settings(argo=ArgoSettings(namespace=NAMESPACE))
_LIFE = ("Pending", "Running", "Running", "Succeeded")
"""What events say of a pod: that it is there, that it runs, its progress, its end."""
_PROGRESS = ("0/4", "0/4", "2/4", "4/4")
_BEGUN = "2026-11-22T10:00:00Z"
_ENDED = "2026-11-22T10:01:30Z"

_Object = dict[str, Any]


class Workflow:
    """A run's workflow, of which any moment can be made.

    Attributes:
        name: Its own and the run's.
        moments: How many there are, from the first event to the last.
    """

    def __init__(self, name: str, *, partitions: int, uid: str | None = None) -> None:
        self.name = name
        self._partitions = partitions
        self._uid = uid or str(uuid.uuid4())
        self._manifest = build_workflow(
            name=name,
            recipe=RecipeFacts(recipe_id="benchmark", snapshot="0" * 64),
            partitions=partitions,
            settings=_SETTINGS,
        )
        self.moments = (partitions + 1) * len(_LIFE) + 1

    def at(self, moment: int, *, version: int | None = None) -> _Object:
        """Return the object as it is at a moment, which is its resourceVersion unless another is given.

        One partition after the other goes through its life, then `publish` does.
        """
        over = moment >= self.moments - 1
        phase = "Succeeded" if over else "Running"
        status: _Object = {
            "phase": phase,
            "startedAt": _BEGUN,
            "finishedAt": _ENDED if over else None,
            "progress": f"{min(moment // len(_LIFE), self._partitions + 1)}/{self._partitions + 1}",
            "artifactRepositoryRef": {"artifactRepository": {}, "default": True},
            "conditions": [{"status": str(not over), "type": "PodRunning"}],
            "nodes": {node["id"]: node for node in self._nodes(moment, phase=phase)},
        }
        workflow = {**self._manifest, "metadata": self._metadata(version or moment + 1), "status": status}
        return _compressed(workflow) if _size(workflow) > COMPRESSED_FROM else workflow

    def _metadata(self, version: int) -> _Object:
        owned = _owned(
            {"metadata": {"labels": self._manifest["metadata"]["labels"]}, "spec": {}, "status": {}}
        )
        metadata: _Object = self._manifest["metadata"]
        return metadata | {
            "uid": self._uid,
            "resourceVersion": str(version),
            "generation": version,
            "creationTimestamp": _BEGUN,
            "managedFields": [
                {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": owned,
                    "manager": manager,
                    "operation": "Update",
                    "time": _BEGUN,
                }
                for manager in ("argo", "workflow-controller")
            ],
        }

    def _nodes(self, moment: int, *, phase: str) -> Iterator[_Object]:
        tasks = [
            task
            for number in range(self._partitions)
            if (task := self._task(f"process({number}:{number})", step=moment - number * len(_LIFE)))
        ]
        last = self._task("publish", step=moment - self._partitions * len(_LIFE))
        group = self._id("process")
        yield self._node(self.name, "DAG", template="main", phase=phase) | {"children": [group]}
        yield self._node("process", "TaskGroup", template="process", phase=phase) | {
            "children": [task[0]["id"] for task in tasks]
        }
        for task in [*tasks, last]:
            yield from task

    def _task(self, name: str, *, step: int) -> Sequence[_Object]:
        """Make the Retry and the Pod node of a task, `step` events after it began; none where it has not."""
        if step < 0:
            return ()
        step = min(step, len(_LIFE) - 1)
        template, _, number = name.rstrip(")").partition("(")
        facts = {
            "finishedAt": _ENDED if _LIFE[step] == "Succeeded" else None,
            "progress": _PROGRESS[step],
            "resourcesDuration": {"cpu": 9, "memory": 190},
            "inputs": self._inputs(template, partition=number.partition(":")[0]),
        }
        ended = {"outputs": self._outputs(name)} if _LIFE[step] == "Succeeded" else {}
        pod = self._node(f"{name}(0)", "Pod", template=template, phase=_LIFE[step])
        pod |= (
            facts
            | ended
            | {"nodeFlag": {"retried": True}, "hostNodeName": "node-a", "taskResultSynced": True}
        )
        phase = "Succeeded" if ended else "Running"
        retry = self._node(name, "Retry", template=template, phase=phase)
        return retry | facts | ended | {"children": [pod["id"]]}, pod

    def _inputs(self, template: str, *, partition: str) -> _Object:
        if template == "publish":
            return {"parameters": [{"name": "partitions", "value": str(self._partitions)}]}
        keys = {"plan": "plan.json", "partition": f"partitions/{partition}.json"}
        return {
            "parameters": [{"name": "partition", "value": partition}],
            "artifacts": [
                {
                    "name": name,
                    "path": f"/ogdc/{name}.json",
                    "s3": {"key": f"runs/{self.name}/{key}"},
                    "archive": {"none": {}},
                }
                for name, key in keys.items()
            ],
        }

    def _outputs(self, name: str) -> _Object:
        log = f"{self.name}/{self._id(name)}/main.log"
        return {"artifacts": [{"name": "main-logs", "s3": {"key": log}}], "exitCode": "0"}

    def _node(self, name: str, kind: str, *, template: str, phase: str) -> _Object:
        return {
            "id": self._id(name),
            "name": name if name == self.name else f"{self.name}.{name}",
            "displayName": name,
            "type": kind,
            "templateName": template,
            "templateScope": f"local/{self.name}",
            "phase": phase,
            "boundaryID": self.name,
            "startedAt": _BEGUN,
            "finishedAt": None,
        }

    def _id(self, name: str) -> str:
        return self.name if name == self.name else f"{self.name}-{zlib.crc32(name.encode())}"


def _owned(value: object) -> _Object:
    """Name the fields of an object as `managedFields` does."""
    return {f"f:{key}": _owned(inner) for key, inner in value.items()} if isinstance(value, dict) else {}


def _compressed(workflow: _Object) -> _Object:
    status = dict(workflow["status"])
    nodes = json.dumps(status.pop("nodes"), separators=(",", ":")).encode()
    packed = base64.b64encode(gzip.compress(nodes, compresslevel=6)).decode()
    return {**workflow, "status": {**status, "compressedNodes": packed}}


def _size(workflow: _Object) -> int:
    return len(json.dumps(workflow, separators=(",", ":")))
