"""The log of one task: its artifact after the task has ended, the log of its pod before."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from itertools import count
from typing import NamedTuple, Protocol

from ogdc_shared.argo.pod_names import pod_name
from ogdc_shared.argo.state import TaskState
from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.db.tasks import find_task
from ogdc_shared.dns_label import is_dns_label
from ogdc_shared.errors import OutputUnavailableError
from ogdc_shared.layout import log_key
from ogdc_shared.line_blocks import whole_lines
from ogdc_shared.runs.read import reconciled_run, require_tasks

MAX_LINE = 2000
"""Maximum length of a matching line in search results, in bytes."""
SCANNED = 256 << 20
"""Maximum number of bytes that one search reads."""
_MAX_PARTITION_DIGITS = 9


class _Read(Protocol):
    def __call__(self, begin: int, end: int) -> Iterator[bytes]: ...


class TaskLog(NamedTuple):
    """A log that can be read in parts."""

    size: int
    """Current size in bytes."""
    read: _Read
    """Yields the bytes from the first offset up to, not including, the second."""
    is_whole: bool
    """Whether the log is complete."""


class LogPart(NamedTuple):
    """Some whole lines of a log."""

    begin: int
    """Offset of the first byte."""
    text: bytes


class Match(NamedTuple):
    """A line that matches a search."""

    at: int
    """Offset in the log."""
    text: bytes
    """At most `MAX_LINE` bytes of the line."""


class Matches(NamedTuple):
    """A page of matching lines."""

    matches: list[Match]
    next: int | None
    """Offset at which to continue, or None at the end of the log."""


def open_task_log(context: Context, name: str, task: str) -> TaskLog:
    """Open the log of a task.

    Args:
        context: The services.
        name: Name of the run.
        task: `STAGE/PARTITION`, or just the name of a task without partitions, such as `publish`.

    Raises:
        UnknownRunError: there is no run with that name.
        OutputUnavailableError: there is no such task yet, or its log was removed.
        ArgoUnavailableError: Argo does not respond.
        StorageUnavailableError: the artifact store does not respond.
    """
    run = reconciled_run(context, name)
    require_tasks(run)
    found = _find(context, run, task)
    log = _kept(context, run, found) if found.finished_at is not None else None
    if log is None and run.deleted_at is None:
        log = _live(context, run, found)
    if log is None:
        raise OutputUnavailableError(
            f"The log of {task} of run {name} was removed with its pod, and no copy of it was stored.",
            expired=True,
        )
    return log


def kept_log(context: Context, run: Run, task: TaskState) -> Iterator[bytes] | None:
    """Yield the stored log of a task; None if there is none (yet), or it was removed."""
    log = _kept(context, run, task)
    return None if log is None else log.read(0, log.size)


def part_after(log: TaskLog, begin: int, limit: int) -> LogPart:
    """Read up to `limit` bytes of whole lines from an offset; a longer line is cut."""
    begin = min(begin, log.size)
    text = b"".join(log.read(begin, min(begin + limit, log.size)))
    if begin + len(text) < log.size or not log.is_whole:
        text = text[: text.rfind(b"\n") + 1] or text[:limit]
    return LogPart(begin, text)


def part_before(log: TaskLog, end: int, limit: int) -> LogPart:
    """Read up to `limit` bytes of whole lines before an offset."""
    end = min(end, log.size)
    begin = max(0, end - limit)
    text = b"".join(log.read(begin, end))
    cut = text.find(b"\n") + 1 if begin > 0 else 0
    cut = 0 if cut == len(text) else cut
    return LogPart(begin + cut, text[cut:])


def search(log: TaskLog, wanted: str, *, after: int, limit: int) -> Matches:
    """Find lines that contain a text, ignoring the case of ASCII letters, from an offset."""
    needle = wanted.encode().lower()
    matches: list[Match] = []
    base = min(after, log.size)
    end = min(log.size, base + SCANNED)
    for block in whole_lines(log.read(base, end)):
        lowered, at = block.lower(), 0
        while (found := lowered.find(needle, at)) >= 0:
            line, at = block.rfind(b"\n", 0, found) + 1, block.find(b"\n", found) + 1
            matches.append(Match(base + line, block[line : min(at - 1, line + MAX_LINE)]))
            if len(matches) == limit:
                return Matches(matches, base + at)
        if base + len(block) > end < log.size:  # an incomplete line, with which the next search starts
            return Matches(matches, base if base > after else end)
        base += len(block)
    return Matches(matches, end if end < log.size else None)


def _find(context: Context, run: Run, task: str) -> TaskState:
    template, _, number = task.partition("/")
    is_number = number.isascii() and number.isdecimal() and len(number) <= _MAX_PARTITION_DIGITS
    found = None
    if is_dns_label(template) and (is_number or "/" not in task):
        with context.database.autocommit() as conn:
            found = find_task(conn, run.id, template, int(number) if number else None)
    if found is None:
        raise OutputUnavailableError(
            f"Run {run.name} has no task {task[:100]!r}, or it has not started. Give STAGE/PARTITION such as "
            "process/0, or a task without partitions such as publish. To list the tasks: "
            f"`ogdc-runner status --tasks {run.name}`.",
            elsewhere=True,
        )
    return found


def _kept(context: Context, run: Run, task: TaskState) -> TaskLog | None:
    key = log_key(run.name, task.template, task.partition)
    artifact = context.store.describe(key)
    if artifact is None:
        return None
    return TaskLog(artifact.size, partial(context.store.read, key, artifact), is_whole=True)


def _live(context: Context, run: Run, task: TaskState) -> TaskLog | None:
    """Return what a task's pods have printed so far; it is read again for each part."""

    def read(begin: int, end: int) -> Iterator[bytes]:
        at = 0
        for block in _printed(context, run, task):
            if at >= end:
                return
            if part := block[max(0, begin - at) : end - at]:
                yield part
            at += len(block)

    size = sum(map(len, _printed(context, run, task)))
    ended = task.finished_at is not None
    return None if ended and not size else TaskLog(size, read, is_whole=ended)


def _printed(context: Context, run: Run, task: TaskState) -> Iterator[bytes]:
    """Yield the output of each try of a task, in order."""
    node = f"{run.name}.{task.name}"
    for attempt in count():
        tried = yield from _of_pod(context, run.name, f"{node}({attempt})", task.template)
        if not tried:
            break
    if attempt == 0:  # a template without retries
        yield from _of_pod(context, run.name, node, task.template)


def _of_pod(context: Context, run: str, node: str, template: str) -> Generator[bytes, None, bool]:
    """Yield a pod's output without the lines' labels; returns whether there is any."""
    pod = pod_name(run, node=node, template=template)
    label = f"[{pod.removeprefix(f'{run}-')}] ".encode()
    anything = False
    for block in context.argo.logs(run, pod=pod):
        anything = True
        yield block.removeprefix(label).replace(b"\n" + label, b"\n")
    return anything
