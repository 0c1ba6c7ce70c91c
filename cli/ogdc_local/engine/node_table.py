"""What is known of a workflow's nodes, and which of it has not been recorded yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ogdc_local.engine.nodes import Node, node_id, parse_progress, timestamp
from ogdc_shared.phases import TERMINAL_NODE_PHASES


class NodeTable:
    """The nodes and edges of one workflow in memory."""

    def __init__(self, workflow: str, nodes: Iterable[Node]) -> None:
        """Begin with what is recorded.

        Args:
            workflow: Its name.
            nodes: As recorded; none for a new workflow.
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
        """The node of that name; None where there is none yet."""
        return self._by_name.get(name)

    def open_nodes(self) -> list[Node]:
        """The nodes that have not ended."""
        return [node for node in self._by_name.values() if node.phase not in TERMINAL_NODE_PHASES]

    @property
    def progress(self) -> str:
        """The pods' progress added up, `done/total`."""
        return f"{self._done}/{self._total}"

    @property
    def changed(self) -> bool:
        """Whether anything is not recorded yet."""
        return bool(self._changed or self._edges)

    def unrecorded(self) -> tuple[tuple[Node, ...], tuple[tuple[str, str], ...]]:
        """Nodes and edges that are not recorded yet."""
        return tuple(self._changed.values()), tuple(self._edges)

    def recorded(self) -> None:
        """Say that they are."""
        self._changed.clear()
        self._edges.clear()

    def make(self, name: str, kind: str, phase: str, *, template: str, now: float) -> Node:
        """Put a new node that begins `now`."""
        return self.put(self.new(name, kind, phase, template=template, now=now))

    def new(self, name: str, kind: str, phase: str, *, template: str, now: float) -> Node:
        """Make a node that begins `now`, and do not put it."""
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
        """Put a node in the place of the one of the same name."""
        before = self._by_name.get(node.name)
        if before is not None:
            self._count(before, -1)
        self._count(node, 1)
        self._by_name[node.name] = node
        self._changed[node.id] = node
        return node

    def connect(self, parents: Iterator[str] | list[str], child: str) -> None:
        """Make a node the child of others."""
        self._edges.extend((parent, child) for parent in parents)

    def _count(self, node: Node, sign: int) -> None:
        done, total = parse_progress(node.progress) or (0, 0)
        self._done += sign * done
        self._total += sign * total
