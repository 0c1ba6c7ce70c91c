"""A child process that checks results with GDAL, started before there are results.

Loading the library takes longer than checking a file. So the child loads it while the last command still
runs, then waits for its task. It answers in lines of JSON, `[kind, message]`: first GDAL's version, then the
findings of one file after another, each file ended by `[null, ""]`.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.prctl import SET_DUMPABLE, prctl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, BinaryIO, NoReturn

    from ogdc_worker.process.check_file import Finding
    from ogdc_worker.process.gdal import Gdal

NO_GDAL, VERSION, PLACE = "no gdal", "version", "place"
"""Kinds of answers that are not findings."""
_MEMORY_BYTES = 1 << 30
"""Address space that the child may use in addition to what it has after loading GDAL."""
_PIECE = 65536
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS})
_ENVIRONMENT = {
    "GDAL_PAM_ENABLED": "NO",  # write no .aux.xml files beside the results
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    "GDAL_CACHEMAX": "64",
    "GDAL_NUM_THREADS": "1",
    "GDAL_HTTP_TIMEOUT": "2",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "CPL_VSIL_GZIP_WRITE_PROPERTIES": "NO",  # write no .properties files beside the results
}


class Looking(NamedTuple):
    """The files that a child has to check."""

    directory: str
    files: Sequence[tuple[str, str]]
    """Relative names and their suffixes."""
    thumbnails: str | None
    """Directory for thumbnails, or None to make none."""
    seconds: float
    """Time limit."""


class Checker:
    """A child process that loads GDAL and checks files when asked to.

    Attributes:
        pid: Its process id.
    """

    def __init__(self) -> None:
        """Fork the child."""
        tasks, write = os.pipe()
        self._answers, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(write)  # so that the child ends when the worker does
            os.close(self._answers)
            _child(tasks, answers)
        self._tasks: BinaryIO = os.fdopen(write, "wb")
        os.close(tasks)
        os.close(answers)

    def is_alive(self) -> bool:
        """Whether the child still runs. Does not reap it."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def look(self, task: Looking) -> Iterator[tuple[Any, Any]]:
        """Send the task and yield the answers until the child is done or out of time."""
        deadline = time.monotonic() + task.seconds + 1
        try:
            with self._tasks:
                self._tasks.write(json.dumps(task).encode())
        except BrokenPipeError:
            return
        for line in _lines(self._answers, deadline):
            kind, message = json.loads(line)
            yield kind, message

    def end(self) -> bool:
        """Kill the child; returns whether it had crashed."""
        self._tasks.close()
        os.close(self._answers)
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) in _CRASHES


def _lines(descriptor: int, deadline: float) -> Iterator[bytes]:
    """Yield whole lines until the end of the pipe or the deadline."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    rest = b""
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        piece = os.read(descriptor, _PIECE)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _child(tasks: int, answers: int) -> NoReturn:
    """Load GDAL, wait for a task and execute it. Thumbnails are made in the remaining time."""
    try:
        _fall_silent()
        gdal = _load(answers)
        with open(tasks, "rb") as file:
            given = _read(file)
        if gdal is None or given is None:
            os._exit(0)
        _confine()
        deadline = time.monotonic() + given.seconds
        placed = []
        for number, (name, suffix) in enumerate(given.files):
            share = time.monotonic() + (deadline - time.monotonic()) / (len(given.files) - number)
            for found in _findings(gdal, f"{given.directory}/{name}", suffix, share):
                _answer(answers, *((PLACE, found) if isinstance(found, dict) else found))
                if isinstance(found, dict):
                    placed.append((name, found))
            _answer(answers, None, "")
        if given.thumbnails and placed:
            from ogdc_worker.process.thumbnails import MAX_THUMBNAILS, make_thumbnails

            some = placed[:MAX_THUMBNAILS]
            make_thumbnails(gdal, given.directory, some, given.thumbnails, deadline=deadline)
    except Exception:  # cannot be reported; the parent counts the files that were not checked
        os._exit(1)
    os._exit(0)


def _load(answers: int) -> Gdal | None:
    """Load GDAL and import every module that is needed for checks; None if GDAL is not installed."""
    from ogdc_worker.process import (  # noqa: F401
        check_archive,
        check_file,
        extent,
        gdal,
        gdal_crs,
        gdal_pictures,
        places,
        thumbnails,
    )

    library = gdal.find_library()
    if library is None:
        _answer(answers, NO_GDAL, "")
        return None
    loaded = gdal.Gdal(library)
    _answer(answers, VERSION, loaded.version())
    loaded.open_crs_database()
    return loaded


def _read(file: BinaryIO) -> Looking | None:
    """Return the task, or None if the parent closed the pipe without sending one."""
    content = file.read()
    return Looking(*json.loads(content)) if content else None


def _answer(answers: int, kind: str | None, message: object) -> None:
    os.write(answers, f"{json.dumps([kind, message])}\n".encode())


def _findings(gdal: Gdal, path: str, suffix: str, deadline: float) -> Iterator[Finding | dict[str, Any]]:
    """Yield the findings of a file; a damaged archive is not opened with GDAL."""
    from ogdc_worker.process.check_archive import check_archive
    from ogdc_worker.process.check_file import check_file
    from ogdc_worker.process.result_kinds import READERS, suffix_of

    found = list(check_archive(path, suffix, deadline=deadline))
    yield from found
    is_compressed = suffix == ".gz"
    kind = suffix_of(path[: -len(suffix)]) if is_compressed else suffix
    if not found and kind in READERS and gdal.has_driver(READERS[kind]):
        for each in check_file(gdal, f"/vsigzip/{path}" if is_compressed else path, kind, deadline=deadline):
            if not (is_compressed and isinstance(each, dict)):  # it is not described as a place
                yield each


def _fall_silent() -> None:
    """Silence stdout and stderr, restore default signal handling and configure GDAL."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.environ.update(_ENVIRONMENT)


def _confine() -> None:
    """Limit memory and become the OOM killer's first choice. By now no command runs that could use /proc."""
    prctl(SET_DUMPABLE, 1)  # otherwise root owns its files in /proc
    with open("/proc/self/statm", "rb") as file:
        here = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (here + _MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
