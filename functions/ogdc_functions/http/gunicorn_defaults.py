"""Defaults for gunicorn, which functions-framework starts without letting us pass options."""

from __future__ import annotations

import json
import socket

from ogdc_functions.http.responses import SECURITY_HEADERS


def configure_gunicorn() -> None:
    """Share out connections fairly, let gunicorn report its own errors in JSON, disable its control socket.

    The control socket has one path in the user's home for all services: each start would take it from the
    others, a read-only home would log an error, and any process of the user could stop the service.

    Sources: gunicorn, `handle_error` in workers/base.py, which calls `util.write_error` and has no setting
    for it; `control_socket_disable` in config.py, new in 25.1.
    """
    from gunicorn import config, util

    config.WorkerClass.default = "ogdc_functions.http.fair_worker.FairWorker"
    util.write_error = _write_error
    config.ControlSocketDisable.default = True


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
