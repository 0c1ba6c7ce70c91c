"""Explaining messages of Argo and Kubernetes about tasks: what a task waits for, or which limit it exceeded.

Source: workflow/controller of argo-workflows 4.1 (operator.go: getPendingReason, inferFailedReason,
exec_control.go); pkg/kubelet of kubernetes (eviction/helpers.go, active_deadline.go).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from ogdc_shared.argo.retry import OUT_OF_LOG, OUT_OF_MEMORY, OUT_OF_SCRATCH
from ogdc_shared.layout import NOT_VISIBLE, PROCESS, PUBLISH
from ogdc_shared.outputs.output_type import OutputType
from ogdc_shared.outputs.policies import OutputPolicy, policy_of
from ogdc_shared.phases import FAILED_PHASES
from ogdc_shared.shortening import shortened

_SHUT_DOWN = r"workflow shutdown with strategy|Stopped with strategy"
_TOO_LONG = (
    r"Step exceeded its deadline|retry exceeded workflow deadline"
    r"|Pod was active on the node longer than the specified deadline|Workflow exceeded its deadline"
)
_STOPPED = r"workflow shutdown with strategy: +\w+|Step exceeded its deadline"
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_WAITING = (
    (
        r"(?:ImagePullBackOff|ErrImagePull|ErrImageNeverPull|InvalidImageName)(?:: )?",
        "its image cannot be pulled",
    ),
    (r"CreateContainer(?:Config)?Error(?:: )?", "its container cannot be made"),
    (r"Unschedulable: (?=.*(?i:volume))", "a volume that it needs is not there or not bound"),
    (r"Unschedulable(?:: )?", "no node has room for it now"),
    (r"(?=.*exceeded quota)", "the namespace's quota is used up"),
    (r"(?:PodInitializing|ContainerCreating): ", "its container is being made"),
)
_PREEMPTION = re.compile(r"\.? (?:no new claims to deallocate, )?preemption: .*", re.DOTALL)
"""What the scheduler adds: that no other pod was to make way, once more for each node."""
_MAX_LENGTH = 400


class Limits(NamedTuple):
    """Limits of a workflow's tasks, as written in the workflow; None if missing."""

    timeout: int | None = None
    """Seconds of the whole run."""
    memory: str | None = None
    """Of one task."""
    scratch: str | None = None


def read_limits(spec: dict[str, Any], template: str = PROCESS) -> Limits:
    """Read those of a template's tasks from a Workflow's spec, whatever of it is there."""
    process = next((each for each in _objects(spec, "templates") if each.get("name") == template), {})
    scratch = next((each for each in _objects(spec, "volumes") if each.get("name") == "scratch"), {})
    limits = _object(_object(_object(process, "container"), "resources"), "limits")
    timeout = spec.get("activeDeadlineSeconds")
    return Limits(
        timeout=timeout if isinstance(timeout, int) else None,
        memory=_text(limits, "memory"),
        scratch=_text(_object(scratch, "emptyDir"), "sizeLimit"),
    )


def waits_for(message: str | None) -> str | None:
    """Return what a pod that has not started waits for; None if it is just starting."""
    if not message or message in _STARTING:
        return None
    for pattern, words in _WAITING:
        if match := re.match(pattern, message):
            detail = _PREEMPTION.sub("", message[match.end() :]).strip()
            return shortened(f"{words}: {detail}" if detail else words, _MAX_LENGTH)
    return shortened(message, _MAX_LENGTH)


def ended_by(message: str, limits: Limits, progress: str | None = None) -> str:
    """Return why a pod has failed.

    Args:
        message: Argo's message.
        limits: The pod's limits.
        progress: Its progress, as `done/total`.
    """
    for pattern, words in _ENDINGS:
        if match := re.match(pattern, message):
            return words(message[match.end() :].strip(), limits, progress)
    return message


def is_cut_off(message: str | None) -> bool:
    """Whether a pod was ended because its time was over, not by anything it did."""
    return bool(message and re.match(_TOO_LONG, message))


def may_have_left(phase: str, message: str | None, spec: dict[str, Any], *, ran: bool) -> str | None:
    """Return what a `publish` that was stopped may have left; None if nothing.

    If no pod of it is known to have run (`ran`), and none is known to have ended, it was waiting for one.

    A zip is only offered if its run has succeeded.

    Only the worker itself knows. Argo does not wait for it: when a workflow is terminated, the nodes of its
    pods fail at once, and the pods may go on for their grace period.
    """
    if phase not in FAILED_PHASES or NOT_VISIBLE in (message or ""):
        return None
    if not ran and re.fullmatch(_STOPPED, message or ""):
        return None
    policy = _output_policy(spec)
    if policy and policy.is_zip:
        return None
    at_node = ", and a part of its package at the member node," if policy and policy.to_node else ""
    return (
        f"It was publishing, so its result may be in place{at_node} although the run does not offer it. "
        "ogdc-runner retry completes it."
    )


