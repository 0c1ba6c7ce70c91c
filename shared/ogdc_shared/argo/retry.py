"""When a failed task is retried, defined once for both Argo and the local engine."""

from __future__ import annotations

import re

from ogdc_shared.phases import Phase

RETRIED_EXIT_CODES = (-1, 75, 137, 143)
"""No exit code at all (the pod was lost), EX_TEMPFAIL from the worker, SIGKILL, SIGTERM."""

OUT_OF_MEMORY = "main: OOMKilled"
"""How Argo's message begins where a container outgrew its memory limit; it would do so again."""

OUT_OF_SCRATCH = "Usage of EmptyDir volume"
"""Beginning of the kubelet's message if a pod exceeded its scratch space; not retried either."""

OUT_OF_LOG = ("Container main exceeded its local ephemeral storage", "Pod ephemeral local storage usage")
"""The same if it exceeded the rest of its disk limit, which takes a very long log.

Source: pkg/kubelet/eviction/helpers.go and eviction_manager.go (localStorageEviction) of kubernetes.
"""

_FINAL = f"^({'|'.join((OUT_OF_MEMORY, OUT_OF_SCRATCH, *OUT_OF_LOG))})"
"""A pattern of the messages after which the next try would end the same way; for Go and for Python."""


def _expression(unless: str) -> str:
    return (
        f"!(lastRetry.message {unless}) && "
        f'(lastRetry.status == "Error" || asInt(lastRetry.exitCode) in {list(RETRIED_EXIT_CODES)})'
    )


RETRY_EXPRESSION = _expression(f'matches "{_FINAL}"')
"""A retryStrategy.expression of Argo (expr-lang): retries lost tasks and temporary failures only.

Source: docs/retries.md of argo-workflows (`lastRetry.exitCode` is text, "-1" if there is none).
"""

EARLIER_EXPRESSIONS = (_expression(f'startsWith "{OUT_OF_MEMORY}"'),)
"""Those of versions before, which workflows still have."""


def is_worth_retrying(*, phase: str, exit_code: int | None, message: str) -> bool:
    """Evaluate `RETRY_EXPRESSION` for a failed task.

    Args:
        phase: `Failed` or `Error`.
        exit_code: The main container's exit code, or None.
        message: In Argo's format, beginning with the container's name.
    """
    if re.search(_FINAL, message):
        return False
    return phase == Phase.ERROR or (-1 if exit_code is None else exit_code) in RETRIED_EXIT_CODES
