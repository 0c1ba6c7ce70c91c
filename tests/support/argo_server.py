"""A small real HTTP server that speaks the part of the Argo Server's REST API a run needs, with faults on
request.

::

    with ArgoServer(namespace="ogdc") as argo:
        argo.faults["create"] = "drop"             # carried out, and the connection ends without an answer
        argo.faults["get"] = "refuse"              # 503
        argo.advance("seals-abc", "Running")        # what the controller would do
        assert argo.workflows["seals-abc"]["status"]["phase"] == "Running"

What goes wrong, by call (`create`, `get`, `log`, `terminate`, `retry`): `refuse` answers 503, `reject`
400, `hang` never answers, `drop` does what was asked and says nothing. Manifests are validated with hera's
models of Argo's types.
"""

from __future__ import annotations

import copy
import itertools
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit


class ArgoServer:
    """Argo on 127.0.0.1 from `__enter__` to `__exit__`.

    Attributes:
        workflows: What there is, by name.
        faults: Call → what goes wrong with it.
        calls: Every call that was understood, as (call, workflow name).
        headers: What each of them came with.
        logs: Workflow name → [(pod name, line)]; a line of no pod is the error that the stream ends with.
        after_create: Called once a workflow is there and before the answer is sent.
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.workflows: dict[str, dict[str, Any]] = {}
        self.faults: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.headers: list[Message] = []
        self.logs: dict[str, list[tuple[str | None, str]]] = {}
        self.after_create: Callable[[], object] = lambda: None
        self._versions = itertools.count(1000)
        self._closing = threading.Event()

    def __enter__(self) -> ArgoServer:
        import hera.workflows.models  # noqa: F401  # takes longer than a caller may wait for a first answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def advance(self, name: str, phase: str, **status: Any) -> dict[str, Any]:
        """Let the controller move a workflow to `phase`; returns the whole object, as an event would carry
        it."""
        workflow = self.workflows[name]
        workflow["status"] = {**workflow.get("status", {}), "phase": phase, **status}
        workflow["metadata"]["resourceVersion"] = str(next(self._versions))
        return copy.deepcopy(workflow)

    def called(self, call: str) -> int:
        """How often `call` was made."""
        return sum(made == call for made, _ in self.calls)

    def _answer(self, call: str, name: str, body: dict[str, Any], pod: str | None) -> tuple[int, Any]:
        self.calls.append((call, name))
        if self.faults.get(call) == "refuse":
            return 503, {"code": 14, "message": "the server is starting"}
        if self.faults.get(call) == "reject":
            return 400, {"code": 3, "message": "cannot be accepted"}
        if self.faults.get(call) == "hang":
            self._closing.wait(60)
        if call == "create":
            return self._create(body["workflow"])
        if name not in self.workflows:
            return 404, {"code": 5, "message": f'workflows.argoproj.io "{name}" not found'}
        if call == "log":
            return self._log(name, pod)
        answer: tuple[int, Any] = getattr(self, f"_{call}")(name)
        return answer

    def _create(self, manifest: dict[str, Any]) -> tuple[int, Any]:
        from hera.workflows.models import Workflow

        Workflow.model_validate(manifest)
        metadata = manifest["metadata"]
        assert metadata["namespace"] == self.namespace, f"{metadata['namespace']} is not the namespace"
        if metadata["name"] in self.workflows:
            return 409, {"code": 6, "message": f'workflows.argoproj.io "{metadata["name"]}" already exists'}
        workflow = copy.deepcopy(manifest)
        workflow["metadata"] |= {
            "uid": str(uuid.uuid4()),
            "resourceVersion": str(next(self._versions)),
            "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        self.workflows[metadata["name"]] = workflow
        self.after_create()
        return 200, workflow

    def _get(self, name: str) -> tuple[int, Any]:
        return 200, self.workflows[name]

    def _terminate(self, name: str) -> tuple[int, Any]:
        if self.workflows[name].get("status", {}).get("phase") in {"Succeeded", "Failed", "Error"}:
            return 500, {"code": 13, "message": "cannot shutdown a completed workflow"}
        self.workflows[name].setdefault("spec", {})["shutdown"] = "Terminate"
        return 200, self.advance(name, "Failed", message="Stopped with strategy 'Terminate'")

    def _retry(self, name: str) -> tuple[int, Any]:
        if self.workflows[name]["status"]["phase"] not in {"Failed", "Error"}:
            return 400, {"code": 3, "message": "workflow must be Failed/Error to retry"}
        self.workflows[name]["spec"].pop("shutdown", None)
        return 200, self.advance(name, "Running", message="")

    def _delete(self, name: str) -> tuple[int, Any]:
        del self.workflows[name]
        return 200, {}

    def _log(self, name: str, pod: str | None) -> tuple[int, Any]:
        lines = [
            (
                {"error": {"message": text}}
                if printing is None
                else {"result": {"podName": printing, "content": text}}
            )
            for printing, text in self.logs.get(name, [])
            if pod in {None, printing}
        ]
        return 200, "".join(json.dumps(line) + "\n" for line in lines)


def _handler(argo: ArgoServer) -> type[BaseHTTPRequestHandler]:
    prefix = f"/api/v1/workflows/{argo.namespace}"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self._serve("create" if self._rest() == [] else None, "")

        def do_GET(self) -> None:
            rest = self._rest()
            calls = {1: "get", 2: "log"}
            self._serve(calls.get(len(rest or [])), rest[0] if rest else "")

        def do_PUT(self) -> None:
            rest = self._rest()
            self._serve(
                rest[1] if rest and rest[1:] in (["terminate"], ["retry"]) else None, rest[0] if rest else ""
            )

        def do_DELETE(self) -> None:
            rest = self._rest()
            self._serve("delete" if rest and len(rest) == 1 else None, rest[0] if rest else "")

        def _rest(self) -> list[str] | None:
            path = urlsplit(self.path).path
            if path != prefix and not path.startswith(f"{prefix}/"):
                return None
            return [part for part in path.removeprefix(prefix).split("/") if part]

        def _serve(self, call: str | None, name: str) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            if call is None:
                self._send(404, {"message": f"no such path: {self.path}"})
                return
            argo.headers.append(self.headers)
            [pod] = parse_qs(urlsplit(self.path).query).get("podName", [None])
            try:
                status, answer = argo._answer(call, name, body, pod)
            except (AssertionError, ValueError, KeyError) as exc:
                status, answer = 400, {"code": 3, "message": f"{type(exc).__name__}: {exc}"}
            if argo.faults.get(call) in {"drop", "hang"}:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._send(status, answer)

        def _send(self, status: int, answer: Any) -> None:
            data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
