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
"""A mapping of memory without a file, shared by descent: from, to, and its number."""


def descendants(*roots: int, most: int) -> list[int]:
    """Find processes and all that descend from them.

    In a process namespace nobody gets lost: what loses its parent becomes a child of the namespace's first.

    Args:
        roots: The first ones.
        most: How many are enough; there may be one more in the answer, which says that there are more.
    """
    found = list(roots)
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

    A process may also share with its children what none of them has in view. There is no more of that than
    the machine has of shared memory, nor than they have a place for.
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
    """Whether a process waits for a signal or a tracer to let it go on. Source: proc_pid_stat(5)."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] in (["T"], ["t"])


def _shared_places(pids: Iterable[int]) -> int:
    """Bytes that these processes have set aside for what they share by descent, used or not."""
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
    """Kilobytes of a process, what it has in common divided; undivided where nobody may look so closely."""
    rollup = _read(f"/proc/{pid}/smaps_rollup")
    return sum(map(int, share.findall(rollup))) if rollup else _kilobytes(f"{pid}/status", whole)


def _kilobytes(file: str, fields: re.Pattern[str]) -> int:
    return sum(map(int, fields.findall(_read(f"/proc/{file}"))))


def _read(path: str) -> str:
    """A file of /proc; nothing where the process has ended."""
    with suppress(OSError), open(path) as file:  # noqa: PTH123  as above
        return file.read()
    return ""
