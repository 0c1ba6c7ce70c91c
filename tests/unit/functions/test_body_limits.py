"""How long, and how much of, a request's body is read: of real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from ogdc_functions.http.body_limits import (
    SlowBodyError,
    UnreadableBodyError,
    read_body,
    read_what_is_refused,
)


class Connection:
    """What a caller sends, and requests that are read from it."""

    def __init__(self) -> None:
        self.caller, self._server = socket.socketpair()
        self._received = self._server.makefile("rb")

    def request(self, *, length: int) -> Request:
        return Request(
            {
                "REQUEST_METHOD": "POST",
                "CONTENT_LENGTH": str(length),
                "gunicorn.socket": self._server,
                "wsgi.input": self._received,
            }
        )

    def close(self) -> None:
        for end in (self._received, self._server, self.caller):
            end.close()


@pytest.fixture
def connection() -> Iterator[Connection]:
    with closing(Connection()) as connection:
        yield connection


@pytest.mark.parametrize("trickles", [False, True])
def test_reading_a_missing_body_times_out(connection: Connection, *, trickles: bool) -> None:
    request, over = connection.request(length=1000), threading.Event()

    def trickle() -> None:
        with suppress(OSError):
            while not over.wait(0.01):
                connection.caller.send(b"x")

    thread = threading.Thread(target=trickle)
    if trickles:
        thread.start()
    with pytest.raises(SlowBodyError, match=r"within 0\.1 seconds"):
        read_body(request, most=2000, seconds=0.1)
    over.set()
    if trickles:
        thread.join()


def test_what_comes_in_time_is_read(connection: Connection) -> None:
    request = connection.request(length=6)
    connection.caller.sendall(b"seal")
    sent = threading.Timer(0.05, connection.caller.sendall, (b"-1",))
    sent.start()
    read_body(request, most=10)
    assert request.get_data() == b"seal-1"
    sent.join()


def test_a_connection_whose_body_came_in_time_stays_open(connection: Connection) -> None:
    connection.caller.sendall(b"seal")
    read_body(connection.request(length=4), most=10, seconds=0.6)
    with closing(Connection()) as slow, pytest.raises(SlowBodyError):
        read_body(slow.request(length=4), most=10, seconds=0.7)
    connection.caller.sendall(b"-one")
    read_body(connection.request(length=4), most=10)


def test_truncated_and_oversized_bodies_are_not_reported_as_timeouts(connection: Connection) -> None:
    with pytest.raises(RequestEntityTooLarge):
        read_body(connection.request(length=12), most=10)
    connection.caller.shutdown(socket.SHUT_WR)
    with pytest.raises(UnreadableBodyError, match="is truncated"):
        read_body(connection.request(length=10), most=10)


@pytest.mark.parametrize(("length", "read"), [(4, True), (5, False), (2 << 20, False)])
def test_the_received_part_of_a_rejected_body_is_read(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, length: int, *, read: bool
) -> None:
    monkeypatch.setattr("ogdc_functions.http.body_limits._REFUSED_SECONDS", 600 if read else 0.1)
    connection.caller.sendall(b"seal")
    assert read_what_is_refused(connection.request(length=length), most=10 << 20) == read
