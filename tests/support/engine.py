"""The local engine with everything it needs in one directory, driven through its REST API.

::

    with Machine(tmp_path) as machine:
        machine.create(workflow("w", tasks=[task("hello")], templates=[shell("hello", "echo hi")]))
        assert machine.wait("w")["status"]["phase"] == "Succeeded"
        assert machine.log("w") == ["hi"]
"""

from __future__ import annotations

import io
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from ogdc_local.engine import Engine
from ogdc_local.engine.fetching import no_secret
from ogdc_local.sandbox import Sandbox, probe
from ogdc_shared.storage.directory import DirectoryStore
from support.workflows import workflow_object

NAMESPACE = "ogdc"
CLAIM = "workflow"
PATIENCE = 300.0
"""Seconds after which a test gives up waiting, however slow the machine is."""

_Json = dict[str, Any]


def workflow(name: str, *, tasks: list[_Json], templates: list[_Json], **spec: Any) -> dict[str, Any]:
    """Return a Workflow of one DAG, with the claim and an empty directory as volumes."""
    main = {"name": "main", "dag": {"tasks": tasks}}
    volumes = [
        {"name": "workflow", "persistentVolumeClaim": {"claimName": CLAIM}},
        {"name": "scratch", "emptyDir": {}},
    ]
    whole = {"entrypoint": "main", "templates": [main, *templates], "volumes": volumes, **spec}
    return workflow_object(name, namespace=NAMESPACE, labels={"ogdc/run": name}, spec=whole)


def task(name: str, **fields: Any) -> dict[str, Any]:
    """A task that runs the template of the same name."""
    return {"name": name, "template": name, **fields}


def fan_out(name: str, count: int, **fields: Any) -> dict[str, Any]:
    """A task that runs the template of the same name for every number below `count`."""
    return task(
        name,
        withSequence={"count": str(count)},
        arguments={"parameters": [{"name": "partition", "value": "{{item}}"}]},
        **fields,
    )


def shell(name: str, script: str, *, mounts: list[_Json] | None = None, **fields: Any) -> dict[str, Any]:
    """Return a template that runs a script, with its parameter `partition`, if it has one, as `$1`."""
    parameters = [{"name": "partition"}] if fields.pop("partitioned", False) else []
    return {
        "name": name,
        "inputs": {"parameters": parameters, "artifacts": fields.pop("artifacts", [])},
        "container": {
            "image": "example.org/worker:1",
            "command": ["sh", "-c", script, "sh"],
            "args": ["{{inputs.parameters.partition}}"] if parameters else [],
            "volumeMounts": mounts or [],
        },
        **fields,
    }


def mount(path: str, *, volume: str = "workflow", part: str | None = None, **fields: Any) -> dict[str, Any]:
    """A volumeMount."""
    return {"name": volume, "mountPath": path, **({"subPath": part} if part else {}), **fields}


def file_artifact(name: str, *, path: str, key: str) -> dict[str, Any]:
    """Return an artifact that is not packed."""
    return {"name": name, "path": path, "s3": {"key": key}, "archive": {"none": {}}}


def own_label() -> str:
    """Return a label that no other test's containers have, which may run at the same time."""
    return f"test-{uuid.uuid4().hex[:12]}"


class Machine:
    """An engine from `__enter__` to `__exit__`; it has the same state when entered again."""

    def __init__(
        self,
        root: Path,
        *,
        events_url: str | None = None,
        slots: int = 2,
        claims: Mapping[str, Path] | None = None,
        sandbox: Sandbox | None = None,
        secret: Callable[[str], Mapping[str, str]] = no_secret,
    ) -> None:
        self.root = root
        self._secret = secret
        self.artifacts = DirectoryStore(root / "artifacts")
        self.volume = root / "volume"
        self._events_url = events_url
        self._slots = slots
        self._claims = claims or {}
        self._sandbox = sandbox or probe(environ=os.environ, label=own_label())
        self.engine: Engine

    def __enter__(self) -> Machine:
        self.engine = Engine(
            store_path=self.root / "engine.sqlite",
            artifact_dir=self.root / "artifacts",
            volumes={CLAIM: self.volume, **self._claims},
            log_dir=self.root / "logs",
            events_url=self._events_url,
            namespace=NAMESPACE,
            slots=self._slots,
            sandbox=self._sandbox,
            secret=self._secret,
        )
        self.engine.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.engine.stop()

    def call(self, method: str, path: str = "", body: Any = None, **query: str) -> tuple[int, Any]:
        """Call the API, and return the HTTP status and the answer."""
        status, data = self.call_raw(method, path, body, **query)
        return status, json.loads(data)

    def call_raw(self, method: str, path: str = "", body: Any = None, **query: str) -> tuple[int, bytes]:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": f"/api/v1/workflows/{NAMESPACE}{path}",
            "QUERY_STRING": urlencode({key.replace("__", "."): value for key, value in query.items()}),
            "CONTENT_LENGTH": str(len(data)),
            "wsgi.input": io.BytesIO(data),
        }
        statuses: list[str] = []

        def start_response(status: str, *_: object) -> Callable[[bytes], object]:
            statuses.append(status)
            return lambda _: None

        chunks = self.engine.wsgi(environ, start_response)
        return int(statuses[0].split()[0]), b"".join(chunks)

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        return self._answer("POST", body={"workflow": manifest})

    def get(self, name: str) -> dict[str, Any]:
        return self._answer("GET", f"/{name}")

    def _answer(self, method: str, path: str = "", body: Any = None) -> _Json:
        answer: _Json
        status, answer = self.call(method, path, body)
        assert status == 200, answer
        return answer

    def wait(self, name: str) -> dict[str, Any]:
        """Wait until the workflow has ended, and return it."""
        return self.wait_until(name, lambda found: "finishedAt" in found["status"])

    def wait_until(self, name: str, fulfilled: Any) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while not fulfilled(found := self.get(name)):
            assert time.monotonic() < deadline, (
                f"{name} took too long: {json.dumps(found['status'], indent=1)}"
            )
            time.sleep(0.01)
        return found

    def wait_for_file(self, path: Path, start: str = "") -> str:
        """Wait until a file has content, or content with this beginning, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not path.exists() or not path.read_text() or not path.read_text().startswith(start):
            assert time.monotonic() < deadline, f"{path} never appeared, or never began with {start!r}"
            time.sleep(0.01)
        return path.read_text()

    def log(self, name: str, **query: str) -> list[str]:
        _, data = self.call_raw("GET", f"/{name}/log", **query)
        return [json.loads(line)["result"]["content"] for line in data.splitlines()]


def engine_threads(before: Collection[threading.Thread]) -> list[threading.Thread]:
    """Return the engine's threads that did not exist before and do not end in time."""
    new = [thread for thread in threading.enumerate() if thread not in before]
    mine = [thread for thread in new if thread.name.startswith("ogdc-engine")]
    for thread in mine:
        thread.join(PATIENCE)  # one that writes a log has its end still to read
    return [thread for thread in mine if thread.is_alive()]


def nodes(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A workflow's nodes by displayName."""
    return {node["displayName"]: node for node in found["status"]["nodes"].values()}


def phases(found: dict[str, Any]) -> dict[str, str]:
    """ContainerSequence of a workflow's nodes by displayName."""
    return {name: node["phase"] for name, node in nodes(found).items()}
