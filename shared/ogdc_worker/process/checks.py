"""What the last command of a partition left, looked at before it is published.

It happens in the task that ran the commands, which has neither a credential nor the whole volume; in a child
of the worker, since GDAL may take long, or too much memory, or end over a damaged file, and a check must
never be what a run fails of. However much there is, it takes no longer than `SECONDS`.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.walking import walk
from ogdc_worker.process.prctl import SET_DUMPABLE, prctl
from ogdc_worker.process.result_kinds import (
    DRIVERS,
    LOOKED_INTO,
    NEVER_EMPTY,
    READ_WHOLE,
    TABLES,
    suffix_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, NoReturn

    from ogdc_worker.process.check_file import Finding
    from ogdc_worker.process.gdal import Gdal
    from ogdc_worker.report import Reporter

SECONDS = 15.0
"""For all files together."""
MAX_FILES = 200
"""Of more, some are looked at, from all over."""
_MAX_WHOLE_BYTES = 32 << 20
"""A file that GDAL reads from end to end may have."""
_MEMORY_BYTES = 1 << 30
"""The child may ask for beyond what it begins with."""
_MAX_LINE = 65536
_VERSION, _PLACE = "version", "place"
"""The kinds of answers that are no findings."""
_ENVIRONMENT = {
    "GDAL_PAM_ENABLED": "NO",  # nothing is written beside what is looked at
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    "GDAL_CACHEMAX": "64",
    "GDAL_NUM_THREADS": "1",
    "GDAL_HTTP_TIMEOUT": "2",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
}


class _Task(NamedTuple):
    """What a child has to do."""

    directory: str
    files: Sequence[tuple[str, str]]
    """Their names and how these end."""
    library: str
    thumbnails: str | None


def check_outputs(
    directory: str, reporter: Reporter, *, thumbnails: str | None = None
) -> dict[str, Any] | None:
    """Warn of results that are empty, damaged or without a place on the earth.

    Args:
        directory: Where the results are.
        reporter: Hears of it.
        thumbnails: Where pictures of those that have a place are put; None: none are made.

    Returns:
        An event that says how many were looked at; None where there is none of a kind that is known.
    """
    started = time.monotonic()
    found: list[tuple[str, str]] = []
    for name, size in _results(directory):
        suffix = suffix_of(name)
        if size == 0 and suffix in NEVER_EMPTY:
            reporter.warn("no_data", f"{name!r} is empty: it has no byte", path=name)
        elif suffix in LOOKED_INTO and not _is_too_large(suffix, size):
            found.append((name, suffix))
        elif suffix in TABLES and _is_heading(f"{directory}/{name}"):
            reporter.warn("no_data", f"{name!r} holds no row, only a heading", path=name)
    if not found:
        return None
    from ogdc_worker.process.gdal import find_library

    library = find_library()
    if library is None:
        return {"event": "checks_skipped", "reason": "there is no GDAL here (gdalinfo is not on PATH)"}
    chosen = [found[index * len(found) // MAX_FILES] for index in range(MAX_FILES)]
    task = _Task(directory, chosen if len(found) > MAX_FILES else found, library, thumbnails)
    looked, gdal = _look(task, reporter)
    seconds = round(time.monotonic() - started, 3)
    version = {"gdal": gdal} if gdal else {}
    return {"event": "outputs_checked", "files": looked, "of": len(found), "seconds": seconds} | version


def _results(directory: str) -> Iterator[tuple[str, int]]:
    """Yield the files, and the directories that GDAL opens as one, with their sizes in bytes."""
    wholes: list[str] = []
    for name, entry in walk(directory):
        if entry.is_dir(follow_symlinks=False):
            if name.lower().endswith((".gdb", ".zarr")):
                wholes.append(f"{name}/")
                yield name, 1
        elif entry.is_file(follow_symlinks=False) and not name.startswith(tuple(wholes)):
            yield name, entry.stat(follow_symlinks=False).st_size


def _is_too_large(suffix: str, size: int) -> bool:
    return suffix in READ_WHOLE and size > _MAX_WHOLE_BYTES


def _is_heading(path: str) -> bool:
    """Whether a table has one line, of several names and no number."""
    with open(path, "rb") as file:
        lines = file.read(_MAX_LINE).splitlines()
    fields = lines[0].replace(b";", b",").replace(b"\t", b",").split(b",") if len(lines) == 1 else []
    return len(fields) > 1 and not any(field.strip(b' -+."')[:1].isdigit() for field in fields)


def _look(task: _Task, reporter: Reporter) -> tuple[int, str]:
    """Have a child look at files, warn of what it finds, and note where they lie.

    Returns:
        How many it got to the end of, and GDAL's version (empty: it did not get as far).
    """
    answers, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(task, write)
    os.close(write)
    files = task.files
    done, version = 0, ""
    try:
        for line in _lines(answers, time.monotonic() + SECONDS + 1):
            kind, message = json.loads(line)
            if kind is None:
                done += 1
            elif kind == _VERSION:
                version = message
            elif kind == _PLACE:
                reporter.note("described", name=files[done][0].rstrip("/"), place=message)
            else:
                name = files[done][0]
                reporter.warn(kind, f"{name!r} {message}", path=name)
    finally:
        os.close(answers)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    crashed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in {
        signal.SIGSEGV,
        signal.SIGABRT,
        signal.SIGBUS,
    }
    if crashed and done < len(files):  # else it was over a picture
        name = files[done][0]
        reporter.warn("unreadable", f"{name!r} makes GDAL crash; it is probably damaged", path=name)
    return done, version


def _has_crashed(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS}


def _lines(descriptor: int, deadline: float) -> Iterator[bytes]:
    """Yield whole lines until there are no more, or it is time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    rest = b""
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        piece = os.read(descriptor, 65536)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _child(task: _Task, write: int) -> NoReturn:
    """Look at the files, and answer `[kind, message]` for each finding and `[null, ""]` for each file.

    The first answer is GDAL's version; where a file lies is one, too. Pictures are made with the time left.
    """
    try:
        _confine()
        from ogdc_worker.process.gdal import Gdal

        gdal = Gdal(task.library)
        os.write(write, f"{json.dumps([_VERSION, gdal.version()])}\n".encode())
        deadline = time.monotonic() + SECONDS
        placed = []
        for number, (name, suffix) in enumerate(task.files):
            share = time.monotonic() + (deadline - time.monotonic()) / (len(task.files) - number)
            for found in _findings(gdal, f"{task.directory}/{name}", suffix, share):
                answer = [_PLACE, found] if isinstance(found, dict) else found
                os.write(write, f"{json.dumps(answer)}\n".encode())
                if isinstance(found, dict):
                    placed.append((name, found))
            os.write(write, b'[null, ""]\n')
        if task.thumbnails and placed:
            from ogdc_worker.process.thumbnails import MAX_THUMBNAILS, make_thumbnails

            some = placed[:MAX_THUMBNAILS]
            make_thumbnails(gdal, task.directory, some, task.thumbnails, deadline=deadline)
    except Exception:  # there is nobody to tell, and what was not looked at is counted
        os._exit(1)
    os._exit(0)


def _findings(gdal: Gdal, path: str, suffix: str, deadline: float) -> Iterator[Finding | dict[str, Any]]:
    """What there is to say of a file; GDAL is not asked for an archive that is none."""
    from ogdc_worker.process.check_archive import check_archive
    from ogdc_worker.process.check_file import check_file

    found = list(check_archive(path, suffix, deadline=deadline))
    yield from found
    if not found and suffix in DRIVERS and gdal.has_driver(DRIVERS[suffix]):
        yield from check_file(gdal, path, suffix, deadline=deadline)


def _confine() -> None:
    """Say nothing, write nothing beside the files, and be the first to go when memory ends."""
    prctl(SET_DUMPABLE, 1)  # else its files in /proc are root's
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.environ.update(_ENVIRONMENT)
    with open("/proc/self/statm", "rb") as file:
        here = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (here + _MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
