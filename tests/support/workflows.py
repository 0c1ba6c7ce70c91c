"""A Workflow object with what every manifest and every state from Argo has in common."""

from __future__ import annotations

from typing import Any


def workflow_object(
    name: str,
    *,
    namespace: str = "ogdc",
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    **metadata: Any,
) -> dict[str, Any]:
    """Return a workflow; without a status it is a manifest."""
    made: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec or {},
    }
    return made if status is None else made | {"status": status}
