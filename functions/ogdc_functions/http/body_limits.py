"""Reading request bodies before the handler runs, with limits on size and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from flask import Request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
)

from ogdc_functions.http.cutting_off import Watchdog

_SECONDS = 120.0
"""Time limit for a whole body."""
_REFUSED_SECONDS = 2.0
_REFUSED_BYTES = 1 << 20
_watchdog = Watchdog()
_TRUNCATED = "The request body is truncated: it is shorter than its headers say. Send it again."


class UnreadableBodyError(BadRequest):
    """A request body is malformed or truncated."""


class SlowBodyError(RequestTimeout):
    """A request body was not received in time."""


UNREAD = (RequestEntityTooLarge, SlowBodyError, UnreadableBodyError)
"""The errors that leave a body partly unread."""


def read_body(request: Request, *, most: int, seconds: float = _SECONDS) -> None:
    """Read the whole body: functions-framework would do so after the response, where an error is a crash.

    The limit passed to werkzeug is one byte more, because it silently truncates a chunked body at its limit.

    Raises:
        RequestEntityTooLarge: it has more than `most` bytes.
        SlowBodyError: it was not received within `seconds`.
        UnreadableBodyError: it is malformed or truncated.
    """
    request.max_content_length = most + 1
    with _cut_off_after(seconds, request) as is_late:
        try:
            size = _read(request, most=most)
        except UnreadableBodyError as exc:
            if is_late():
                raise SlowBodyError(f"The body was not received within {seconds:g} seconds.") from exc
            raise
    if size > most:
        raise RequestEntityTooLarge(f"The body is too large; at most {most:,} bytes are accepted.")


def read_what_is_refused(request: Request, *, most: int) -> bool:
    """Drain the body of a rejected request, because clients send all of it before they read the response.

    The limits are small, because such requests are unauthenticated.

    Returns:
        Whether the whole body was read.
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
        raise UnreadableBodyError(_TRUNCATED) from exc
    except HTTPException:
        raise
    except Exception as exc:  # web servers differ: malformed chunks, closed connections
        raise UnreadableBodyError(f"The request body cannot be read: {exc}") from exc
    if size < (request.content_length or 0) <= most:  # gunicorn does not report it
        raise UnreadableBodyError(_TRUNCATED)
    return size


@contextmanager
def _cut_off_after(seconds: float, request: Request) -> Iterator[Callable[[], bool]]:
    """Shut down reading from the client after `seconds`; yields a function that tells whether that happened.

    A timeout for each read would not suffice: a client that sends a byte now and then would hold a thread.

    Other servers have their own limits. Source: gunicorn, http/wsgi.py (`gunicorn.socket`).
    """
    connection = request.environ.get("gunicorn.socket")
    if connection is None or not _has_body(request):
        yield lambda: False
        return
    with _watchdog.watching(connection, seconds) as deadline:
        yield lambda: deadline.is_over


def _has_body(request: Request) -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers
