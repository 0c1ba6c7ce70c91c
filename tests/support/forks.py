"""Processes forked from one that has imported what they need: imports take most of the time of a start.

That programs start by themselves, and what they import, other tests hold
(`test_import_cost`, `test_cli_start`).
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

_IMPORTED = [
    "functions_framework._cli",
    "functions_framework._http.gunicorn",
    "gunicorn.arbiter",
    "gunicorn.workers.gthread",
    "ogdc_cli.api",
    "ogdc_cli.main",
    "ogdc_cli.recipes",
    "ogdc_cli.running",
    "ogdc_cli.submission",
    "ogdc_functions.argo_events",
    "ogdc_functions.dead_letters",
    "ogdc_functions.status",
    "ogdc_functions.submit",
    "ogdc_functions.upload",
    "ogdc_shared.db.database",
    "ogdc_shared.runs.submit",
    "ogdc_shared.storage.directory",
    "ogdc_shared.workflow.build",
]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["__main__", *_IMPORTED])
_INTERPRETER = ("PYTHON", "LANG", "LC_", "LD_")


class Ended(NamedTuple):
    """How a process ended; `code` is -N after signal N."""

    code: int
    out: str
    err: str


def forked(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Create a process that calls `target`, without starting it.

    The server that forks it starts in `/`, because gunicorn keeps the directory in which it was imported, and
    a test's own directory is removed after the test.
    """
    with chdir("/"):
        forkserver.ensure_running()
    return _FORKS.Process(target=target, args=arguments)


def can_fork(environ: Mapping[str, str]) -> bool:
    """Whether an environment contains nothing that the interpreter reads at its start."""
    return _of_the_interpreter(environ) == _of_the_interpreter(os.environ)


def _of_the_interpreter(environ: Mapping[str, str]) -> dict[str, str]:
    given = {name: value for name, value in environ.items() if name.startswith(_INTERPRETER)}
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    return given


def run_forked(
    main: Callable[[], None],
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    timeout: float,
) -> Ended:
    """Run a program's `main` to its end, as `subprocess.run` would, with nothing to read and no terminal."""
    with tempfile.TemporaryDirectory(prefix="ogdc-fork-") as directory:
        outputs = [Path(directory) / "out", Path(directory) / "err"]
        process = forked(_be, main, list(arguments), dict(environ), cwd, outputs)
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
        out, err = (output.read_text(errors="replace") for output in outputs)
        code = process.exitcode
        process.close()
    assert code is not None
    return Ended(code, out, err)


def _be(
    main: Callable[[], None],
    arguments: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
    outputs: Sequence[Path],
) -> None:
    """Run a program in a process that was just forked."""
    take_streams(Path(os.devnull), *outputs)
    sys.argv = [main.__module__, *arguments]
    tempfile.tempdir = None
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    finally:
        atexit._run_exitfuncs()  # which multiprocessing does not


def take_streams(stdin: Path, stdout: Path, stderr: Path) -> None:
    """Make files the standard streams of this process, and of what it starts."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, file, flag in ((0, stdin, os.O_RDONLY), (1, stdout, flags), (2, stderr, flags)):
        descriptor = os.open(file, flag, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
