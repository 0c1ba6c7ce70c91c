"""ogdc-runner on a real cluster: installed from `tests/cluster/overlay`, and reached as its users do."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ogdc_shared.events.cloudevents import TOKEN_EXTENSION
from ogdc_shared.phases import TERMINAL_PHASES
from ogdc_shared.recipe.bundle import pack
from support.cluster import Cluster, Host, until
from support.uploads import Message

ROOT = Path(__file__).parents[2]
NAMESPACE = "ogdc"
FUNCTIONS = frozenset({"submit", "status", "argo-events", "upload", "users", "dead-letters"})
UPLOADS = "uploads"
"""The bucket that triggered runs may read."""

_READY_SECONDS = 300
_RUN_SECONDS = 300.0


class Installed(NamedTuple):
    """A deployment and its addresses."""

    cluster: Cluster
    submit: Host
    status: Host
    broker: Host

    def start(self, example: str, *, fresh: bool = True) -> str:
        """Submit a recipe of docs/examples, and return the run's name.

        `fresh` runs all of it; without, what an earlier suite left is taken.
        """
        bundle = pack(ROOT / "docs" / "examples" / example)
        path = f"/submit?overwrite=true&fresh={str(fresh).lower()}"
        answer = self.submit.call("POST", path, bundle, {"Content-Type": "application/gzip"})
        return str(answer["recipe_workflow_name"])

    def ended(self, name: str) -> dict[str, Any]:
        """Wait until a run has ended, and return its status."""

        def ended_run() -> dict[str, Any]:
            run: dict[str, Any] = self.status.call("GET", f"/runs/{name}")
            return run if run["status"] in TERMINAL_PHASES else {}

        return until(ended_run, seconds=_RUN_SECONDS, every=0.02)

    def tell(self, message: Message) -> None:
        """Send an event to the broker, like a source of this deployment."""
        event = _bearing(self.cluster.secret(NAMESPACE, "ogdc-events")["token"], message)
        self.broker.call("POST", f"/{NAMESPACE}/ogdc", event.body, event.headers)

    def instances(self) -> set[str]:
        """Return the functions that currently have a pod."""
        pods = self.cluster.get(NAMESPACE, "pods", "--selector", "serving.knative.dev/service")["items"]
        return {pod["metadata"]["labels"]["serving.knative.dev/service"] for pod in pods}


def _bearing(token: str, message: Message) -> Message:
    """Add the token where an event has its extensions: beside the data in structured mode, or a header."""
    if message.headers["Content-Type"].startswith("application/cloudevents+json"):
        event = {**json.loads(message.body), TOKEN_EXTENSION: token}
        return Message(message.headers, json.dumps(event).encode())
    return Message({**message.headers, f"ce-{TOKEN_EXTENSION}": token}, message.body)


@contextmanager
def reached(cluster: Cluster) -> Iterator[Installed]:
    """Forward ports to what is installed."""
    with (
        cluster.forwarded("kourier-system", "service/kourier-internal", 80) as gateway,
        cluster.forwarded("knative-eventing", "service/broker-ingress", 80) as broker,
    ):
        yield Installed(
            cluster=cluster,
            submit=Host(f"submit.{NAMESPACE}.svc.cluster.local", port=gateway),
            status=Host(f"status.{NAMESPACE}.svc.cluster.local", port=gateway),
            broker=Host("broker-ingress.knative-eventing.svc.cluster.local", port=broker),
        )


def install(cluster: Cluster) -> None:
    """Install the overlay as docs/install.md says, or bring it up to date; wait until all of it is ready."""
    cluster.kubectl("apply", "-f", str(ROOT / "knative/overlays/local/namespace.yaml"))
    if not cluster.has(NAMESPACE, "secret/ogdc-storage"):
        key = {"S3_SECRET_KEY_ID": "ogdc", "S3_SECRET_KEY_KEY": secrets.token_hex(24)}
        literals = [f"--from-literal={name}={value}" for name, value in key.items()]
        cluster.kubectl("-n", NAMESPACE, "create", "secret", "generic", "ogdc-storage", *literals)
    if not cluster.has(NAMESPACE, "secret/ogdc-events"):
        token = f"--from-literal=token={secrets.token_hex(24)}"
        cluster.kubectl("-n", NAMESPACE, "create", "secret", "generic", "ogdc-events", token)
    cluster.kubectl("-n", NAMESPACE, "delete", "job", "migrate", "--ignore-not-found")
    cluster.kubectl("apply", "-k", str(ROOT / "tests/cluster/overlay"))
    extensions = {TOKEN_EXTENSION: cluster.secret(NAMESPACE, "ogdc-events")["token"]}
    patch = json.dumps({"spec": {"ceOverrides": {"extensions": extensions}}})
    for source in ("apiserversource/workflows", "pingsource/sweep"):
        cluster.kubectl("-n", NAMESPACE, "patch", source, "--type=merge", "--patch", patch)
    cluster.kubectl("apply", "-f", str(ROOT / "knative/components/gateway-api/reference-grant.yaml"))
    cluster.wait(NAMESPACE, "Complete", "job/migrate", seconds=2 * _READY_SECONDS)
    cluster.wait(NAMESPACE, "Available", "deployment/s3", seconds=_READY_SECONDS)
    for kind in ("services.serving.knative.dev", "brokers", "triggers", "apiserversources", "pingsources"):
        cluster.wait(NAMESPACE, "Ready", kind, "--all", seconds=_READY_SECONDS)
