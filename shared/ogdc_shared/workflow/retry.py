"""When a task is worth another try, said once for Argo and once for the local engine."""

from __future__ import annotations

RETRIED_EXIT_CODES = (-1, 75, 137, 143)
"""No exit code at all (the pod was lost), EX_TEMPFAIL from the worker, SIGKILL, SIGTERM."""

OUT_OF_MEMORY = "main: OOMKilled"
"""How Argo's message begins where a container outgrew its memory limit; it would do so again."""

RETRY_EXPRESSION = (
    f'!(lastRetry.message startsWith "{OUT_OF_MEMORY}") && '
    f'(lastRetry.status == "Error" || asInt(lastRetry.exitCode) in {list(RETRIED_EXIT_CODES)})'
)
"""A retryStrategy.expression of Argo (expr-lang): what was lost or failed in passing, not a failing command.

Source: docs/retries.md of argo-workflows (`lastRetry.exitCode` is text, "-1" where there is none).
"""


def is_worth_retrying(*, phase: str, exit_code: int | None, message: str) -> bool:
    """Say of a failed task what `RETRY_EXPRESSION` says of it.

    Args:
        phase: `Failed` or `Error`.
        exit_code: The main container's; None where there is none.
        message: As Argo would write it, with the name of the container in front.
    """
    if message.startswith(OUT_OF_MEMORY):
        return False
    return phase == "Error" or (-1 if exit_code is None else exit_code) in RETRIED_EXIT_CODES
