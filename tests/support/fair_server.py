"""An HTTP server like that of the functions, whose application returns the id of its process.

It is not in a test's module, because its process is forked from one that can only import this package.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from threading import Barrier
from typing import TYPE_CHECKING

from ogdc_functions.http import fair_worker
from ogdc_functions.http.gunicorn_defaults import configure_gunicorn
from support.forks import forked
from support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECONDS = 60


@contextmanager
def served(
    *, processes: int, threads: int, together: Barrier | None = None, head_seconds: float = SECONDS
) -> Iterator[int]:
    """Serve until the block ends, and yield the port once connections are accepted."""
    (port,) = free_ports(1)
    server = forked(_serve, port, processes, threads, together, head_seconds)
    server.start()
    try:
        deadline = time.monotonic() + SECONDS
        while not _is_listening(port):
            assert server.is_alive(), "the server has ended; stderr says why"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield port
    finally:
        assert server.pid is not None
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.join()


def connect(port: int) -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.connect()
    return connection


def _is_listening(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return False
    return True


def _serve(port: int, processes: int, threads: int, together: Barrier | None, head_seconds: float) -> None:
    """Answer with the process id after 10 ms, or once `together` has as many requests as it waits for."""
    from functions_framework._http.gunicorn import GunicornApplication

    def application(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if together is None:
            time.sleep(0.01)
        else:
            together.wait(SECONDS)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]

    os.setsid()
    os.environ["THREADS"] = str(threads)
    if together is not None:
        fair_worker._PATIENCE, fair_worker._SILENCE = math.inf, SECONDS
    fair_worker._HEAD_SECONDS, fair_worker._SILENT_SECONDS = head_seconds, SECONDS
    configure_gunicorn()
    GunicornApplication(application, "127.0.0.1", port, False, workers=processes).run()  # type: ignore[no-untyped-call]
