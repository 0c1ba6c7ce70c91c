"""Defaults for gunicorn, which functions-framework starts without letting us pass options."""

from __future__ import annotations

import json
import socket

from ogdc_functions.http.responses import SECURITY_HEADERS

_KEEPALIVE_SECONDS = 120
"""Longer than the 90 s for which Knative's queue-proxy keeps an idle connection. If the server closed it
first (gunicorn does after two seconds), a request sent at that moment would be lost, and the proxy repeats no
POST.

Source: net/http of Go, `DefaultTransport`, which knative.dev/pkg/network copies (transports.go).
"""


def configure_gunicorn() -> None:
    """Share out connections fairly, keep idle ones for longer, report gunicorn's own errors in JSON.

    There is no control socket: it has one path in the user's home for all services, each start would take it
    from the others, a read-only home would log an error, and any process of the user could stop the service.

    Sources: gunicorn, `handle_error` in workers/base.py, which calls `util.write_error` and has no setting
    for it; `control_socket_disable` in config.py, new in 25.1.
    """
    from gunicorn import config, util

    config.WorkerClass.default = "ogdc_functions.http.fair_worker.FairWorker"
    config.Keepalive.default = _KEEPALIVE_SECONDS
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
