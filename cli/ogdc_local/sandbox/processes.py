"""The processes of a task and their memory, from /proc.

Source: proc_pid_statm(5), proc_pid_status(5), proc_pid_smaps(5), proc_pid_maps(5), proc_tid_children(5),
proc_meminfo(5).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")
_HELD = re.compile(r"^(?:RssAnon|RssShmem|VmSwap):\s+([0-9]+) kB$", re.MULTILINE)
_OWN = re.compile(r"^(?:RssAnon|VmSwap):\s+([0-9]+) kB$", re.MULTILINE)
_SHARE = re.compile(r"^(?:Pss_Anon|Pss_Shmem|SwapPss):\s+([0-9]+) kB$", re.MULTILINE)

_OWN_SHARE = re.compile(r"^(?:Pss_Anon|SwapPss):\s+([0-9]+) kB$", re.MULTILINE)
_ALL_SHARED = re.compile(r"^Shmem:\s+([0-9]+) kB$", re.MULTILINE)
_SHARED_MAPPING = re.compile(r"^(\w+)-(\w+) \S+ \w+ \w+:\w+ (\d+) +/dev/zero \(deleted\)$", re.MULTILINE)
"""A mapping of anonymous memory shared by inheritance: start, end, inode."""


def descendants(*roots: int, most: int) -> list[int]:
    """Return processes and all their descendants.

    In a pid namespace none is missed, since orphans become children of the namespace's first process.

    Args:
        roots: The first processes.
        most: Stop after this number; the result may have one more, which shows that there are more.
    """
    found = list(roots)
    for pid in found:
        if len(found) > most:
            break
        found += _children(pid)
    return found[: most + 1]


def memory(pids: Iterable[int], *, limit: int) -> int:
    """Add up the bytes of memory that the kernel cannot reclaim: anonymous, shared and swapped memory.

    File pages are not counted, as the kernel can reclaim them. Shared pages are counted for each process
    while the sum stays within `limit`. Beyond it they are divided, which takes the kernel longer to compute.

    A process may also share memory with its children that none of them maps. Its size is at most the
    machine's shared memory, and at most the address space reserved for it.
    """
    alive = list(pids)
    everywhere = 1024 * _kilobytes("meminfo", _ALL_SHARED)
    if (resident := sum(map(_resident, alive))) + everywhere <= limit:
        return resident
    held = 1024 * sum(_kilobytes(f"{pid}/status", _HELD) for pid in alive)
    if held + everywhere <= limit:
        return held
    shared = min(everywhere, _shared_places(alive))
    own = 1024 * sum(_kilobytes(f"{pid}/status", _OWN) for pid in alive)
    if max(held, own + shared) <= limit:
        return max(held, own + shared)
    held = 1024 * sum(_divided(pid, _SHARE, _HELD) for pid in alive)
    own = 1024 * sum(_divided(pid, _OWN_SHARE, _OWN) for pid in alive)
    return max(held, own + shared)


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal or a tracer. Source: proc_pid_stat(5)."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] in (["T"], ["t"])


def _shared_places(pids: Iterable[int]) -> int:
    """Return the bytes of address space that these processes reserve for inherited shared memory."""
    sizes: dict[str, int] = {}
    for pid in pids:
        own: Counter[str] = Counter()
        for start, end, number in _SHARED_MAPPING.findall(_read(f"/proc/{pid}/maps")):
            own[number] += int(end, 16) - int(start, 16)
        sizes |= {number: max(size, sizes.get(number, 0)) for number, size in own.items()}
    return sum(sizes.values())


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  many times a second
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def _divided(pid: int, share: re.Pattern[str], whole: re.Pattern[str]) -> int:
    """Return the kilobytes of a process with shared pages divided; undivided if that cannot be read."""
    rollup = _read(f"/proc/{pid}/smaps_rollup")
    return sum(map(int, share.findall(rollup))) if rollup else _kilobytes(f"{pid}/status", whole)


def _kilobytes(file: str, fields: re.Pattern[str]) -> int:
    return sum(map(int, fields.findall(_read(f"/proc/{file}"))))


def _read(path: str) -> str:
    """Return the content of a file in /proc; empty if the process has ended."""
    with suppress(OSError), open(path) as file:  # noqa: PTH123  as above
        return file.read()
    return ""
