"""The child of the worker that looks at results with GDAL, and may be begun before there are any.

To load the library takes longer than to look at a file, and one command more to do is time enough for it. So
the child begins by that, and then waits for its task. It answers in lines of JSON, `[kind, message]` each:
GDAL's version first, then what it finds of one file after the other, with `[null, ""]` after each.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from ogdc_worker.process.prctl import SET_DUMPABLE, prctl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, BinaryIO, NoReturn

    from ogdc_worker.process.check_file import Finding
    from ogdc_worker.process.gdal import Gdal

NO_GDAL, VERSION, PLACE = "no gdal", "version", "place"
"""The kinds of answers that are no findings."""
_MEMORY_BYTES = 1 << 30
"""The child may ask for beyond what it begins with."""
_PIECE = 65536
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS})
_ENVIRONMENT = {
    "GDAL_PAM_ENABLED": "NO",  # nothing is written beside what is looked at
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    "GDAL_CACHEMAX": "64",
    "GDAL_NUM_THREADS": "1",
    "GDAL_HTTP_TIMEOUT": "2",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
}


class Looking(NamedTuple):
    """What a child has to do."""

    directory: str
    files: Sequence[tuple[str, str]]
    """Their names and how these end."""
    thumbnails: str | None
    """Where pictures are put; None: none are made."""
    seconds: float
    """How long it may take."""


class Checker:
    """A child that loads GDAL, and looks at files once it is asked to.

    Attributes:
        pid: Its process.
    """

    def __init__(self) -> None:
        """Begin it."""
        tasks, write = os.pipe()
        self._answers, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(write)  # so that it ends with the worker, if nobody else ends it
            os.close(self._answers)
            _child(tasks, answers)
        self._tasks: BinaryIO = os.fdopen(write, "wb")
        os.close(tasks)
        os.close(answers)

    def is_alive(self) -> bool:
        """Whether it can still be asked; once, before it is."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def look(self, task: Looking) -> Iterator[tuple[Any, Any]]:
        """Have it look at files, and yield its answers until there are no more, or it is time."""
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
        """End it; returns whether it had crashed."""
        self._tasks.close()
        os.close(self._answers)
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) in _CRASHES


def _lines(descriptor: int, deadline: float) -> Iterator[bytes]:
    """Yield whole lines until there are no more, or it is time."""
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
    """Load GDAL, wait for a task and do it. Pictures are made with the time left."""
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
    except Exception:  # there is nobody to tell, and what was not looked at is counted
        os._exit(1)
    os._exit(0)


def _load(answers: int) -> Gdal | None:
    """Load the library, and all that looking takes; None where there is none."""
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
    """The task; None where there is none to come."""
    content = file.read()
    return Looking(*json.loads(content)) if content else None


def _answer(answers: int, kind: str | None, message: object) -> None:
    os.write(answers, f"{json.dumps([kind, message])}\n".encode())


def _findings(gdal: Gdal, path: str, suffix: str, deadline: float) -> Iterator[Finding | dict[str, Any]]:
    """What there is to say of a file; GDAL is not asked for an archive that is none."""
    from ogdc_worker.process.check_archive import check_archive
    from ogdc_worker.process.check_file import check_file
    from ogdc_worker.process.result_kinds import READERS

    found = list(check_archive(path, suffix, deadline=deadline))
    yield from found
    if not found and suffix in READERS and gdal.has_driver(READERS[suffix]):
        yield from check_file(gdal, path, suffix, deadline=deadline)


def _fall_silent() -> None:
    """Say nothing, end when asked to, and write nothing beside the files."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.environ.update(_ENVIRONMENT)


def _confine() -> None:
    """Be the first to go when memory ends; once no command is left that could make use of it."""
    prctl(SET_DUMPABLE, 1)  # else its files in /proc are root's
    with open("/proc/self/statm", "rb") as file:
        here = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (here + _MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
