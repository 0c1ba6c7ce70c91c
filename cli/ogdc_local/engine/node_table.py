"""The nodes of a workflow in memory, with track of what has not been recorded yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ogdc_local.engine.nodes import Node, node_id, parse_progress, timestamp
from ogdc_shared.phases import TERMINAL_NODE_PHASES


class NodeTable:
    """The nodes and edges of one workflow in memory."""

    def __init__(self, workflow: str, nodes: Iterable[Node]) -> None:
        """Start with the recorded nodes.

        Args:
            workflow: Name of the workflow.
            nodes: The recorded nodes; none for a new workflow.
        """
        self._workflow = workflow
        self._by_name = {node.name: node for node in nodes}
        self._changed: dict[str, Node] = {}
        self._edges: list[tuple[str, str]] = []
        self._done = self._total = 0
        for node in self._by_name.values():
            self._count(node, 1)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def get(self, name: str) -> Node | None:
        """Return the node with that name, or None."""
        return self._by_name.get(name)

    def open_nodes(self) -> list[Node]:
        """Return the nodes that have not ended."""
        return [node for node in self._by_name.values() if node.phase not in TERMINAL_NODE_PHASES]

    @property
    def progress(self) -> str:
        """The sum of the pods' progress, `done/total`."""
        return f"{self._done}/{self._total}"

    @property
    def changed(self) -> bool:
        """Whether there are unrecorded changes."""
        return bool(self._changed or self._edges)

    def unrecorded(self) -> tuple[tuple[Node, ...], tuple[tuple[str, str], ...]]:
        """Return the unrecorded nodes and edges."""
        return tuple(self._changed.values()), tuple(self._edges)

    def recorded(self) -> None:
        """Mark all changes as recorded."""
        self._changed.clear()
        self._edges.clear()

    def make(self, name: str, kind: str, phase: str, *, template: str, now: float) -> Node:
        """Create and add a node that starts `now`."""
        return self.put(self.new(name, kind, phase, template=template, now=now))

    def new(self, name: str, kind: str, phase: str, *, template: str, now: float) -> Node:
        """Create a node that starts `now`, without adding it."""
        return Node(
            id=node_id(self._workflow, name),
            name=name,
            display_name=name.removeprefix(f"{self._workflow}."),
            type=kind,
            phase=phase,
            template=template,
            boundary=None if name == self._workflow else self._workflow,
            started_at=timestamp(now),
        )

    def put(self, node: Node) -> Node:
        """Add a node, or replace the one with the same name."""
        before = self._by_name.get(node.name)
        if before is not None:
            self._count(before, -1)
        self._count(node, 1)
        self._by_name[node.name] = node
        self._changed[node.id] = node
        return node

    def connect(self, parents: Iterator[str] | list[str], child: str) -> None:
        """Make a node a child of others."""
        self._edges.extend((parent, child) for parent in parents)

    def _count(self, node: Node, sign: int) -> None:
        done, total = parse_progress(node.progress) or (0, 0)
        self._done += sign * done
        self._total += sign * total
