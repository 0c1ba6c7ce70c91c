"""Enforces the limits of running pods (memory, processes, scratch space) and detects stopped workers.

It observes pods from outside, where no command can interfere. Very short pods are never checked. Where the
kernel limits pods itself (docker, podman), only their scratch space is checked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, NamedTuple

from ogdc_local.engine.scratch import TooDeepError, disk_usage
from ogdc_local.sandbox.base import MAX_PROCESSES
from ogdc_local.sandbox.processes import descendants, is_stopped, memory
from ogdc_shared.argo.retry import OUT_OF_MEMORY

_LOG = logging.getLogger(__name__)
_MEMORY_SECONDS = 0.05
_SCRATCH_SECONDS = 1.0
_SHARE = 20
"""After a check that took t, pause for at least this many times t."""
_STOPPED_SECONDS = 1.0
_STOPPED_LOOKS = 10
"""Number of consecutive checks after which a stopped worker counts as lost."""


class Limits(NamedTuple):
    """Limits of a pod, in bytes; None means unlimited."""

    memory: int | None = None
    scratch: int | None = None
    processes: int = MAX_PROCESSES


class Excess(NamedTuple):
    """A limit that a pod exceeded."""

    message: str
    exit_code: int
    """As on a cluster."""


class Subject(NamedTuple):
    """A running pod to check."""

    limits: Limits
    roots: Callable[[], tuple[int, ...]]
    """Its topmost processes; empty while there are none."""
    worker: Callable[[], int | None]
    """Pid of its worker; None while there is none."""
    scratch: Path
    """Directory of its scratch space."""


class Guard:
    """Threads that check pods while there are any: their processes, scratch space and workers."""

    def __init__(self, on_excess: Callable[[Any, Excess], None]) -> None:
        """Store the argument; nothing is checked before `start`.

        Args:
            on_excess: Called with a pod that exceeds a limit, at least once, from one of the threads.
        """
        self._on_excess = on_excess
        self._subjects: dict[Hashable, Subject] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, args=arguments, name="ogdc-engine-guard", daemon=True)
            for arguments in (
                (look_at_processes, _MEMORY_SECONDS),
                (look_at_scratch, _SCRATCH_SECONDS),
                (StoppedWorkers().look, _STOPPED_SECONDS),
            )
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def watch(self, key: Hashable, subject: Subject) -> None:
        """Start checking a pod."""
        with self._changed:
            if not self._subjects:  # otherwise the threads only pause
                self._changed.notify_all()
            self._subjects[key] = subject

    def forget(self, key: Hashable) -> None:
        """Stop checking a pod; unknown pods are ignored."""
        with self._changed:
            self._subjects.pop(key, None)

    def _run(self, look: Callable[[Subject], Excess | None], interval: float) -> None:
        pause = interval
        while (subjects := self._after(pause)) is not None:
            started = time.monotonic()
            for key, subject in subjects.items():
                self._look(look, key, subject)
            pause = max(interval, _SHARE * (time.monotonic() - started))

    def _look(self, look: Callable[[Subject], Excess | None], key: Hashable, subject: Subject) -> None:
        try:
            if excess := look(subject):
                self._on_excess(key, excess)
        except OSError:
            return  # the pod has just ended
        except Exception:
            _LOG.exception("A pod cannot be looked at.")

    def _after(self, pause: float) -> dict[Hashable, Subject] | None:
        """Wait for `pause`, and until there are pods; return them, or None if the threads have to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._subjects)
            self._changed.wait_for(lambda: self._stopping, pause)
            return None if self._stopping else dict(self._subjects)


def look_at_processes(subject: Subject) -> Excess | None:
    """Check the number of a pod's processes and their memory."""
    limits, roots = subject.limits, subject.roots()
    if not roots:
        return None
    pids = descendants(*roots, most=limits.processes)
    if len(pids) > limits.processes:
        return too_many_processes(limits)
    if limits.memory is None or (held := memory(pids, limit=limits.memory)) <= limits.memory:
        return None
    return out_of_memory(held, limits)


def out_of_memory(held: int, limits: Limits) -> Excess:
    """Return the failure of a pod that exceeded its memory limit."""
    limit = "that of the machine" if limits.memory is None else _written(limits.memory)
    return Excess(
        f"{OUT_OF_MEMORY} (exit code 137): The task had {_written(held)} of memory, and its limit is "
        f"{limit}. Ask for more with workflow.resources.memory in meta.yml.",
        exit_code=137,
    )


def too_many_processes(limits: Limits) -> Excess:
    """Return the failure of a pod that exceeded, or tried to exceed, its limit of processes."""
    return Excess(
        f"main: Error (exit code 1): The task had more than {limits.processes:,} processes.", exit_code=1
    )


def look_at_scratch(subject: Subject) -> Excess | None:
    """Check the size of a pod's scratch space."""
    limit = subject.limits.scratch
    if limit is None:
        return None
    try:
        used = disk_usage(subject.scratch, descendants(*subject.roots(), most=MAX_PROCESSES))
    except TooDeepError:
        return Excess(
            "main: Error (exit code 1): The task nested directories in /tmp too deep to be measured.",
            exit_code=1,
        )
    if used <= limit:
        return None
    return Excess(
        f"main: Error (exit code 1): The task's working files took {_written(used)}, and their limit is "
        f"{_written(limit)}. Ask for more with workflow.resources.scratch in meta.yml.",
        exit_code=1,
    )


class StoppedWorkers:
    """Detects pods with a worker that was stopped by SIGSTOP or a tracer and does not continue."""

    def __init__(self) -> None:
        self._times: Counter[int] = Counter()
        """Consecutive checks in which a worker was stopped, by process id."""

    def look(self, subject: Subject) -> Excess | None:
        """Check a pod's worker; being stopped briefly is accepted."""
        worker = subject.worker()
        if worker is None or not is_stopped(worker):
            if worker is not None:
                self._times.pop(worker, None)
            return None
        self._times[worker] += 1
        if self._times[worker] <= _STOPPED_LOOKS:
            return None
        return Excess(
            "main: Error (exit code 1): The task's worker was stopped (SIGSTOP, or a debugger), most likely "
            "by one of the recipe's own commands.",
            exit_code=1,
        )


def _written(size: int) -> str:
    """Format bytes in Kubernetes' notation."""
    for unit, bytes_ in (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
        if size >= bytes_:
            return f"{size / bytes_:.1f}".removesuffix(".0") + unit
    return str(size)
