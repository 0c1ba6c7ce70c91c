"""Reading crates: the run they describe and its files."""

from __future__ import annotations

import csv
import json
import shutil
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote
from zipfile import BadZipFile, ZipFile

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.layout import CRATE_METADATA
from ogdc_shared.provenance.entities import PARAMETER
from ogdc_shared.provenance.recipe_copy import RECIPE
from ogdc_shared.provenance.tables import FILES

if TYPE_CHECKING:
    from typing import Any, BinaryIO

_MAX_METADATA = 64 << 20
"""Maximum size of a crate's metadata in bytes; it does not grow with the number of files."""
_PIECE = 1 << 20
_NO_ZIP = (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
"""Errors of reading a file that is not a zip, or an encrypted one."""
_MIN_FREE = 1 << 30
"""Bytes that must stay free on the disk."""


class Entry(NamedTuple):
    """A file as a crate describes it."""

    source: str
    size: str
    checksum: str


def read_files(crate: Path, role: str) -> dict[str, Entry]:
    """Read the inputs or outputs that a crate lists, by path.

    Raises:
        InvalidRequestError: its table is missing or damaged.
    """
    found: dict[str, Entry] = {}
    for path, entry in _entries(crate, role):
        if path in found and role == "output":
            raise InvalidRequestError(f"{crate / FILES} lists {path!r} twice.")
        found[path] = entry
    return found


def read_sources(crate: Path) -> set[str]:
    """Read the sources of a crate's inputs; inputs of several partitions may have the same path.

    Raises:
        InvalidRequestError: as `read_files`.
    """
    return {entry.source for _, entry in _entries(crate, "input")}


def _entries(crate: Path, role: str) -> Iterator[tuple[str, Entry]]:
    path = crate / FILES
    try:
        if not path.is_file():  # a device or pipe could be endless
            raise FileNotFoundError(f"there is no file {path.name}")
        with path.open(newline="", encoding="utf-8") as table:
            for row in csv.DictReader(table):
                if row["role"] == role:
                    entry = Entry(unquote(row["source"]), row["bytes"], row["checksum"])
                    yield unquote(row["path"], errors="surrogateescape"), entry
    except (OSError, KeyError, TypeError, UnicodeDecodeError, csv.Error) as exc:
        raise InvalidRequestError(f"{path} cannot be read ({type(exc).__name__}: {exc}).") from exc


def read_instruments(archive: Path | BinaryIO) -> dict[str, str]:
    """Read the recipe files and parameters that a run used, in addition to commands, from a packed crate.

    meta.yml is skipped, since much of it does not affect the result, such as when to run.

    Returns:
        Path → SHA-256 of files, and name → value of parameters.

    Raises:
        InvalidRequestError: it is not a zip, or damaged.
    """
    found: dict[str, str] = {}
    try:
        with ZipFile(archive) as crate:
            for member in crate.infolist():
                if member.filename.startswith(f"{RECIPE}/") and member.filename != f"{RECIPE}/meta.yml":
                    state = sha256()
                    with crate.open(member) as file:
                        while piece := file.read(_PIECE):
                            state.update(piece)
                    found[member.filename] = state.hexdigest()
            with crate.open(CRATE_METADATA) as metadata:
                for entity in json.loads(metadata.read(_MAX_METADATA))["@graph"]:
                    if str(entity["@id"]).startswith(PARAMETER) and "value" in entity:
                        found[entity["@id"]] = str(entity["value"])
    except (*_NO_ZIP, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise InvalidRequestError(f"The crate cannot be read ({type(exc).__name__}: {exc}).") from exc
    return found


def read_metadata(crate: Path) -> dict[str, dict[str, Any]]:
    """Read the entities of a crate by their `@id`.

    Raises:
        InvalidRequestError: the file is damaged.
    """
    path = crate / CRATE_METADATA
    try:
        with path.open("rb") as file:
            graph = json.loads(file.read(_MAX_METADATA))["@graph"]
        return {str(entity["@id"]): entity for entity in graph}
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise InvalidRequestError(f"{path} is damaged ({type(exc).__name__}: {exc}).") from exc


def unpack_crate(archive: Path, into: Path) -> None:
    """Unpack a crate; members cannot leave the directory.

    Raises:
        InvalidRequestError: it is not a zip, is damaged or encrypted, or there is no room for it.
    """
    into.mkdir()
    try:
        with ZipFile(archive) as crate:
            _check_room(sum(member.file_size for member in crate.infolist()), archive, into)
            crate.extractall(into)
    except _NO_ZIP as exc:
        raise InvalidRequestError(f"{archive} is not a zip that can be read ({exc}).") from exc


def _check_room(size: int, archive: Path, into: Path) -> None:
    """Refuse a crate that would fill the disk; no member unpacks to more than its declared size."""
    free = shutil.disk_usage(into).free
    if size > free - _MIN_FREE:
        raise InvalidRequestError(
            f"{archive} holds {size:,} bytes, but only {free:,} are free in {into.parent}. "
            "Free some space, or use another disk (TMPDIR)."
        )
