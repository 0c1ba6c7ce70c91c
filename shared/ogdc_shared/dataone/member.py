"""An object of a package."""

from __future__ import annotations

from typing import NamedTuple

OUTPUT, PROGRAM, ACCOUNT, METADATA, MAP = "output", "program", "account", "metadata", "map"
"""Roles. To DataONE the first three are data: an output, the recipe's program, and the packed crate."""


class Member(NamedTuple):
    """An object of a package and its local file."""

    pid: str
    role: str
    path: str
    """Path in the data set, with slashes."""
    file: str
    """Path of the file, relative to the package's directory."""
    format_id: str
    size: int
    sha256: str
    obsoletes: str | None = None
    """Identifier of the object that it replaces, or None."""

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rpartition("/")[2]
