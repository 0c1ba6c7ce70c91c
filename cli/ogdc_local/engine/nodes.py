"""The nodes of a workflow's status, with Argo's names and ids."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from ogdc_shared.argo.pod_names import fnv1a
from ogdc_shared.phases import PASSED_NODE_PHASES, Phase


class Node(NamedTuple):
    """One entry of `status.nodes`."""

    id: str
    name: str
    display_name: str
    type: str
    """DAG, TaskGroup, Retry, Pod or Skipped."""
    phase: str
    template: str | None = None
    boundary: str | None = None
    """Id of its DAG node; None for that node itself."""
    message: str | None = None
    progress: str | None = None
    """`done/total`; only pods have it."""
    started_at: str | None = None
    finished_at: str | None = None
    inputs: str | None = None
    """JSON in Argo's format, like `outputs`."""
    outputs: str | None = None
    retried: bool = False
    """Whether it is a try of a Retry node."""


def node_id(workflow: str, name: str) -> str:
    """Return the id of the node with that name.

    Source: Workflow.NodeID in workflow_types.go of argo-workflows.
    """
    return workflow if name == workflow else f"{workflow}-{fnv1a(name)}"


@lru_cache(maxsize=16)  # many nodes begin at the same moment
def timestamp(seconds: float) -> str:
    """Format seconds since 1970 as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(timestamp: str) -> float:
    """Parse the output of `timestamp` to seconds since 1970."""
    return datetime.fromisoformat(timestamp).timestamp()


def parse_progress(text: str | None) -> tuple[int, int] | None:
    """Parse `done/total`; None if it is malformed.

    Source: Progress.IsValid in workflow_types.go of argo-workflows (total above 0, done not above total).
    """
    done, _, total = (text or "").strip().partition("/")
    if not (done.isdecimal() and total.isdecimal() and (done + total).isascii() and len(done + total) < 20):
        return None
    return (int(done), int(total)) if int(done) <= int(total) and int(total) > 0 else None


def forgotten_by_retry(nodes: Iterable[Node], edges: Iterable[tuple[str, str]]) -> set[str]:
    """Return the ids of the nodes that a retry of the workflow deletes: all that did not succeed.

    Failed tries of an instance that finally succeeded stay. DAG and TaskGroup nodes stay and run again.
    """
    by_id = {node.id: node for node in nodes}
    kept_tries = {
        child
        for parent, child in edges
        if parent in by_id and by_id[parent][3:5] == ("Retry", Phase.SUCCEEDED)
    }
    return {
        node.id
        for node in by_id.values()
        if node.type not in {"DAG", "TaskGroup"}
        and node.phase not in PASSED_NODE_PHASES
        and node.id not in kept_tries
    }
