"""`ogdc-worker tidy`: remove what runs left on the workflow volume and can no longer be resumed.

Failed runs keep their workspaces for a retry. Runs with a `temporary` output keep theirs, since the zip is
safe only after Argo has stored it. Kept results are removed if no run has reused them for long, or if there
are too many. Published data are never touched.

A directory is renamed before it is emptied, since a partly emptied one would look recently changed.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.errors import UnavailableError
from ogdc_shared.removal import remove
from ogdc_shared.walking import names_in
from ogdc_worker.lock import open_locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ogdc_worker.report import Reporter

_DAY = 86_400.0


class Leftovers(NamedTuple):
    """What to remove."""

    retry_days: int
    """How long a failed run can be retried; its data are removed a day later."""
    volume: str = layout.WORKFLOW_MOUNT
    reuse_days: int = 30
    """How long to keep a result that no run reuses."""
    reuse_bytes: int = 20 << 30
    """Size limit of kept results."""


def tidy(leftovers: Leftovers, reporter: Reporter) -> None:
    """Remove leftovers as far as possible; may be interrupted and repeated.

    Raises:
        OSError: the volume cannot be read.
    """
    condemned = f"{leftovers.volume}/{layout.CONDEMNED}"
    for place in _old(leftovers.volume, time.time() - (leftovers.retry_days + 1) * _DAY):
        os.makedirs(condemned, exist_ok=True)
        with _logging_errors(reporter, place):
            os.rename(f"{leftovers.volume}/{place}", f"{condemned}/{place.replace('/', '_')}")
    for name in names_in(condemned):
        with _logging_errors(reporter, name):
            remove(f"{condemned}/{name}")
            reporter.event("removed", place=name)
    _collect(leftovers, reporter)


def _collect(leftovers: Leftovers, reporter: Reporter) -> None:
    from ogdc_worker.reuse.collection import collect

    kept = f"{leftovers.volume}/{layout.REUSE}"
    gone = collect(kept, most=leftovers.reuse_bytes, days=leftovers.reuse_days)
    if gone:
        reporter.event("removed", place=layout.REUSE, bytes=gone)


@contextmanager
def _logging_errors(reporter: Reporter, place: str) -> Iterator[None]:
    """Log an error in removing one path, and continue."""
    try:
        yield
    except OSError as exc:
        reporter.event("left_behind", place=place, reason=str(exc))


def _old(volume: str, before: float) -> Iterator[str]:
    for above in (layout.WORKSPACES, layout.STAGING, layout.REPLACED, layout.PACKAGES):
        for places in _by_run(f"{volume}/{above}"):
            paths = [f"{volume}/{above}/{name}" for name in places]
            if max(map(_changed, paths)) < before and not any(map(_worked_on, paths)):
                yield from (f"{above}/{name}" for name in places)


def _by_run(directory: str) -> Iterable[list[str]]:
    """Group the workspaces by run, since all stages' workspaces are needed while one is in use."""
    found: dict[str, list[str]] = {}
    for name in names_in(directory):
        found.setdefault(layout.run_of_workspace(name), []).append(name)
    return found.values()


def _changed(directory: str) -> float:
    """Return the time of the last change by a task (tasks record each step), in seconds since 1970."""
    partitions = [f"{directory}/{name}" for name in names_in(directory)]
    return max(map(_modified, [directory, *partitions, *_checkpoints(directory)]))


def _modified(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return 0.0


def _worked_on(directory: str) -> bool:
    """Whether a task is running there, maybe on a command that takes days."""
    for checkpoint in _checkpoints(directory):
        if os.path.isfile(checkpoint) and not os.path.islink(checkpoint):
            try:
                os.close(open_locked(checkpoint, patience=0))
            except UnavailableError:
                return True
    return False


def _checkpoints(directory: str) -> list[str]:
    return [f"{directory}/{name}/{layout.CHECKPOINT}" for name in names_in(directory)]
