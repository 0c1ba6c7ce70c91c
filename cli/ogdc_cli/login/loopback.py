"""The authorization code grant with a browser on this machine, which redirects to a local port.

Sources: RFC 6749, section 4.1; RFC 8252, sections 7.3 and 8.3; RFC 7636; RFC 9207.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from ogdc_cli.login.metadata import Issuer, Way
from ogdc_cli.login.tokens import TokenAnswer
from ogdc_cli.login.web import ProviderError, Web
from ogdc_shared.auth.pkce import Proof

HOST = "127.0.0.1"
PATH = "/callback"
_SECONDS = 600.0
"""How long somebody has to log in."""
_IDLE_SECONDS = 10
_MAX_MESSAGE = 200
_PAGE = b"<!doctype html><meta charset=utf-8><title>ogdc-runner</title><p>%s You can close this window."


class Return(NamedTuple):
    """What the browser brought."""

    parameters: dict[str, str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a connection that a browser opens in advance says nothing, and holds up nobody
    allow_reuse_address = False

    def __init__(self, state: str) -> None:
        super().__init__((HOST, 0), _Handler)
        self.state = state
        self.returns: SimpleQueue[Return] = SimpleQueue()

    @property
    def address(self) -> str:
        """Where the browser is to come back to."""
        return f"http://{HOST}:{self.server_port}{PATH}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser may hang up; nothing of that belongs on a terminal."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _IDLE_SECONDS
    server_version, sys_version = "ogdc-runner", ""

    def do_GET(self) -> None:
        """Accept only the callback with this login's state; nothing from the request is shown."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, max_num_fields=20)
        parameters = {name: values[0] for name, values in query.items() if len(values) == 1}
        is_ours = self.headers.get("Host") == f"{HOST}:{self.server.server_port}" and parts.path == PATH
        if not (
            is_ours
            and secrets.compare_digest(parameters.get("state", "").encode(), self.server.state.encode())
        ):
            self._answer(404, b"There is nothing here.")
            return
        self._answer(200, b"Thank you: the command line goes on.")
        self.server.returns.put(Return(parameters))

    def _answer(self, status: int, text: bytes) -> None:
        body = _PAGE % text
        self.send_response(status)
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'",
            "Referrer-Policy": "no-referrer",
            "Connection": "close",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, because the request line contains the code."""


def log_in(web: Web, way: Way, *, show: Callable[[str], None], seconds: float = _SECONDS) -> TokenAnswer:
    """Log in; `show` is called first, with the URL to open in a browser on this machine.

    Raises:
        ProviderError: the login was denied or timed out, or the provider does not respond.
    """
    endpoint = way.issuer.authorization_endpoint
    if endpoint is None:
        raise ProviderError(f"{way.issuer.issuer} does not offer logins by a browser.")
    proof, state = Proof.new(), secrets.token_urlsafe(32)
    with _listening(state) as server:
        redirect = {"redirect_uri": server.address}
        asked = {"response_type": "code", "client_id": way.client_id, "scope": way.scope, "state": state}
        show(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked | redirect | proof.challenge)}")
        try:
            returned = server.returns.get(timeout=seconds)
        except Empty:
            raise ProviderError("The login in the browser was not completed in time.") from None
    form = {
        "grant_type": "authorization_code",
        "code": _code(returned.parameters, way.issuer),
        "client_id": way.client_id,
        "code_verifier": proof.verifier,
    }
    return web.answered_form(way.issuer.token_endpoint, form | redirect, TokenAnswer)


@contextmanager
def _listening(state: str) -> Iterator[_Server]:
    server = _Server(state)
    thread = Thread(target=server.serve_forever, args=(0.05,), name="loopback", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _code(returned: dict[str, str], issuer: Issuer) -> str:
    """The code that the browser brought, if it is this issuer's.

    Raises:
        ProviderError: it brought a refusal, or another issuer's code.
    """
    other = returned.get("iss")
    if (other is None and issuer.authorization_response_iss_parameter_supported) or other not in (
        None,
        issuer.issuer,
    ):
        raise ProviderError(f"The browser was not redirected by {issuer.issuer}, so the login was rejected.")
    if "code" in returned:
        return returned["code"]
    message = " ".join(f"{returned.get('error', '')} {returned.get('error_description', '')}".split())
    raise ProviderError(f"The provider refused the login: {message[:_MAX_MESSAGE] or 'it does not say why'}.")
