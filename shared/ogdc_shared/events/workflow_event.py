"""What an event of the Kubernetes API says about a workflow."""

from __future__ import annotations

from typing import Any, NamedTuple

from ogdc_shared.argo.state import WorkflowState, read_workflow
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.events.cloudevents import Event

_CHANGED = frozenset({"dev.knative.apiserver.resource.add", "dev.knative.apiserver.resource.update"})
_DELETED = "dev.knative.apiserver.resource.delete"


class WorkflowDeletion(NamedTuple):
    """A workflow that is gone, as it was when it went."""

    last: WorkflowState


def read_workflow_event(event: Event) -> WorkflowState | WorkflowDeletion | None:
    """Read what `event` says about a workflow; None where it is about something else.

    Raises:
        InvalidRequestError: it is about a workflow and its data are no Workflow object.

    Source: knative/eventing pkg/apis/sources/v1/apiserver_types.go (event types in Resource mode).
    """
    if event.type != _DELETED and event.type not in _CHANGED:
        return None
    if not _is_workflow(event.data):
        return None
    try:
        state = read_workflow(event.data)
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"The event's data are no Workflow object: {exc}") from exc
    return WorkflowDeletion(state) if event.type == _DELETED else state


def _is_workflow(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and data.get("kind") == "Workflow"
        and str(data.get("apiVersion", "")).startswith("argoproj.io/")
    )
