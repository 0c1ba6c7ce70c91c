"""PostgreSQL as a child process: found, initialised, started, stopped, and taken over after a crash.

It listens only on a Unix socket in a private directory, so it trusts all connections. It flushes to disk as
usual (fsync on), so neither a killed process nor a power cut loses a commit. The exception is a power cut
within seconds of the very first start, because `initdb` runs with `--no-sync`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ogdc_local.errors import DamagedStateError, RemovedStateError, StackError
from ogdc_local.stack.binaries import Binaries
from ogdc_local.stack.paths import open_log, read_state
from ogdc_local.stack.privileges import Launcher, choose_launcher

USER = "ogdc"
DATABASE = "postgres"
_START_SECONDS = 60.0
_LOCALE = "C.UTF-8" if sys.platform == "linux" else "C"
_INITDB_OPTIONS = (
    f"--username={USER}",
    "--auth=trust",
    "--encoding=UTF8",
    f"--locale={_LOCALE}",
    "--no-sync",
    "--no-instructions",
)
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
_PASSING = ("is still in use", "already exists")
"""Messages of temporary errors: children of a killed server need a moment to release the shared memory, or a
killed stack's server is just starting."""
_OF_THE_MACHINE = (
    *("No space left", "Disk quota exceeded", "Permission denied", "Cannot allocate", "could not map"),
    *("Read-only file system", "Too many open files", "was not ready", "shared library", "printed nothing"),
    *("could not bind", "could not create", "not permitted", "must not be run as"),
)
"""Messages of errors that are unrelated to the data."""
_LOST = "the record of runs, recipes and triggers; published data and outputs stay"
_ENVIRONMENT = {"PATH": os.defpath, "LANG": _LOCALE, "LC_MESSAGES": "C"}
"""Nothing of the user's environment is passed on: no PG* variable, no secret, no locale."""

logger = logging.getLogger(__name__)


