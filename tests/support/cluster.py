"""A Kubernetes cluster that tests may change as they like, through kubectl as a process.

::

    cluster = Cluster(Path("/home/me/.kube/config"))
    cluster.kubectl("apply", "-k", "knative/overlays/local")
    with cluster.forwarded("ogdc", "service/s3", 8333) as port:
        …
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import urllib3

_T = TypeVar("_T")
_CALL_SECONDS = 120.0


class Cluster:
    """The cluster of a kubeconfig's current context."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubectl = ["kubectl", "--kubeconfig", str(kubeconfig)]

    def kubectl(self, *args: str, seconds: float = _CALL_SECONDS) -> str:
        """Run kubectl, and return what it printed.

        Raises:
            AssertionError: it failed; the message is what it printed.
        """
        done = subprocess.run(
            [*self._kubectl, *args], capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr}"
        return done.stdout

    def get(self, namespace: str, *args: str) -> dict[str, Any]:
        """Read an object, or a list of them."""
        output = self.kubectl("--namespace", namespace, "get", *args, "--output", "json")
        found: dict[str, Any] = json.loads(output)
        return found

    def has(self, namespace: str, name: str) -> bool:
        """Whether an object exists, given as `kind/name`."""
        return bool(self.kubectl("--namespace", namespace, "get", name, "--ignore-not-found"))

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """Return the values of a Secret."""
        data = self.get(namespace, f"secret/{name}")["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def wait(self, namespace: str, condition: str, *objects: str, seconds: int) -> None:
        """Wait until all of `objects` are in a condition."""
        words = ("--namespace", namespace, "wait", f"--for=condition={condition}", f"--timeout={seconds}s")
        self.kubectl(*words, *objects, seconds=seconds + _CALL_SECONDS)

    @contextmanager
    def following(self, namespace: str, *args: str) -> Iterator[Iterator[str]]:
        """Yield the lines that `kubectl get --watch` prints."""
        command = [*self._kubectl, "--namespace", namespace, "get", *args, "--watch"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield iter(process.stdout)
            finally:
                process.terminate()

    @contextmanager
    def forwarded(self, namespace: str, target: str, port: int, *, local: int | None = None) -> Iterator[int]:
        """Forward a local port, `local` or any free one, to a port in the cluster."""
        ports = f"{local or ''}:{port}"
        command = [*self._kubectl, "--namespace", namespace, "port-forward", target, ports]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                output = process.stdout.readline()
                found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) ", output)
                assert found, f"{' '.join(command)}: {output!r}"
                yield int(found[1])
            finally:
                process.terminate()


class Host:
    """A service behind a forwarded port; Knative selects it by the host name."""

    def __init__(self, name: str, *, port: int) -> None:
        self._name = name
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port, timeout=60, retries=False)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Send a request that has to succeed, and return its JSON, or None for an empty response."""
        sent = {"Host": self._name, **(headers or {})}
        response = self._pool.request(method, path, body=body, headers=sent)
        assert response.status < 300, f"{method} {path}: {response.status} {response.data[:500]!r}"
        return response.json() if response.data else None


def until(question: Callable[[], _T], *, seconds: float, every: float = 1.0) -> _T:
    """Call a function until it returns something true, and return that.

    Raises:
        AssertionError: it was not in time; the message is the last answer.
    """
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"not so after {seconds:.0f} s: {answer!r}"
        time.sleep(every)
    return answer
