"""What Kubernetes is to do for a task's pod that Argo has no field for, and how much disk a pod needs."""

from __future__ import annotations

from ogdc_shared.recipe.quantities import amount

POD_SPEC_PATCH = '{"enableServiceLinks": false}'
"""Keeps a variable for each port of each service of the namespace out of commands' environment."""

_ROOM = 1 << 30
"""Bytes of a pod's disk that are not the recipe's: Argo's executor (120 MB), logs, artifacts."""
_MEBIBYTE = 1 << 20


def pod_disk(scratch: str) -> str:
    """Return the disk limit of a pod in which commands may use `scratch`.

    Kubernetes also counts the disk space that Argo uses in the pod. Without room for that, a task would be
    evicted although its commands respected their limit.
    """
    return f"{-(-(amount(scratch) + _ROOM) // _MEBIBYTE)}Mi"