class Postgres:
    """One data directory and, between `start` and `stop`, its server.

    `start` must be called from a thread that lives as long as the server. On Linux the server is shut down
    when that thread ends, so that a killed stack leaves no server behind.
    """

    def __init__(
        self,
        *,
        binaries: Binaries,
        data: Path,
        socket_dir: Path,
        log: Path,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Store the arguments; `settings` are additional settings of the server."""
        self._binaries = binaries
        self._data = data
        self._socket_dir = socket_dir
        self._log = log
        self._settings = _SETTINGS | {"unix_socket_directories": str(socket_dir)} | dict(settings)
        self._launcher = Launcher(())
        self._process: subprocess.Popen[bytes] | None = None
        self._started_on: os.stat_result | None = None

    @property
    def running(self) -> bool:
        """Whether the server's process is running; reaps it if it has ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    def start(self) -> None:
        """Start the server and wait until it accepts connections; the first start creates the data directory.

        Raises:
            RemovedStateError: the data directory of an earlier start was removed or replaced. What is at its
                path now may belong to another stack.
            StackError: it does not start; the message ends with PostgreSQL's output.
        """
        self._launcher = choose_launcher(self._data)
        self._clear()
        if self._started_on is None:
            if not self._data.exists():
                self._initialise()
            self._started_on = self._data.stat()
        self._launcher.give(self._socket_dir)
        deadline = time.monotonic() + _START_SECONDS
        while (complaint := self._launch()) is not None:
            if not any(sign in complaint for sign in _PASSING) or time.monotonic() > deadline:
                raise self._start_error(complaint)
            time.sleep(0.1)
            self._clear()

    def _start_error(self, complaint: str) -> StackError:
        """Return the error for damaged data, or for a machine that cannot run a server now."""
        if any(sign in complaint for sign in _OF_THE_MACHINE):
            return StackError(f"PostgreSQL does not start ({self._log}): {complaint}")
        return DamagedStateError(self._data, reason=f"PostgreSQL says: {complaint}", lost=_LOST)

    def stop(self) -> None:
        """Shut the server down, increasingly forcefully; does nothing if it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        for number, seconds in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                return

    def _clear(self) -> None:
        """Stop a leftover server on the data directory, and remove sockets of dead ones.

        Raises:
            RemovedStateError: as `start`.
        """
        if self._started_on is not None and not _is_at(self._data, self._started_on):
            raise RemovedStateError(f"PostgreSQL's data directory {self._data} was removed or replaced.")
        stop_orphan(self._data)
        for leftover in self._socket_dir.glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)

    def _initialise(self) -> None:
        """Create the data directory, under another name until it is complete."""
        draft = self._data.with_name(f"{self._data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self._launcher.give(draft)
        initdb = self._binaries.directory / "initdb"
        done = subprocess.run(
            [*self._launcher.prefix, initdb, "-D", draft, *_INITDB_OPTIONS],
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise StackError(f"PostgreSQL's data directory {self._data} cannot be made: {_tail(done.stdout)}")
        draft.rename(self._data)

    def _launch(self) -> str | None:
        """Start the server once; returns None when it is ready, else its output before it ended."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        log = open_log(self._log)
        began = os.fstat(log).st_size
        try:
            self._process = subprocess.Popen(
                [*self._launcher.prefix, self._binaries.directory / "postgres", "-D", self._data, *options],
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        finally:
            os.close(log)
        deadline = time.monotonic() + _START_SECONDS
        while self.running:
            if _ready(self._data, self._process.pid):
                return None
            if time.monotonic() > deadline:
                self.stop()
                return f"it was not ready after {_START_SECONDS:.0f} seconds"
            time.sleep(0.004)
        with self._log.open(errors="replace") as file:
            file.seek(began)
            return _tail(file.read())


def _is_at(path: Path, known: os.stat_result) -> bool:
    """Whether a path still leads to the same directory."""
    try:
        return os.path.samestat(path.stat(), known)
    except FileNotFoundError:
        return False


def stop_orphan(data: Path) -> None:
    """Stop the server that a killed stack left on `data`, and remove what would keep a new one from starting.

    Only the holder of the stack's lock may call this, since then the server belongs to no other stack.

    Raises:
        StackError: it does not end.
    """
    pid_file = data / "postmaster.pid"
    pid = _postmaster(data)
    for number, seconds in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        if pid is None:
            break
        logger.warning("stopping PostgreSQL, process %d, left behind by an earlier stack", pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while (pid := _postmaster(data)) is not None and time.monotonic() < deadline:
            time.sleep(0.01)
    if pid is not None:
        raise StackError(
            f"PostgreSQL, process {pid}, holds {data} and cannot be stopped; end it and try again."
        )
    if pid_file.exists():  # it was killed
        _end_children(data)
        # The file names a zombie, or an unrelated process by now; it would keep a new server from starting.
        pid_file.unlink(missing_ok=True)


def stop_orphans(root: Path) -> None:
    """Stop leftover servers on all data directories below `root`; see `stop_orphan`."""
    for data in root.glob("pg-*"):
        stop_orphan(data)


def _end_children(data: Path) -> None:
    """Kill the children of a killed server on `data`, since some would end only after a minute.

    Until then they hold its shared memory, which keeps a new server from starting.
    """
    for proc in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (proc / "comm").read_text() == "postgres\n" and (proc / "cwd").samefile(data):
                os.kill(int(proc.name), signal.SIGKILL)


def _postmaster(data: Path) -> int | None:
    """Return the pid of the live server on `data`, or None."""
    try:
        pid = int(read_state(data / "postmaster.pid").split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if pid > 0 and _serves(pid, data) else None


def _serves(pid: int, data: Path) -> bool:
    """Whether `pid` is a live PostgreSQL on `data`: the server's working directory is its data directory."""
    proc = Path("/proc") / str(pid)
    try:
        # A zombie has no working directory any more.
        return (proc / "cwd").samefile(data)
    except OSError:
        if Path("/proc/self").exists():
            return False
    listing = subprocess.run(
        ["ps", "-o", "state=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return not listing.stdout.startswith("Z") and str(data) in listing.stdout


def _ready(data: Path, pid: int) -> bool:
    """Whether the server accepts connections.

    Source: PostgreSQL, src/include/utils/pidfile.h: line 1 is the process id, line 8 the padded status.
    """
    try:
        lines = read_state(data / "postmaster.pid").splitlines()
    except (OSError, ValueError):
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _tail(text: str) -> str:
    """Join the last lines, at most five, without time and process id."""
    lines = [line.partition("] ")[2] or line for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-5:]) or "it printed nothing"
