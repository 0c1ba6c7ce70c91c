"""Looks at one archive or compressed file: whether it is whole, and holds anything."""

from __future__ import annotations

import gzip
import time
import zipfile
import zlib
from typing import TYPE_CHECKING

from ogdc_worker.process.check_file import Finding
from ogdc_worker.process.result_kinds import COMPRESSED, ZIPS

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 20


def check_archive(path: str, suffix: str, *, deadline: float) -> Iterator[Finding]:
    """Look at a file of these; what takes longer than until `deadline` (monotonic) is left."""
    if suffix in ZIPS:
        yield from _check_zip(path)
    elif suffix in COMPRESSED:
        yield from _check_compressed(path, deadline)


def _check_zip(path: str) -> Iterator[Finding]:
    try:
        with zipfile.ZipFile(path) as archive:
            if all(member.is_dir() for member in archive.infolist()):
                yield Finding("no_data", "is an archive without a file")
    except zipfile.BadZipFile as exc:
        yield Finding("unreadable", f"is no whole archive: {exc}")


def _check_compressed(path: str, deadline: float) -> Iterator[Finding]:
    size = 0
    try:
        with gzip.open(path) as content:
            while time.monotonic() < deadline and (piece := content.read(_PIECE)):
                size += len(piece)
    except (EOFError, OSError, zlib.error) as exc:
        yield Finding("unreadable", f"is cut off or damaged: {exc}")
        return
    if not size and time.monotonic() < deadline:
        yield Finding("no_data", "holds a compressed file without a byte")
