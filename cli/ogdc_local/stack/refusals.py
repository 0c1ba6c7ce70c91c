"""JSON errors for requests that the web server rejects before any application sees them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from waitress.task import ErrorTask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class JsonErrorTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """Responds to a request that is malformed or too large."""

    def execute(self) -> None:
        """See `ErrorTask.execute`."""
        error = self.request.error
        body = json.dumps({"detail": f"{error.reason}: {error.body.rstrip('.')}."}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff")]
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)


def without_connection_header(application: WSGIApplication) -> WSGIApplication:
    """Remove `Connection`, which the functions set for gunicorn, since PEP 3333 does not allow it."""

    def passed_on(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            kept = [header for header in headers if header[0].lower() != "connection"]
            return start_response(status, kept, *rest)

        return application(environ, start)

    return passed_on
