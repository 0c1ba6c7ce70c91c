"""Argo's names of pods, derived from the names of nodes."""

from __future__ import annotations

from collections.abc import Iterator

_FNV_OFFSET, _FNV_PRIME = 2166136261, 16777619
_FNV_INVERSE = pow(_FNV_PRIME, -1, 1 << 32)
_MAX_POD_PREFIX = 242
_MAX_ATTEMPTS = 30
"""More than a task is usually attempted."""


def pod_name(workflow: str, *, node: str, template: str) -> str:
    """The name of a pod, which the logs are given by.

    Source: GeneratePodName in workflow/util/pod_name.go of argo-workflows (version 2).
    """
    return f"{f'{workflow}-{template}'[:_MAX_POD_PREFIX]}-{fnv1a(node)}"


def fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash that Argo makes its ids with."""
    value = _FNV_OFFSET
    for byte in text.encode():
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFF
    return value


def node_hashes(pod: int) -> Iterator[int]:
    """Yield the hashes that the node of a task may have, from the hash in the name of its pod.

    The pod of a template with retries has the node `NODE(ATTEMPT)`, that of another one has the node itself.
    FNV-1a can be computed backwards because its prime is odd.
    """
    for attempt in range(_MAX_ATTEMPTS):
        value = pod
        for byte in reversed(f"({attempt})".encode()):
            value = (value * _FNV_INVERSE & 0xFFFFFFFF) ^ byte
        yield value
    yield pod
