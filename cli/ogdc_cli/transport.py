"""Requests to a deployment, with error responses and timeouts turned into messages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urljoin

import msgspec

from ogdc_cli.login.credentials import Credentials, UserCredentials
from ogdc_cli.login.logins import origin_of
from ogdc_cli.sender import MAX_PAUSE_SECONDS, NoAnswerError, Response, Sender
from ogdc_cli.settings import ClientSettings
from ogdc_cli.terminal import say
from ogdc_shared.errors import OgdcError
from ogdc_shared.statuses import BUSY
from ogdc_shared.structs import decoder
from ogdc_shared.telemetry.tracing import new_trace

_Answer = TypeVar("_Answer", bound=msgspec.Struct)
_MAX_WAITS = 3
"""How many times a command waits when a response asks for it."""


class ApiError(OgdcError):
    """The API rejected a request or failed.

    Attributes:
        status: The HTTP status, or None without a response.
        passing: Whether the same request may succeed later.
        retry_after: After how many seconds, or None if the API does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.passing = passing
        self.retry_after = retry_after


class Known(NamedTuple, Generic[_Answer]):
    """A response that can be revalidated."""

    answer: _Answer
    tag: str | None
    """Its ETag; None if the deployment, being of an earlier version, sends none."""


class Transport:
    """Sends requests to a deployment, or to the stack on this machine."""

    def __init__(self, settings: ClientSettings, credentials: Credentials | None = None) -> None:
        """Store the arguments; nothing is sent yet.

        Args:
            settings: The deployment.
            credentials: Credentials for it; None means the user's.
        """
        self._credentials = credentials or UserCredentials(settings)
        self._url = settings.api_url
        self._by_default = settings.by_default
        # One trace for all requests of a command.
        trace = new_trace(recorded=True)
        self._headers = {"OGDC-User": settings.user, "Accept": "application/json"} | trace.headers
        self._verify_tls = settings.verify_tls
        # To read the certificates of all authorities takes as long as ten requests, and the stack needs none.
        self._ca_file = None if settings.is_local_stack else settings.ca_file
        self._stack_url = settings.api_url if settings.is_local_stack else None
        self._senders: dict[bool, Sender] = {}

    def shows_token(self) -> bool:
        """Whether requests say by a token who the caller is.

        Raises:
            OgdcError: there is a token, and it cannot be read, or must not be sent.
        """
        return self._credentials.token() is not None

    def call(
        self,
        method: str,
        path: str,
        answer: type[_Answer],
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Answer:
        """Send a request to the API, and decode its JSON response.

        Raises:
            ApiError: the response is malformed, or the API rejects the request or does not respond.
        """
        with self.stream(method, path, body=body, headers=headers) as response:
            data = response.read()
        return self._decoded(data, answer)

    def call_unless_known(
        self, path: str, answer: type[_Answer], known: Known[_Answer] | None, *, wait: float = 0.0
    ) -> Known[_Answer]:
        """Read a resource, unless it has not changed.

        Args:
            path: Path of the resource.
            answer: Type of the response.
            known: The last response.
            wait: Seconds to wait for a change (RFC 7240); only the local stack supports this.

        Raises:
            ApiError: as for `call`.
        """
        tag = known and known.tag
        headers = {"If-None-Match": tag, "Prefer": f"wait={wait:g}"} if tag else {}
        with self.stream("GET", path, headers=headers) as response:
            if known is not None and response.status == 304:
                return known
            return Known(self._decoded(response.read(), answer), response.headers.get("ETag", "") or None)

    def _decoded(self, data: bytes, answer: type[_Answer]) -> _Answer:
        try:
            return decoder(answer).decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise self._error(
                f"{self._url} does not answer as an OGDC API does. Is OGDC_API_URL right?"
            ) from exc

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Response]:
        """Send a request to the API, and yield its response with the body unread.

        Raises:
            ApiError: the API rejects the request, does not respond, or the connection breaks.
            ConfigurationError: the caller's token cannot be read, or must not be sent there.
        """
        with self._answered(self._url + path):
            response = self._permitted(method, self._url + path, body, self._headers | dict(headers or {}))
            try:
                yield response
            finally:
                response.close()

    @contextmanager
    def fetch(self, url: str) -> Iterator[Response]:
        """Lend the answer to a request to any server, which does not learn who asks.

        Raises:
            ApiError: it refuses, does not answer or breaks off.
        """
        with self._answered(url):
            response = self._send("GET", url, None, {})
            try:
                if response.status >= 400:
                    raise self._refusal(response, url)
                yield response
            finally:
                response.close()

    def _permitted(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Response:
        """Send a request with the caller's token: with another if it is refused, later if it is too early."""
        token, is_renewed, waits = self._credentials.token(), False, 0
        while True:
            shown = {"Authorization": f"Bearer {token}"} if token else {}
            response = self._send(method, url, body, headers | shown)
            if response.status < 400:
                return response
            refusal = self._refusal(response, url)
            response.close()
            if refusal.status == 401 and token and not is_renewed:
                token, is_renewed = self._another(token, refusal), True
            elif waits < _MAX_WAITS and self._has_waited(refusal):
                waits += 1
            else:
                raise refusal

    def _another(self, refused: str, refusal: ApiError) -> str:
        """A token in place of one that was refused."""
        try:
            token = self._credentials.renewed(refused)
        except OgdcError as exc:
            raise ApiError(str(exc), status=401, passing=getattr(exc, "passing", False)) from refusal
        if token is None or token == refused:
            raise refusal
        return token

    def _has_waited(self, refusal: ApiError) -> bool:
        """Wait as long as a response asks for, if that is not too long."""
        if refusal.status != 429 or refusal.retry_after is None or refusal.retry_after > MAX_PAUSE_SECONDS:
            return False
        say(f"{refusal}\nWaiting {refusal.retry_after:.0f} s.", err=True)
        time.sleep(refusal.retry_after)
        return True

    def _send(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Response:
        return self._sender(url).send(method, url, body, headers)

    @contextmanager
    def _answered(self, url: str) -> Iterator[None]:
        try:
            yield
        except NoAnswerError as exc:
            raise self._silence(url, exc) from exc

    def _sender(self, url: str) -> Sender:
        """What sends a request there; it is imported when it is needed."""
        is_stack = self._stack_url is not None and url.startswith(f"{self._stack_url}/")
        if is_stack not in self._senders:
            self._senders[is_stack] = self._new_sender(is_stack=is_stack)
        return self._senders[is_stack]

    def _new_sender(self, *, is_stack: bool) -> Sender:
        if is_stack:
            from ogdc_cli.stack_sender import StackSender

            return StackSender()
        from ogdc_cli.web_sender import WebSender

        return WebSender(verify_tls=self._verify_tls, ca_file=self._ca_file)

    def _refusal(self, response: Response, url: str) -> ApiError:
        message = (
            _detail(response) or f"{url} answered {response.status} {response.reason or ''}".rstrip() + "."
        )
        if response.status == 401:
            message = self._with_advice(message, response)
        if response.status == 500 and self._stack_url:
            from ogdc_local.stack.control import outdated

            message = f"{message} {outdated()}".rstrip()
        return self._error(
            message,
            status=response.status,
            passing=response.status in BUSY,
            retry_after=_retry_after(response),
        )

    def _with_advice(self, message: str, response: Response) -> str:
        """What to do about a token that is missing or refused."""
        if elsewhere := [
            each for each in response.led_to if origin_of(urljoin(self._url, each)) != origin_of(self._url)
        ]:
            return (
                f"{message} {self._url} leads to {elsewhere[-1]}, which gets no token. Is OGDC_API_URL right?"
            )
        advice = self._credentials.advice
        return message if "ogdc-runner login" in message else f"{message} {advice}"

    def _silence(self, url: str, exc: NoAnswerError) -> ApiError:
        server = self._url if url.startswith(self._url) else origin_of(url)
        if exc.certificate:
            return self._error(
                f"{server} shows a certificate that is not trusted here: {_last_words(exc)}. "
                "SSL_CERT_FILE can name a file with the certificates to trust."
            )
        if not url.startswith(self._url):
            return ApiError(
                f"{server} does not answer: {_last_words(exc)}. The deployment at {self._url} keeps its "
                "outputs there; its operator says where downloads lead, by PUBLIC_S3_ENDPOINT_URL (on a "
                "cluster of your own: is the port of its object store forwarded?).",
                passing=True,
            )
        advice = "`ogdc-runner up` starts a stack on this machine; OGDC_API_URL names another deployment."
        message = f"{server} does not answer: {_last_words(exc)}."
        return self._error(message if self._by_default else f"{message} {advice}", passing=True)

    def _error(
        self,
        message: str,
        *,
        status: int | None = None,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> ApiError:
        if self._by_default:
            message += (
                f"\nNo local stack is up, so the request went to {self._url}. `ogdc-runner up` starts the "
                "stack with all its runs; OGDC_API_URL selects another deployment."
            )
        return ApiError(message, status=status, passing=passing, retry_after=retry_after)


def _retry_after(response: Response) -> float | None:
    if not (asked := response.headers.get("Retry-After", "")):
        return None
    from ogdc_shared.servers.headers import asked_pause

    return asked_pause(asked)


def _detail(response: Response) -> str | None:
    """Return the API's error message; None if the response is not from the API."""
    try:
        detail = json.loads(response.read())["detail"]
    except (ValueError, KeyError, TypeError):
        return None
    return detail if isinstance(detail, str) else json.dumps(detail)


def _last_words(exc: BaseException) -> str:
    """The end of a chain of messages, which is what went wrong."""
    return re.sub(r"^\[Errno \d+\] ", "", str(exc).rsplit(": ", 1)[-1]).rstrip(".")
