"""Connections are shared out among the processes of a service: a real server, with real connections."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING

from ogdc_functions.http import fair_worker
from ogdc_functions.http.gunicorn_defaults import configure_gunicorn
from support.forks import forked
from support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECONDS = 60


def serve(port: int, processes: int, threads: int, together: Barrier | None) -> None:
    """Answer with the process id: after 10 ms, or once as many requests are at work as `together` says."""
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
        fair_worker._PATIENCE = math.inf
    configure_gunicorn()
    GunicornApplication(application, "127.0.0.1", port, False, workers=processes).run()


@contextmanager
def served(*, processes: int, threads: int, together: Barrier | None = None) -> Iterator[int]:
    """Serve until the block ends; yields the port."""
    (port,) = free_ports(1)
    server = forked(serve, port, processes, threads, together)
    server.start()
    try:
        yield port
    finally:
        assert server.pid is not None
        os.killpg(server.pid, signal.SIGKILL)
        server.join()


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


def ask(connection: HTTPConnection) -> bytes:
    connection.request("GET", "/")
    return connection.getresponse().read()


def test_a_process_takes_no_connection_that_another_has_a_thread_for():
    processes, threads = 3, 2
    together = multiprocessing.get_context("forkserver").Barrier(processes * threads)
    with served(processes=processes, threads=threads, together=together) as port:
        connections = [connect(port) for _ in range(processes * threads)]
        for _ in range(2):  # the second time on the same connections
            for connection in connections:
                connection.request("GET", "/")
            answers = [connection.getresponse().read() for connection in connections]
            assert Counter(Counter(answers).values()) == {threads: processes}
        for connection in connections:
            connection.close()


def test_a_connection_whose_requests_never_end_keeps_no_other_waiting():
    over = Event()

    def ask_without_end(connection: socket.socket) -> None:
        with suppress(ConnectionError):
            while not over.is_set():
                connection.sendall(100 * b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    def read_answers(connection: socket.socket) -> None:
        with suppress(ConnectionError):
            while connection.recv(1 << 16):
                pass

    with served(processes=1, threads=1) as port:
        busy = connect(port).sock
        threads = [Thread(target=each, args=[busy]) for each in (ask_without_end, read_answers)]
        for thread in threads:
            thread.start()
        with closing(connect(port)) as other:
            assert ask(other).isdigit()
        over.set()
    for thread in threads:
        thread.join()
    busy.close()
