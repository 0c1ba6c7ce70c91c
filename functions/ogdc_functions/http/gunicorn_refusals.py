"""What gunicorn refuses before any function sees it, such as too many headers, is answered in JSON, too."""

from __future__ import annotations

import json
import socket

from ogdc_functions.http.responses import SECURITY_HEADERS


def answer_gunicorn_refusals_in_json() -> None:
    """Replace the one function by which gunicorn's workers answer such requests; it has no setting for this.

    Source: gunicorn, `handle_error` of workers/base.py, which calls `util.write_error`.
    """
    from gunicorn import util

    util.write_error = _write_error


def _write_error(connection: socket.socket, status: int, reason: str, message: str) -> None:
    from gunicorn import util

    detail = f"{reason}: {message.rstrip('.')}." if message else f"{reason}."
    body = json.dumps({"detail": detail})
    head = [
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in SECURITY_HEADERS.items()),
    ]
    util.write_nonblock(connection, "\r\n".join([*head, "", body]).encode("latin-1"))
