"""Argo's names of pods, derived from the names of nodes."""

from __future__ import annotations

_FNV_OFFSET, _FNV_PRIME = 2166136261, 16777619
_MAX_POD_PREFIX = 242


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
