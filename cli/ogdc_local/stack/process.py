"""The local stack's process: it supervises PostgreSQL (a child) and the services (threads)."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, TextIO

from ogdc_local.errors import DamagedStateError, RemovedStateError, StackError
from ogdc_local.settings import StackSettings
from ogdc_local.stack.binaries import find_binaries
from ogdc_local.stack.control import Stack
from ogdc_local.stack.environment import passed_on
from ogdc_local.stack.imports import import_later
from ogdc_local.stack.installation import installation
from ogdc_local.stack.lock import is_in_place
from ogdc_local.stack.paths import StatePaths, read_state, write_private
from ogdc_local.stack.postgres import Postgres, stop_orphans
from ogdc_shared.errors import OgdcError
from ogdc_shared.variables import read_variable

if TYPE_CHECKING:
    from ogdc_local.stack.services import Services

_GARBAGE = 50_000
"""Objects created between garbage collections. Imports create that many, and a workflow keeps its objects."""
_TICK_SECONDS = 0.25
_MAX_PAUSE = 4.0

logger = logging.getLogger(__name__)


def main() -> None:
    """Detach from the starter, serve, and report whether it works.

    Arguments: the descriptors of the lock, which the starter has taken, and of the pipe on which the starter
    waits.
    """
    gc.set_threshold(_GARBAGE)
    lock, ready = (int(argument) for argument in sys.argv[1:3])
    for descriptor in (lock, ready):
        os.set_inheritable(descriptor, False)
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    _leave_session_keyring()
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    status = _serve_and_report(StatePaths.from_env(), lock=lock, pipe=os.fdopen(ready, "w"))
    # Everything is stopped and on disk; a normal exit would only wait for imports.
    logging.shutdown()
    os._exit(status)


def _leave_session_keyring() -> None:
    """Give this process and its children a keyring of their own: a login's may contain Kerberos tickets.

    Source: keyctl(2), KEYCTL_JOIN_SESSION_KEYRING; the numbers are for these architectures.
    """
    number = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    if sys.platform == "linux" and number is not None:
        import ctypes

        ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(1), None)  # may be denied


def _serve_and_report(paths: StatePaths, *, lock: int, pipe: TextIO) -> int:
    """Serve, report to the starter through `pipe`, and return the exit status."""
    try:
        serve(paths, lock=lock, environ=os.environ, announce=lambda: _answer(pipe, None))
    except OgdcError as exc:
        logger.critical("%s", exc)
        _answer(pipe, str(exc), damaged=exc.facts if isinstance(exc, DamagedStateError) else None)
        return 1
    except Exception as exc:
        logger.exception("the stack failed")
        _answer(pipe, f"{type(exc).__name__}: {exc} (more in {paths.stack_log})")
        return 1
    return 0


def serve(paths: StatePaths, *, lock: int, environ: Mapping[str, str], announce: Callable[[], None]) -> None:
    """Run the stack until a signal, its idle timeout, or the removal of its state directory ends it.

    Args:
        paths: The state directory.
        lock: Descriptor of the held lock.
        environ: The user's environment.
        announce: Called once everything is ready.

    Raises:
        OgdcError: a part does not start.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    imports = threading.Thread(target=_import_services, daemon=True)
    imports.start()
    files = installation()
    stop_orphans(paths.root)
    postgres = _postgres(paths, environ)
    try:
        postgres.start()
        imports.join()
        from ogdc_local.stack.services import running_services

        settings = passed_on(environ)
        with running_services(paths, environ=environ, settings=settings) as services:
            running = Stack(os.getpid(), services.url, _now(), version("ogdc-runner"), settings, files)
            _write_record(paths, running)
            announce()
            import_later()
            logger.info("ready at %s", services.url)
            _supervise(postgres, stop=stop, done=lambda: _is_over(paths, lock, services))
            if is_in_place(paths, lock):
                paths.record.unlink(missing_ok=True)
    finally:
        postgres.stop()
        if is_in_place(paths, lock):  # otherwise the path may belong to another stack
            paths.remove_socket_dir()
    logger.info("stopped")


def _import_services() -> None:
    """Import the services while PostgreSQL starts; errors recur where they are used."""
    with suppress(Exception):
        import ogdc_local.stack.services  # noqa: F401


def _postgres(paths: StatePaths, environ: Mapping[str, str]) -> Postgres:
    """Choose the PostgreSQL to run.

    Raises:
        StackError: there is none, or none that can read the existing database.
    """
    binaries = find_binaries(paths.postgres_data, environ)
    logger.info("PostgreSQL %d from %s", binaries.major, binaries.directory)
    data = paths.postgres_data(binaries.major)
    earlier = [path for path in sorted(paths.root.glob("pg-*")) if path.name.removeprefix("pg-").isdecimal()]
    if earlier and not data.exists() and not read_variable(StackSettings, "postgres_binaries", environ):
        raise StackError(
            f"The record of earlier runs is in {earlier[-1]}, which needs that version of PostgreSQL, but "
            f"version {binaries.major} is installed ({binaries.directory}). Install the other one, or move "
            "the directory away to start a new record."
        )
    return Postgres(binaries=binaries, data=data, socket_dir=paths.socket_dir(), log=paths.postgres_log)


def _supervise(postgres: Postgres, *, stop: threading.Event, done: Callable[[], bool]) -> None:
    """Restart PostgreSQL when needed, until `stop` is set or `done` returns True.

    Raises:
        RemovedStateError: its data directory was removed or replaced.
    """
    pause = _TICK_SECONDS
    while not stop.wait(pause) and not done():
        pause = _TICK_SECONDS if _revive(postgres) else min(2 * pause, _MAX_PAUSE)


def _revive(postgres: Postgres) -> bool:
    if postgres.running:
        return True
    logger.warning("PostgreSQL has ended; starting it again")
    try:
        postgres.start()
    except RemovedStateError:
        raise
    except (StackError, OSError) as exc:
        logger.warning("PostgreSQL does not come back: %s", exc)
        return False
    return True


def _is_over(paths: StatePaths, lock: int, services: Services) -> bool:
    """Whether the stack has to stop, because it cannot work any more; logs the reason."""
    if not is_in_place(paths, lock):
        logger.warning("the state directory %s was removed", paths.root)
    elif not services.alive:
        logger.error("the engine has failed; the next start goes on with its workflows")
    elif _has_idled(paths, services):
        logger.info("nobody has wanted anything for a while")
    else:
        return False
    return True


def _has_idled(paths: StatePaths, services: Services) -> bool:
    """Whether the idle timeout has expired."""
    try:
        limit = float(read_state(paths.idle_timeout))
        asked = time.time() - paths.idle_timeout.stat().st_mtime
    except (OSError, ValueError):  # `never`, or being written
        return False
    return asked > limit and services.idle_seconds > limit


def _write_record(paths: StatePaths, stack: Stack) -> None:
    write_private(paths.record, json.dumps(stack._asdict()))


def _answer(pipe: TextIO, error: str | None, *, damaged: dict[str, str] | None = None) -> None:
    """Report to the starter, once; it may have ended."""
    if not pipe.closed:
        with suppress(OSError), pipe:
            json.dump({"error": error, "damaged": damaged}, pipe)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    main()
