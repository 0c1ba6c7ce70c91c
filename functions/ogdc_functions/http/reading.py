"""A request's body is read before its handler runs: so much of it, and for so long."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer

from flask import Request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
)

_SECONDS = 120.0
"""A whole body has to come within these."""
_REFUSED_SECONDS = 2.0
_REFUSED_BYTES = 1 << 20
_BROKEN_OFF = "The request's body breaks off: it is shorter than its headers say. Send it again."


class UnreadableBodyError(BadRequest):
    """A request whose body is not framed as HTTP wants it, or breaks off."""


class SlowBodyError(RequestTimeout):
    """A request whose body did not come in time."""


UNREAD = (RequestEntityTooLarge, SlowBodyError, UnreadableBodyError)
"""What is raised of a body that was not read to its end."""


def read_body(request: Request, *, most: int, seconds: float = _SECONDS) -> None:
    """Read it now: functions-framework does it after the answer, where an error is a crash.

    One byte more than allowed is let in, since werkzeug cuts a chunked body off at the limit without a word.

    Raises:
        RequestEntityTooLarge: it has more than `most` bytes.
        SlowBodyError: it did not come within `seconds`.
        UnreadableBodyError: it is malformed, or breaks off.
    """
    request.max_content_length = most + 1
    with _cut_off_after(seconds, request) as is_late:
        try:
            size = _read(request, most=most)
        except UnreadableBodyError as exc:
            if is_late():
                raise SlowBodyError(f"The request's body did not come within {seconds:g} seconds.") from exc
            raise
    if size > most:
        raise RequestEntityTooLarge(f"The body is too large; at most {most:,} bytes are taken here.")


def read_what_is_refused(request: Request, *, most: int) -> bool:
    """Read the body of a request that is refused without it: callers send all before they read an answer.

    It gets little time, since anybody may send one.

    Returns:
        Whether all was read.
    """
    with suppress(HTTPException):
        read_body(request, most=min(most, _REFUSED_BYTES), seconds=_REFUSED_SECONDS)
        return True
    return False


def _read(request: Request, *, most: int) -> int:
    try:
        size = len(request.get_data())
    except RequestEntityTooLarge:
        return most + 1
    except ClientDisconnected as exc:
        raise UnreadableBodyError(_BROKEN_OFF) from exc
    except HTTPException:
        raise
    except Exception as exc:  # each web server has its own: a chunk that is malformed, a caller who went away
        raise UnreadableBodyError(f"The request's body cannot be read: {exc}") from exc
    if size < (request.content_length or 0) <= most:  # gunicorn leaves that unsaid
        raise UnreadableBodyError(_BROKEN_OFF)
    return size


@contextmanager
def _cut_off_after(seconds: float, request: Request) -> Iterator[Callable[[], bool]]:
    """Have what reads from the caller find the end of it after `seconds`; yields what tells whether it did.

    A limit for each read would not do: who sends a byte now and then keeps a thread as long as they like.

    Other servers have limits of their own. Source: gunicorn, http/wsgi.py (`gunicorn.socket`).
    """
    late = Event()
    connection = request.environ.get("gunicorn.socket")
    if connection is None or not _has_body(request):
        yield late.is_set
        return

    def cut_off() -> None:
        late.set()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RD)

    timer = Timer(seconds, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield late.is_set
    finally:
        timer.cancel()


def _has_body(request: Request) -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers
