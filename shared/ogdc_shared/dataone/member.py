"""An object of a package."""

from __future__ import annotations

from typing import Any, NamedTuple

OUTPUT, PROGRAM, ACCOUNT, METADATA, MAP = "output", "program", "account", "metadata", "map"
"""Roles. The first three are data to DataONE: what the run made, what made it, and the account of that."""


class Member(NamedTuple):
    """An object of a package and its local file."""

    pid: str
    role: str
    path: str
    """Its path in the data set, with slashes."""
    file: str
    """Path of its file, relative to the package's directory."""
    format_id: str
    size: int
    sha256: str
    obsoletes: str | None = None
    """Identifier of the object that it replaces, or None."""

    @property
    def name(self) -> str:
        """Its last part."""
        return self.path.rpartition("/")[2]

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Member:
        """Read what `_asdict` gave.

        Raises:
            TypeError: it is something else.
        """
        return cls(**fields)