def _output_policy(spec: dict[str, Any]) -> OutputPolicy | None:
    """Read the type of output from the arguments of a workflow's `publish`; None if it is not there."""
    publish = next((each for each in _objects(spec, "templates") if each.get("name") == PUBLISH), {})
    arguments = _object(publish, "container").get("args")
    if not isinstance(arguments, list):
        return None
    output = dict(pairwise(arguments)).get("--output", "")
    return policy_of(output) if output in {*OutputType} else None


def _failed(message: str, _limits: Limits, _progress: str | None) -> str:
    return message


def _failed_silently(message: str, _limits: Limits, _progress: str | None) -> str:
    return f"The task failed without a word: {message}"


def _argos_failed(message: str, _limits: Limits, _progress: str | None) -> str:
    return (
        f"Argo's own part of the task failed, not the recipe: {message} — "
        "Try again with ogdc-runner retry; if it fails so again, the operator has to look at it."
    )


def _killed(message: str, _limits: Limits, _progress: str | None) -> str:
    """The worker itself, which had no time to say so."""
    at = f" {message.removeprefix('It was ')}" if message else ""
    return (
        f"The task's worker was killed (SIGKILL){at} — by one of the recipe's own commands, or by the kernel "
        "for want of memory (workflow.resources.memory asks for more)."
    )


def _out_of_memory(message: str, limits: Limits, _progress: str | None) -> str:
    """The worker may have lived to say which command it was."""
    if "workflow.resources.memory" in message:
        return message
    lack = f"more memory than it may have{_given(limits.memory)}"
    advice = "Ask for more with workflow.resources.memory in meta.yml."
    return f"{message} — it needed {lack}. {advice}" if message else f"The task needed {lack}. {advice}"


def _out_of_scratch(_message: str, limits: Limits, progress: str | None) -> str:
    return (
        f"The task used more disk than the scratch space it may have{_given(limits.scratch)}"
        f"{_reached(progress)}. Ask for more with workflow.resources.scratch in meta.yml."
    )


def _out_of_log(_message: str, _limits: Limits, progress: str | None) -> str:
    """Explain an eviction for disk use. The kubelet checks scratch space first, so it was not the cause."""
    return (
        "The task wrote more to disk beside its scratch space than there is room for, most likely to its log"
        f"{_reached(progress)}. Have its commands write less to stdout and stderr, or to a file in /tmp."
    )


def _too_long(message: str, limits: Limits, progress: str | None) -> str:
    """Explain a timeout. On one machine the message has the worker's last words, with the current command."""
    at = message.partition("stopped from outside, ")[2].removesuffix(".")
    seconds = None if limits.timeout is None else f"{limits.timeout} s"
    return (
        f"The run took longer than it may{_given(seconds)} and was stopped"
        f"{f' {at}' if at else _reached(progress)}. "
        "Give it more time with workflow.timeout in meta.yml."
    )


def _shut_down(_message: str, _limits: Limits, _progress: str | None) -> str:
    return "The run was stopped before it had ended."


def _node_was_low(message: str, _limits: Limits, _progress: str | None) -> str:
    return f"The machine that the task ran on had too little left for it ({message})"


_ENDINGS: tuple[tuple[str, Callable[[str, Limits, str | None], str]], ...] = (
    (r"main: Error \(exit code 137\)(?:: (?=It was at )|\Z)", _killed),
    (r"main: Error \(exit code \d+\): ", _failed),
    (r"main: (?=Error \(exit code \d+\)\Z)", _failed_silently),
    (r"(?:init|wait): (?:Error \(exit code \d+\): )?", _argos_failed),
    (rf"{OUT_OF_MEMORY} \(exit code \d+\)(?:: )?", _out_of_memory),
    (OUT_OF_SCRATCH, _out_of_scratch),
    ("|".join(OUT_OF_LOG), _out_of_log),
    (_TOO_LONG, _too_long),
    (_SHUT_DOWN, _shut_down),
    (r"The node (?:was low on resource|had condition): ", _node_was_low),
)
"""How a message begins, and what makes words of the rest."""


def _given(limit: str | None) -> str:
    return "" if limit is None else f" ({limit})"


def _reached(progress: str | None) -> str:
    return f" when {progress} of its work was done" if progress else ""


def _objects(fields: dict[str, Any], key: str) -> list[dict[str, Any]]:
    values = fields.get(key)
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def _object(fields: dict[str, Any], key: str) -> dict[str, Any]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _text(fields: dict[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) and value else None
