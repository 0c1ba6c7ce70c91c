"""What a task on a machine with other work on it gives up of its own accord, for itself and its commands.

On a cluster the kubelet and the kernel's cgroups see to all of this.
"""

from __future__ import annotations

import os
from contextlib import suppress

_NICENESS = 5
_OOM_SCORE_ADJ = 500
"""Of 1000: where memory ends, the kernel takes tasks before the database and the stack, which have 0."""
_MAX_THREADS = 8192
"""Processes and threads of the user who runs the task; a last resort, since it is counted for all tasks."""


def give_way() -> None:
    """Let others go first: with the processor, where memory ends, and where processes do.

    Source: proc_pid_oom_score_adj(5), setpriority(2), getrlimit(2) (RLIMIT_NPROC).
    """
    os.nice(_NICENESS)
    with suppress(OSError):
        file = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(file, str(_OOM_SCORE_ADJ).encode())
        finally:
            os.close(file)
    _limit_threads()


def _limit_threads() -> None:
    from resource import RLIM_INFINITY, RLIMIT_NPROC, getrlimit, setrlimit

    _, hard = getrlimit(RLIMIT_NPROC)
    most = _MAX_THREADS if hard == RLIM_INFINITY else min(hard, _MAX_THREADS)
    setrlimit(RLIMIT_NPROC, (most, most))
