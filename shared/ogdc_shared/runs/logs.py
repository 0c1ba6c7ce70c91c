"""Reading the logs of a run's tasks."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from itertools import chain, count

from ogdc_shared.argo.state import TaskState
from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.db.tasks import list_tasks
from ogdc_shared.errors import ArgoUnavailableError, OutputUnavailableError
from ogdc_shared.layout import task_name
from ogdc_shared.line_blocks import whole_lines
from ogdc_shared.phases import TERMINAL_PHASES
from ogdc_shared.runs.log_labels import with_task_names
from ogdc_shared.runs.read import recorded_run
from ogdc_shared.runs.task_logs import kept_log, open_task_log
from ogdc_shared.telemetry.tracing import Scope, current, within

_TASKS = 1000

_log = logging.getLogger(__name__)


def run_logs(context: Context, name: str, *, tail: int | None = None) -> Iterator[bytes]:
    """Stream the log of a run in blocks of whole UTF-8 lines, each `[task] text`.

    Once Argo has deleted the workflow or its pods, the log consists of the tasks' stored logs. If Argo fails
    while streaming, the last line says so.

    Args:
        context: The services.
        name: Name of the run.
        tail: Only return this number of lines from the end.

    Raises:
        UnknownRunError: there is no run with that name.
        OutputUnavailableError: Argo has deleted the workflow, and no logs were stored.
        ArgoUnavailableError: Argo does not respond.
    """
    run = recorded_run(context, name)
    _require_logs(run)
    blocks = _kept_logs(context, run) if run.deleted_at else _pod_logs(context, run, tail=tail)
    first = next(blocks, b"")
    if not first and run.deleted_at is not None:
        raise OutputUnavailableError(
            f"The logs of run {name} were removed with its workflow at {run.deleted_at:%Y-%m-%d %H:%M} UTC.",
            expired=True,
        )
    if not first and run.status in TERMINAL_PHASES:  # the pods were deleted before the workflow
        blocks = _kept_logs(context, run)
    lines = _traced(chain([first], blocks), scope=current())
    return lines if tail is None else iter([_last_lines(lines, tail)])


def _require_logs(run: Run) -> None:
    if run.logs_removed_at is not None and run.deleted_at is not None:
        raise OutputUnavailableError(
            f"The logs of run {run.name} were removed at {run.logs_removed_at:%Y-%m-%d %H:%M} UTC, after "
            "the time that this deployment keeps them (OGDC_LOG_DAYS, OGDC_TASK_DAYS).",
            expired=True,
        )


def task_log(context: Context, name: str, task: str, *, tail: int | None = None) -> Iterator[bytes]:
    """Stream the log of one task, without labels; see `task_logs.open_task_log`."""
    log = open_task_log(context, name, task)
    lines = _traced(log.read(0, log.size), scope=current())
    return lines if tail is None else iter([_last_lines(whole_lines(lines), tail)])


def _kept_logs(context: Context, run: Run) -> Iterator[bytes]:
    """Yield the stored logs of a run's tasks by partition, each line labelled with its task."""
    for task in chain.from_iterable(_tasks(context, run)):
        label = f"[{task_name(task.template, task.partition)}] ".encode()
        for block in whole_lines(kept_log(context, run, task) or ()):
            yield label + block.removesuffix(b"\n").replace(b"\n", b"\n" + label) + b"\n"


def _pod_logs(context: Context, run: Run, *, tail: int | None) -> Iterator[bytes]:
    """Yield what the pods of a run have printed, each line labelled with its task."""
    blocks = context.argo.logs(run.name, tail=tail)
    return with_task_names(blocks, run=run.name, pages=_tasks(context, run))


def _tasks(context: Context, run: Run) -> Iterator[list[TaskState]]:
    """Yield pages of a run's tasks, by partition."""
    for offset in count(0, _TASKS):
        with context.database.autocommit() as conn:
            tasks = list_tasks(conn, run.id, limit=_TASKS, offset=offset)
        yield tasks
        if len(tasks) < _TASKS:
            return


def _traced(blocks: Iterator[bytes], *, scope: Scope) -> Iterator[bytes]:
    """Pass blocks on; errors are logged in the request's scope, which usually has been left by then."""
    try:
        yield from blocks
    except ArgoUnavailableError as exc:
        with within(scope.trace, **scope.fields):
            _log.warning("logs broke off: %s", exc)
        yield f"[ogdc-runner] The log breaks off here: {exc}\n".encode()


def _last_lines(blocks: Iterator[bytes], count: int) -> bytes:
    lines = (line for block in blocks for line in block.removesuffix(b"\n").split(b"\n") if block)
    return b"".join(line + b"\n" for line in deque(lines, maxlen=count))
