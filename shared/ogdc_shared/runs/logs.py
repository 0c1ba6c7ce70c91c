"""What a run's tasks printed."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from itertools import chain

from ogdc_shared.argo.client import LogLine
from ogdc_shared.context import Context
from ogdc_shared.errors import ArgoUnavailableError, OutputUnavailableError
from ogdc_shared.runs.read import recorded_run
from ogdc_shared.telemetry.tracing import Scope, current, within

_log = logging.getLogger(__name__)


def run_logs(context: Context, name: str, *, tail: int | None = None) -> Iterator[str]:
    """Return the log lines of a run as they come, each as `[task] text`.

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
    lines = context.argo.logs(name, tail=tail)
    first = next(lines, None)
    text = _rendered(chain([] if first is None else [first], lines), scope=current())
    return text if tail is None else iter(deque(text, maxlen=tail))


def _rendered(lines: Iterator[LogLine], *, scope: Scope) -> Iterator[str]:
    """Yield lines as they are shown, mostly after the request that they are for has left its scope."""
    try:
        for line in lines:
            yield f"[{line.task}] {line.text}"
    except ArgoUnavailableError as exc:
        with within(scope.trace, **scope.fields):
            _log.warning("logs broke off: %s", exc)
        yield f"[ogdc-runner] The log breaks off here: {exc}"
