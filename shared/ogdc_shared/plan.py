"""What a run executes, as stored in the artifact store and read by the worker.

`Plan` is one object a run, `Partition` one object a partition. Both are plain JSON; user text (command lines, URLs,
file names) travels in them and never in the Argo manifest. Named tuples, because the worker's start-up time counts.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Checksum(NamedTuple):
    """A digest the fetched file must have."""

    algorithm: str
    """Lower case, as hashlib names it: md5, sha1, sha256, …"""
    value: str
    """Hex digits, lower case."""


class InputFile(NamedTuple):
    """One file to place in the first command's `/input_dir`."""

    source: str
    """An http(s) URL, or for a file shipped in the recipe its path relative to the recipe directory."""
    kind: str = "url"
    """`url` or `recipe`."""
    name: str | None = None
    """Name below `/input_dir`; None: from the server's Content-Disposition, else the URL's last path segment."""
    size: int | None = None
    """Bytes, where known beforehand."""
    checksum: Checksum | None = None


class Command(NamedTuple):
    """One command line of the recipe."""

    text: str
    """Run with `sh -c`."""
    line: int
    """Its line in the recipe's sh_file, counting from 1."""


class Plan(NamedTuple):
    """What every partition of a run does."""

    recipe_id: str
    commands: tuple[Command, ...]
    per_file: bool = False
    """True: each command runs once for each file, with INPUT_FILE and OUTPUT_FILE set."""
    command_timeout: float | None = None
    """Seconds one command may take; None: only the workflow's own deadline counts."""

    def to_json(self) -> str:
        """Render as stored."""
        return json.dumps(self._asdict() | {"commands": [c._asdict() for c in self.commands]}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Read what `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        fields["commands"] = tuple(Command(**c) for c in fields["commands"])
        return cls(**fields)


class Partition(NamedTuple):
    """The inputs of one task."""

    number: int
    """Counting from 0."""
    files: tuple[InputFile, ...]

    def to_json(self) -> str:
        """Render as stored; fields that are None are left out, since there may be a million files."""
        return json.dumps({"number": self.number, "files": [_sparse(f) for f in self.files]}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Partition:
        """Read what `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        return cls(number=fields["number"], files=tuple(_input_file(f) for f in fields["files"]))


def _sparse(file: InputFile) -> dict[str, Any]:
    fields = {key: value for key, value in file._asdict().items() if value is not None}
    if file.checksum is not None:
        fields["checksum"] = file.checksum._asdict()
    return fields


def _input_file(fields: dict[str, Any]) -> InputFile:
    checksum = fields.pop("checksum", None)
    return InputFile(**fields, checksum=Checksum(**checksum) if checksum else None)
