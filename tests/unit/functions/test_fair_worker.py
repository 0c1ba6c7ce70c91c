"""Connections are shared out among the processes of a service: a real server, with real connections."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections import Counter
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread

import pytest

from support.fair_server import SECONDS, connect, served

pytestmark = pytest.mark.slow


def ask(connection: HTTPConnection) -> bytes:
    connection.request("GET", "/")
    return connection.getresponse().read()


def test_a_busy_process_leaves_connections_to_processes_with_free_threads():
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


def test_connections_that_wait_when_a_process_stops_are_answered():
    answering = multiprocessing.get_context("forkserver").Barrier(2)
    with served(processes=1, threads=1, together=answering) as port:
        connections = [connect(port) for _ in range(3)]
        first = connections[0]
        first.request("GET", "/")
        answering.wait(SECONDS)
        pid = int(first.getresponse().read())
        for connection in connections:
            connection.request("GET", "/")
        os.killpg(os.getpgid(pid), signal.SIGTERM)
        wait_until_all_are_accepted(port)
        for _ in connections:
            answering.wait(SECONDS)
        for connection in connections:
            assert connection.getresponse().read() == str(pid).encode()
            connection.close()


def wait_until_all_are_accepted(port: int) -> None:
    """Source: proc_pid_net(5); the receive queue of a listening socket (state 0A) has connections."""
    deadline = time.monotonic() + SECONDS
    none_waits = f":{port:04X} 00000000:0000 0A 00000000:00000000 "
    while none_waits not in Path("/proc/net/tcp").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_silent_connections_and_unfinished_heads_do_not_hold_a_thread():
    with served(processes=1, threads=1, head_seconds=0.2) as port:
        silent = [connect(port) for _ in range(13)]  # at five seconds each, more than SECONDS
        unfinished = [connect(port) for _ in range(2)]
        for connection in unfinished:
            connection.sock.sendall(b"GET / HTTP/1.1\r\nHost:")
        with closing(connect(port)) as other:
            assert ask(other).isdigit()
        for connection in unfinished:
            assert connection.sock.recv(1) == b""
        for connection in silent:
            assert ask(connection).isdigit()
        for connection in (*silent, *unfinished):
            connection.close()


def test_an_idle_connection_is_closed_by_the_client_first():
    """What is sent while the server closes it would be lost; gunicorn itself closes it after two seconds."""
    with served(processes=1, threads=1) as port, closing(connect(port)) as connection:
        pid = ask(connection)
        time.sleep(3.5)
        assert ask(connection) == pid


def test_a_busy_connection_does_not_block_others():
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
