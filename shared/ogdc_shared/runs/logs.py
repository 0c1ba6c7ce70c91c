"""Reading the logs of a run's tasks."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from itertools import chain, count

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.db.tasks import list_tasks
from ogdc_shared.errors import ArgoUnavailableError, OutputUnavailableError
from ogdc_shared.line_blocks import whole_lines
from ogdc_shared.phases import TERMINAL_PHASES
from ogdc_shared.runs.read import recorded_run
from ogdc_shared.runs.task_logs import called, kept_log, open_task_log
from ogdc_shared.telemetry.tracing import Scope, current, within

_TASKS = 1000

_log = logging.getLogger(__name__)


def run_logs(context: Context, name: str, *, tail: int | None = None) -> Iterator[bytes]:
    """Return the log of a run as it comes: blocks of whole lines in UTF-8, each `[task] text`.

    Once Argo has forgotten the workflow, or its pods, it is made of what the tasks have left. Should Argo
    fail half-way, the last line says so.

    Args:
        context: Where Argo is.
        name: The run's.
        tail: Only so many lines, the last.

    Raises:
        UnknownRunError: there is no run of that name.
        OutputUnavailableError: Argo has the workflow no longer, and its tasks have left nothing.
        ArgoUnavailableError: Argo does not answer.
    """
    run = recorded_run(context, name)
    _require_logs(run)
    blocks = _kept_logs(context, run) if run.deleted_at else context.argo.logs(name, tail=tail)
    first = next(blocks, b"")
    if not first and run.deleted_at is not None:
        raise OutputUnavailableError(
            f"The logs of run {name} went with its workflow, {run.deleted_at:%Y-%m-%d %H:%M} UTC.",
            expired=True,
        )
    if not first and run.status in TERMINAL_PHASES:  # its pods are gone, though not yet the workflow
        blocks = _kept_logs(context, run)
    lines = _traced(chain([first], blocks), scope=current())
    return lines if tail is None else iter([_last_lines(lines, tail)])


def _require_logs(run: Run) -> None:
    if run.logs_removed_at is not None and run.deleted_at is not None:
        raise OutputUnavailableError(
            f"The logs of run {run.name} were removed, {run.logs_removed_at:%Y-%m-%d %H:%M} UTC, as this "
            "deployment keeps them for so long (OGDC_LOG_DAYS, OGDC_TASK_DAYS).",
            expired=True,
        )


def task_log(context: Context, name: str, task: str, *, tail: int | None = None) -> Iterator[bytes]:
    """Return the log of one task as it comes, its lines as they are; see `task_logs.open_task_log`."""
    log = open_task_log(context, name, task)
    lines = _traced(log.read(0, log.size), scope=current())
    return lines if tail is None else iter([_last_lines(whole_lines(lines), tail)])


def _kept_logs(context: Context, run: Run) -> Iterator[bytes]:
    """Yield what the tasks of a run have left at their ends, each line with its task, by partition."""
    for offset in count(0, _TASKS):
        with context.database.autocommit() as conn:
            tasks = list_tasks(conn, run.id, limit=_TASKS, offset=offset)
        for task in tasks:
            label = f"[{called(task)}] ".encode()
            for block in whole_lines(kept_log(context, run, task) or ()):
                yield label + block.removesuffix(b"\n").replace(b"\n", b"\n" + label) + b"\n"
        if len(tasks) < _TASKS:
            return


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
