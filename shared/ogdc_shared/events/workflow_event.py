"""Parsing events of the Kubernetes API about workflows."""

from __future__ import annotations

from typing import Any, NamedTuple

from ogdc_shared.argo.state import WorkflowState, read_workflow
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.events.cloudevents import Event

_CHANGED = frozenset({"dev.knative.apiserver.resource.add", "dev.knative.apiserver.resource.update"})
_DELETED = "dev.knative.apiserver.resource.delete"
_REFERENCE = "dev.knative.apiserver.ref."


class WorkflowDeletion(NamedTuple):
    """A workflow that is gone, as it was when it went."""

    last: WorkflowState


class ReferenceEvent(NamedTuple):
    """A workflow that has changed; the event does not contain its new state."""

    name: str
    namespace: str


def read_workflow_event(event: Event) -> WorkflowState | WorkflowDeletion | ReferenceEvent | None:
    """Read what `event` says about a workflow; return None if it is about something else.

    Raises:
        InvalidRequestError: it is about a workflow, but its data are not a Workflow object.

    Source: knative/eventing pkg/apis/sources/register.go (types), pkg/adapter/apiserver/events/events.go (the
        data are the object in Resource mode, an ObjectReference in Reference mode).
    """
    if not _is_workflow(event.data):
        return None
    if event.type.startswith(_REFERENCE):
        return _read_reference(event.data)
    if event.type != _DELETED and event.type not in _CHANGED:
        return None
    try:
        state = read_workflow(event.data)
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"The event's data are not a Workflow object: {exc}") from exc
    return WorkflowDeletion(state) if event.type == _DELETED else state


def _read_reference(reference: dict[str, Any]) -> ReferenceEvent:
    name, namespace = reference.get("name"), reference.get("namespace")
    if not isinstance(name, str) or not isinstance(namespace, str):
        raise InvalidRequestError(f"The event's data do not name a workflow: {reference!r:.200}")
    return ReferenceEvent(name, namespace)


def _is_workflow(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and data.get("kind") == "Workflow"
        and str(data.get("apiVersion", "")).startswith("argoproj.io/")
    )
