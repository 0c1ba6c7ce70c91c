"""`ogdc-worker tidy`: remove what runs left on the workflow volume once nobody can go on from it.

A run that failed keeps its workspaces, since a retry goes on from them, and one with a `temporary` output
keeps its own, since the zip is safe only once Argo has stored it. Of results that are kept for later runs go
those that none has taken for long, and those there is no room for. What is published is never touched.

A directory is put aside before it is emptied: what is left of it when that is interrupted looks young.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.errors import UnavailableError
from ogdc_shared.removal import remove
from ogdc_shared.walking import is_directory
from ogdc_worker.lock import open_locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ogdc_worker.report import Reporter

_DAY = 86_400.0


class Leftovers(NamedTuple):
    """What is to be removed."""

    retry_days: int
    """How long a failed run can be retried; a day later nothing of it is needed."""
    volume: str = layout.WORKFLOW_MOUNT
    reuse_days: int = 30
    """How long a result is kept for later runs that none has taken."""
    reuse_bytes: int = 20 << 30
    """How much of such results may be kept."""


def tidy(leftovers: Leftovers, reporter: Reporter) -> None:
    """Remove leftovers, each if it can be; may be stopped anywhere and done again.

    Raises:
        OSError: the volume cannot be read.
    """
    condemned = f"{leftovers.volume}/{layout.CONDEMNED}"
    for place in _old(leftovers.volume, time.time() - (leftovers.retry_days + 1) * _DAY):
        os.makedirs(condemned, exist_ok=True)
        with _logging_errors(reporter, place):
            os.rename(f"{leftovers.volume}/{place}", f"{condemned}/{place.replace('/', '_')}")
    for name in _names(condemned):
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
    """Log that one cannot be removed, and go on with the others."""
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
    """Put the workspaces of a run's stages together: while one is at work, the others are needed."""
    found: dict[str, list[str]] = {}
    for name in _names(directory):
        found.setdefault(layout.run_of_workspace(name), []).append(name)
    return found.values()


def _changed(directory: str) -> float:
    """When a run last did something there, in seconds since 1970: a task notes each of its steps."""
    partitions = [f"{directory}/{name}" for name in _names(directory)]
    return max(map(_modified, [directory, *partitions, *_checkpoints(directory)]))


def _modified(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return 0.0


def _worked_on(directory: str) -> bool:
    """Whether a task is at work there, on a command that takes days."""
    for checkpoint in _checkpoints(directory):
        if os.path.isfile(checkpoint) and not os.path.islink(checkpoint):
            try:
                os.close(open_locked(checkpoint, patience=0))
            except UnavailableError:
                return True
    return False


def _checkpoints(directory: str) -> list[str]:
    return [f"{directory}/{name}/{layout.CHECKPOINT}" for name in _names(directory)]


def _names(directory: str) -> list[str]:
    return os.listdir(directory) if is_directory(directory) else []
