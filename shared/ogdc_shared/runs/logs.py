"""What a run's tasks printed."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from itertools import chain

from ogdc_shared.context import Context
from ogdc_shared.errors import ArgoUnavailableError, OutputUnavailableError
from ogdc_shared.runs.read import recorded_run
from ogdc_shared.telemetry.tracing import Scope, current, within

_log = logging.getLogger(__name__)


def run_logs(context: Context, name: str, *, tail: int | None = None) -> Iterator[bytes]:
    """Return the log of a run as it comes: blocks of whole lines in UTF-8, each `[task] text`.

    Should Argo fail half-way, the last line says so.

    Args:
        context: Where Argo is.
        name: The run's.
        tail: Only so many lines, the last.

    Raises:
        UnknownRunError: there is no run of that name.
        OutputUnavailableError: Argo has the workflow no longer.
        ArgoUnavailableError: Argo does not answer.
    """
    run = recorded_run(context, name)
    if run.deleted_at is not None:
        raise OutputUnavailableError(
            f"The logs of run {name} went with its workflow, {run.deleted_at:%Y-%m-%d %H:%M} UTC.",
            expired=True,
        )
    blocks = context.argo.logs(name, tail=tail)
    first = next(blocks, b"")
    lines = _traced(chain([first], blocks), scope=current())
    return lines if tail is None else iter([_last_lines(lines, tail)])


def _traced(blocks: Iterator[bytes], *, scope: Scope) -> Iterator[bytes]:
    """Hand on blocks, mostly after the request that they are for has left its scope."""
    try:
        yield from blocks
    except ArgoUnavailableError as exc:
        with within(scope.trace, **scope.fields):
            _log.warning("logs broke off: %s", exc)
        yield f"[ogdc-runner] The log breaks off here: {exc}\n".encode()


def _last_lines(blocks: Iterator[bytes], count: int) -> bytes:
    lines = (line for block in blocks for line in block.removesuffix(b"\n").split(b"\n") if block)
    return b"".join(line + b"\n" for line in deque(lines, maxlen=count))
