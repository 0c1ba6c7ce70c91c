"""Instances of tasks, their tries, and the inputs and outputs of their nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ogdc_local.engine.json_request import storable
from ogdc_local.engine.nodes import Node
from ogdc_local.engine.program import InputArtifact, OutputArtifact, PodTemplate, Retry, Task
from ogdc_local.engine.substitute import fill
from ogdc_shared.argo.retry import is_worth_retrying
from ogdc_shared.phases import FAILED_PHASES, Phase

_MAX_ITEMS = 100_000
_MAX_TRIES = 1_000
_POLICIES: Mapping[str, set[str]] = {
    Phase.FAILED: {"Always", "OnFailure"},
    Phase.ERROR: {"Always", "OnError"},
}


class PodResult(NamedTuple):
    """How a pod ended."""

    phase: str
    """Succeeded, Failed or Error."""
    message: str | None = None
    exit_code: int | None = None
    """Exit code of the command, or None if there is none."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Names and values of the output parameters."""
    optional: tuple[str, ...] = ()
    """Names of the optional artifacts that were stored."""

    def storable(self) -> PodResult:
        """Return it with all texts storable, since a task may have written anything."""
        return self._replace(
            message=None if self.message is None else storable(self.message),
            parameters=tuple((name, storable(value)) for name, value in self.parameters),
        )


class Instance:
    """One instance of a task: one pod, or several tries in sequence."""

    __slots__ = ("arguments", "name", "task", "tries")

    def __init__(self, task: Task, *, name: str, arguments: dict[str, str]) -> None:
        self.task = task
        self.name = name
        """Name of its node, without the number of the try."""
        self.arguments = arguments
        self.tries = 0
        """Number of started tries."""


class Attempt(NamedTuple):
    """One try of an instance, that is, one pod."""

    instance: Instance
    template: PodTemplate
    node: Node
    scope: dict[str, str]
    """Values of the tags in the template."""
    resumed: bool
    """Whether an engine was killed during this try; its log is continued."""


def instances_of(task: Task, *, path: str, scope: dict[str, str]) -> list[Instance]:
    """Return the instances of a task, named as Argo does.

    Args:
        task: The task.
        path: Name of the task's node.
        scope: Values of tags.

    Raises:
        ValueError: an output of an earlier task is not the expected number or list.
    """
    if not task.fans_out:
        return [Instance(task, name=path, arguments=_filled(task, scope))]
    return [
        Instance(task, name=f"{path}({index}:{item})", arguments=_filled(task, scope | {"item": str(item)}))
        for index, item in enumerate(_items(task, scope))
    ]


def refusal(retry: Retry, outcome: PodResult, *, tries: int) -> str | None:
    """Return why a failed pod is not retried; None if it is.

    Source: processNodeRetries in workflow/controller/operator.go of argo-workflows.
    """
    if retry.policy not in _POLICIES[outcome.phase]:
        return outcome.message
    if tries > (_MAX_TRIES if retry.limit is None else min(retry.limit, _MAX_TRIES)):
        return "No more retries left"
    if retry.selective and not is_worth_retrying(
        phase=outcome.phase, exit_code=outcome.exit_code, message=outcome.message or ""
    ):
        return "retryStrategy.expression evaluated to false"
    return None


def node_inputs(template: PodTemplate, scope: dict[str, str]) -> str | None:
    """Return the `inputs` of a pod node."""
    parameters = [(name, scope[f"inputs.parameters.{name}"]) for name in template.parameters]
    return _as_json({"parameters": _parameters(parameters), "artifacts": _artifacts(template.inputs, scope)})


def node_outputs(template: PodTemplate, scope: dict[str, str], outcome: PodResult) -> str | None:
    """Return the `outputs` of a pod node."""
    stored = tuple(
        artifact
        for artifact in template.outputs
        if (artifact.name in outcome.optional if artifact.optional else outcome.phase not in FAILED_PHASES)
    )
    return _as_json(
        {
            "exitCode": None if outcome.exit_code is None else str(outcome.exit_code),
            "parameters": _parameters(outcome.parameters),
            "artifacts": _artifacts(stored, scope),
        }
    )


def output_parameters(node: Node) -> dict[str, str]:
    """Return the output parameters of a pod node."""
    return {entry["name"]: entry["value"] for entry in json.loads(node.outputs or "{}").get("parameters", ())}


def _items(task: Task, scope: dict[str, str]) -> range | list[int]:
    """Return the numbers that a task fans out over."""
    if task.sequence is None:
        return _numbers(fill(task.numbers or "", scope))
    sequence = task.sequence
    start, count = (_number(fill(text, scope)) for text in sequence)
    if count > _MAX_ITEMS:
        raise ValueError(f"withSequence: {count} items are more than the {_MAX_ITEMS} of one task")
    return range(start, start + count)


def _numbers(text: str) -> list[int]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(type(each) is int and each >= 0 for each in found):
        raise ValueError(f"withParam: expected a JSON list of whole numbers, got {text[:80]!r}")
    if len(found) > _MAX_ITEMS:
        raise ValueError(f"withParam: {len(found)} items are more than the {_MAX_ITEMS} of one task")
    return found


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise ValueError(f"withSequence: expected a whole number, got {text[:80]!r}")
    return int(text)


def _filled(task: Task, scope: dict[str, str]) -> dict[str, str]:
    return {name: fill(value, scope) for name, value in task.arguments.items()}


def _parameters(parameters: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in parameters]


def _artifacts(
    artifacts: tuple[InputArtifact, ...] | tuple[OutputArtifact, ...], scope: dict[str, str]
) -> list[dict[str, Any]]:
    return [
        {"name": artifact.name, "path": artifact.path, "s3": {"key": fill(artifact.key, scope)}}
        for artifact in artifacts
    ]


def _as_json(fields: dict[str, Any]) -> str | None:
    found = {key: value for key, value in fields.items() if value}
    return json.dumps(found) if found else None
