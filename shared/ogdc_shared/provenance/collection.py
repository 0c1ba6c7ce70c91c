"""The entities of a crate, without duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Collection:
    """Entities by their `@id`.

    Attributes:
        parts: Ids of what the crate contains or describes, for `hasPart` of its root.
        mentions: Ids of the actions, for `mentions` of its root.
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
        """Return the entity with an id, or None."""
        return self._entities.get(name)

    def add(self, *added: dict[str, Any]) -> str:
        """Add entities unless their ids exist, and return the first one's id."""
        for each in added:
            self._entities.setdefault(each["@id"], each)
        return str(added[0]["@id"])

    def add_part(self, entity: dict[str, Any]) -> str:
        """Add an entity that the crate contains or describes, and return its id."""
        name = self.add(entity)
        if name not in self.parts:
            self.parts.append(name)
        return name
