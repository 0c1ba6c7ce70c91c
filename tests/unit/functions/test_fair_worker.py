"""Connections are shared out among the processes of a service: a real server, with real connections."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from http.client import HTTPConnection
from threading import Barrier
from typing import TYPE_CHECKING

from ogdc_functions.http.gunicorn_defaults import configure_gunicorn
from support.forks import forked
from support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PROCESSES, THREADS = 3, 2
SECONDS = 60


def serve(port: int, all_at_work: Barrier) -> None:
    """Answer with the process id, once each thread of each process has a request."""
    from functions_framework._http.gunicorn import GunicornApplication

    def application(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        all_at_work.wait(SECONDS)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]

    os.setsid()
    os.environ["THREADS"] = str(THREADS)
    configure_gunicorn()
    GunicornApplication(application, "127.0.0.1", port, False, workers=PROCESSES).run()


def connect(port: int) -> HTTPConnection:
    deadline = time.monotonic() + SECONDS
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        try:
            connection.connect()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return connection


def test_a_process_takes_no_connection_that_another_has_a_thread_for():
    (port,) = free_ports(1)
    all_at_work = multiprocessing.get_context("forkserver").Barrier(PROCESSES * THREADS)
    server = forked(serve, port, all_at_work)
    server.start()
    try:
        with ExitStack() as open_ones:
            connections = [connect(port) for _ in range(PROCESSES * THREADS)]
            for connection in connections:
                open_ones.callback(connection.close)
            for _ in range(2):  # the second time on the same connections
                for connection in connections:
                    connection.request("GET", "/")
                answers = [connection.getresponse().read() for connection in connections]
                assert Counter(Counter(answers).values()) == {THREADS: PROCESSES}
    finally:
        assert server.pid is not None
        os.killpg(server.pid, signal.SIGKILL)
        server.join()
