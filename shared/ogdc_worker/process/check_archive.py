"""Checks whether an archive or compressed file is complete and contains anything."""

from __future__ import annotations

import gzip
import time
import zipfile
from typing import TYPE_CHECKING

from ogdc_worker.process.check_file import Finding
from ogdc_worker.process.result_kinds import COMPRESSED, TARS, ZIPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_PIECE = 1 << 20
_TAR_BLOCK = 512


def check_archive(path: str, suffix: str, *, deadline: float) -> Iterator[Finding]:
    """Check a file and yield findings; stops at `deadline` (monotonic seconds)."""
    if suffix in ZIPS:
        yield from _check_zip(path)
    elif suffix in COMPRESSED:
        yield from _check_compressed(path, suffix, deadline)
    elif suffix == ".tar":
        with open(path, "rb") as file:
            yield from _check_tar(file.read(_TAR_BLOCK))


def _check_zip(path: str) -> Iterator[Finding]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {member.filename.lower() for member in archive.infolist() if not member.is_dir()}
            if not names:
                yield Finding("no_data", "is an archive without a file")
            for name in sorted(each for each in names if each.endswith(".shp")):
                missing = [each for each in (".shx", ".dbf") if name[:-4] + each not in names]
                if missing:
                    yield Finding("unreadable", f"holds {name!r} without its {' and '.join(missing)}")
    except zipfile.BadZipFile as exc:
        yield Finding("unreadable", f"is not a whole archive: {exc}")


def _check_compressed(path: str, suffix: str, deadline: float) -> Iterator[Finding]:
    size, begin = 0, b""
    try:
        with _opened(path, suffix) as content:
            while time.monotonic() < deadline and (piece := content.read(_PIECE)):
                begin = begin or piece
                size += len(piece)
    except MemoryError:  # xz with a dictionary larger than the check's memory limit
        return
    except Exception as exc:  # each of these modules raises errors of its own
        yield Finding("unreadable", f"is cut off or damaged: {exc}")
        return
    if not size and time.monotonic() < deadline:
        yield Finding("no_data", "holds a compressed file without a byte")
    elif path.lower().endswith(TARS):
        yield from _check_tar(begin[:_TAR_BLOCK])


def _opened(path: str, suffix: str) -> IO[bytes] | gzip.GzipFile:
    if suffix in {".xz", ".txz"}:
        import lzma

        return lzma.open(path)
    if suffix in {".bz2", ".tbz2"}:
        import bz2

        return bz2.open(path)
    return gzip.open(path)


def _check_tar(begin: bytes) -> Iterator[Finding]:
    """Check the beginning of a tar archive; an empty one starts with its end marker, blocks of zeros."""
    if not any(begin):
        yield Finding("no_data", "is an archive without a file")
