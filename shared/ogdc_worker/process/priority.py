"""Lowers the priority of a task and its commands on a machine that also does other work.

On a cluster, the kubelet and cgroups do this.
"""

from __future__ import annotations

import os
from contextlib import suppress

_NICENESS = 5
_OOM_SCORE_ADJ = 500
"""Out of 1000. The OOM killer prefers tasks to the database and the stack, which have 0."""
_MAX_THREADS = 8192
"""Processes and threads of the task's user. A last resort, as the kernel counts all tasks together."""


def give_way() -> None:
    """Lower the CPU priority, raise the OOM score, and limit the number of processes.

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
