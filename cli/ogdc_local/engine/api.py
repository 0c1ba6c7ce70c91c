"""The part of the Argo Server's REST API that this project uses, as a WSGI application.

Responses have the Argo Server's format: a Workflow object, or `{"code", "message"}` with a gRPC code. Logs
are also available as text, depending on `Accept`.

Source: pkg/apiclient/workflow/workflow.proto of argo-workflows (paths and parameters), google.rpc.Code.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from ogdc_local.engine.flow import Flow
from ogdc_local.engine.json_request import json_object
from ogdc_local.engine.logs import read_logs
from ogdc_local.engine.manifest import read_program
from ogdc_local.engine.pods import Pods
from ogdc_local.engine.program import Program
from ogdc_local.engine.records import WorkflowRow
from ogdc_local.engine.store import Store, WorkflowExistsError, WorkflowStateError
from ogdc_shared.errors import InvalidRequestError, OgdcError
from ogdc_shared.line_blocks import LOG_BLOCKS
from ogdc_shared.phases import Phase

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_LOG = logging.getLogger(__name__)
_ROUTE = re.compile(r"/api/v1/workflows/(?P<namespace>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<verb>[^/]+))?)?/?")
_MAX_BODY = 4 * 1024 * 1024
_DIGITS = 9
_CODES = {400: 3, 404: 5, 409: 6, 405: 12, 413: 3, 500: 13, 503: 14}
"""HTTP status → google.rpc.Code."""


class ApiError(OgdcError):
    """An error response."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(NamedTuple):
    """A parsed request."""

    name: str
    """Name of the workflow; empty if the path has none."""
    query: dict[str, str]
    body: bytes
    accept: str
    """Media types that the client accepts."""


class Answer(NamedTuple):
    """A successful response."""

    content: Iterable[bytes]
    media_type: str = "application/json"


