"""The entities of a crate, without duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Collection:
    """Entities by their `@id`.

    Attributes:
        parts: What the crate holds, or tells of: its root's `hasPart`.
        mentions: The actions: its root's `mentions`.
    """

    def __init__(self) -> None:
        self._entities: dict[str, dict[str, Any]] = {}
        self.parts: list[str] = []
        self.mentions: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._entities

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._entities.values())

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the entity with that name, or None."""
        return self._entities.get(name)

    def add(self, *added: dict[str, Any]) -> str:
        """Add entities that are not there yet, and return the first one's name."""
        for each in added:
            self._entities.setdefault(each["@id"], each)
        return str(added[0]["@id"])

    def add_part(self, entity: dict[str, Any]) -> str:
        """Add one that the crate holds, or tells of."""
        name = self.add(entity)
        if name not in self.parts:
            self.parts.append(name)
        return name
