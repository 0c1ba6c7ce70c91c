"""The processes of a task and the memory they hold, as the kernel tells of them.

Source: proc_pid_statm(5), proc_pid_status(5), proc_pid_smaps(5), proc_tid_children(5).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")
_HELD = re.compile(r"^(?:RssAnon|RssShmem|VmSwap):\s+([0-9]+) kB$", re.MULTILINE)
_SHARE = re.compile(r"^(?:Pss_Anon|Pss_Shmem|SwapPss):\s+([0-9]+) kB$", re.MULTILINE)


def descendants(root: int, *, most: int) -> list[int]:
    """Find a process and all that descend from it.

    In a process namespace nobody gets lost: what loses its parent becomes a child of the namespace's first.

    Args:
        root: The first one.
        most: How many are enough; there may be one more in the answer, which says that there are more.
    """
    found = [root]
    for pid in found:
        if len(found) > most:
            break
        found += _children(pid)
    return found[: most + 1]


def memory(pids: Iterable[int], *, limit: int) -> int:
    """Add up the bytes that processes hold and that cannot be taken from them: anonymous, shared, swapped.

    Pages of files are left out, as the kernel takes them back. What several hold together counts once for
    each of them as long as the sum stays within `limit`; beyond, it is divided among them, which takes the
    kernel longer to find out.
    """
    alive = list(pids)
    if (resident := sum(map(_resident, alive))) <= limit:
        return resident
    if (held := sum(_kilobytes(pid, "status", _HELD) for pid in alive)) * 1024 <= limit:
        return held * 1024
    return 1024 * sum(_kilobytes(pid, "smaps_rollup", _SHARE) for pid in alive)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  many times a second
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def _kilobytes(pid: int, file: str, fields: re.Pattern[str]) -> int:
    return sum(map(int, fields.findall(_read(f"/proc/{pid}/{file}"))))


def _read(path: str) -> str:
    """A file of /proc; nothing where the process has ended."""
    with suppress(OSError), open(path) as file:  # noqa: PTH123  as above
        return file.read()
    return ""