class Api:
    """Serves requests from the store, and notifies the scheduler of changes."""

    def __init__(
        self,
        *,
        store: Store,
        pods: Pods,
        namespace: str,
        claims: Collection[str],
        notice: Callable[[str, Flow | None], None],
        forget: Callable[[str, str], None],
        ready: Callable[[], bool],
    ) -> None:
        """Store the arguments.

        Args:
            store: The state.
            pods: Has the logs.
            namespace: The only namespace.
            claims: Names of the volume claims.
            notice: Called with the uid of a created or changed workflow, and with its flow if it is new.
            forget: Called with uid and name of a deleted workflow.
            ready: Whether the scheduler is running.
        """
        self._store = store
        self._pods = pods
        self._namespace = namespace
        self._claims = claims
        self._notice = notice
        self._forget = forget
        self._ready = ready
        self._handlers: dict[tuple[str, bool, str | None], Callable[[Request], Answer]] = {
            ("POST", False, None): self._create,
            ("GET", False, None): self._list,
            ("GET", True, None): self._get,
            ("DELETE", True, None): self._delete,
            ("GET", True, "log"): self._log,
            ("PUT", True, "retry"): self._retry,
            ("PUT", True, "terminate"): self._terminate,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        media_type = "application/json"
        try:
            status, (answer, media_type) = HTTPStatus.OK, self._answer(environ)
        except ApiError as exc:
            status, answer = exc.status, _error(exc.status, str(exc))
        except InvalidRequestError as exc:
            status, answer = HTTPStatus.BAD_REQUEST, _error(HTTPStatus.BAD_REQUEST, str(exc))
        except sqlite3.Error as exc:
            _LOG.exception("The engine's state cannot be read or written.")
            status = HTTPStatus.SERVICE_UNAVAILABLE
            answer = _error(status, f"the engine's state cannot be read or written: {exc}")
        except Exception:
            _LOG.exception("%s %s failed.", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            answer = _error(status, "the engine failed by its own fault; the stack's log says how")
        start_response(f"{status.value} {status.phrase}", [("Content-Type", media_type)])
        return answer

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        route = _ROUTE.fullmatch(environ.get("PATH_INFO", ""))
        if route is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "Not Found")
        if route["namespace"] != self._namespace:
            raise ApiError(HTTPStatus.NOT_FOUND, f"namespaces {route['namespace']!r} not found")
        handler = self._handlers.get((environ["REQUEST_METHOD"], route["name"] is not None, route["verb"]))
        if handler is None:
            raise ApiError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} is not offered by the local stack",
            )
        if not self._ready():
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "the engine is not running")
        query = {key: values[-1] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        accept = environ.get("HTTP_ACCEPT", "")
        return handler(Request(name=route["name"] or "", query=query, body=_body(environ), accept=accept))

    def _create(self, request: Request) -> Answer:
        manifest = json_object(request.body).get("workflow")
        program = read_program(manifest, claims=self._claims)
        assert isinstance(manifest, dict)
        if manifest["metadata"].get("namespace", self._namespace) != self._namespace:
            raise InvalidRequestError(f"metadata.namespace: the only namespace here is {self._namespace!r}.")
        try:
            flow = _new_flow(program, namespace=self._namespace)
            first = None if flow is None else flow.changes()
            uid, document = self._store.create(manifest, namespace=self._namespace, first=first)
        except WorkflowExistsError as exc:
            raise ApiError(HTTPStatus.CONFLICT, str(exc)) from exc
        if flow is not None:
            flow.recorded()
        self._notice(uid, flow)
        return Answer([document.encode()])

    def _get(self, request: Request) -> Answer:
        return self._document(request.name)

    def _list(self, request: Request) -> Answer:
        """Return a page of workflows, newest first; `continue` is the number of those already returned."""
        if request.query.get("listOptions.labelSelector"):
            raise InvalidRequestError("listOptions.labelSelector: not offered by the local stack.")
        limit = _number(request.query, "listOptions.limit")
        offset = _number(request.query, "listOptions.continue")
        names = self._store.names()
        page = names[offset : offset + limit] if limit else names[offset:]
        rest = offset + len(page) < len(names)
        metadata = {"continue": str(offset + len(page))} if rest else {}
        return Answer(self._listing(page, metadata))

    def _listing(self, names: list[str], metadata: dict[str, Any]) -> Iterator[bytes]:
        yield f'{{"metadata":{json.dumps(metadata)},"items":['.encode()
        separator = ""
        for name in names:
            document = self._readable(name)
            if document is not None:
                yield f"{separator}{document}".encode()
                separator = ","
        yield b"]}"

    def _readable(self, name: str) -> str | None:
        """Return a workflow's JSON; None if it is gone or damaged, so that the others can still be listed."""
        try:
            return self._store.document(name)
        except sqlite3.Error:
            _LOG.exception("Workflow %s cannot be read.", name)
            return None

    def _delete(self, request: Request) -> Answer:
        uid = self._store.delete(request.name)
        if uid is None:
            raise _unknown(request.name)
        self._forget(uid, request.name)
        return Answer([b"{}"])

    def _retry(self, request: Request) -> Answer:
        options = {key: value for key, value in json_object(request.body or b"{}").items() if value}
        if set(options) - {"name", "namespace"}:
            raise InvalidRequestError(
                f"retry: {', '.join(sorted(options))} is not offered by the local stack."
            )
        return self._turn(request.name, self._store.retry)

    def _terminate(self, request: Request) -> Answer:
        return self._turn(request.name, lambda name: self._store.shut_down(name, "Terminate"))

    def _turn(self, name: str, change: Callable[[str], str | None]) -> Answer:
        try:
            uid = change(name)
        except WorkflowStateError as exc:
            raise InvalidRequestError(str(exc)) from exc
        if uid is None:
            raise _unknown(name)
        self._notice(uid, None)
        return self._document(name)

    def _log(self, request: Request) -> Answer:
        pods = self._store.pods(request.name)
        if pods is None:
            raise _unknown(request.name)
        as_text = LOG_BLOCKS in request.accept
        logs = read_logs(
            request.name, pods=pods, path_of=self._pods.log, query=request.query, as_text=as_text
        )
        return Answer(logs, LOG_BLOCKS) if as_text else Answer(logs)

    def _document(self, name: str) -> Answer:
        document = self._store.document(name)
        if document is None:
            raise _unknown(name)
        return Answer([document.encode()])


def _new_flow(program: Program, *, namespace: str) -> Flow | None:
    """Return the flow of a new workflow, or None if it fails or ends at once, which the scheduler handles."""
    head = WorkflowRow(Phase.PENDING)
    try:
        flow = Flow(program, uid=str(uuid.uuid4()), namespace=namespace, head=head, nodes=(), now=time.time())
    except Exception:
        _LOG.exception("Workflow %s cannot begin.", program.name)
        return None
    return None if flow.over else flow


def _unknown(name: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, f'workflows.argoproj.io "{name}" not found')


def _error(status: HTTPStatus, message: str) -> list[bytes]:
    return [json.dumps({"code": _CODES[status], "message": message}).encode()]


def _body(environ: WSGIEnvironment) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > _MAX_BODY:
        raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have at most {_MAX_BODY} bytes")
    return environ["wsgi.input"].read(length) if length else b""


def _number(query: dict[str, str], key: str) -> int:
    text = query.get(key, "0")
    if not text.isdecimal() or len(text) > _DIGITS:
        raise InvalidRequestError(f"{key}: expected a whole number, got {text[:80]!r}")
    return int(text)
