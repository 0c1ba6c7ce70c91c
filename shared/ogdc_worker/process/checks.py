"""Checks of the last command's outputs, before they are published.

They happen in the task that ran the commands, which has neither credentials nor the whole volume. They run in
a child process (see `checker`), since GDAL may take long, use much memory or crash on a damaged file, and a
check must never fail the run. They take at most `SECONDS`, however many files there are.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.walking import walk
from ogdc_worker.process.result_kinds import (
    COMPRESSED_TABLES,
    DATABASES,
    ENDS,
    LOOKED_INTO,
    NEVER_EMPTY,
    PARQUET,
    PICTURES,
    READ_WHOLE,
    SHAPEFILE_PARTS,
    SIGNATURES,
    TABLES,
    TIFF,
    is_tile,
    suffix_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ogdc_worker.process.checker import Checker, Looking
    from ogdc_worker.report import Reporter

SECONDS = 15.0
"""For all files together."""
MAX_FILES = 200
"""If there are more, an evenly spread sample of them is checked."""
_MAX_WHOLE_BYTES = 32 << 20
"""Size limit for files that GDAL reads as a whole."""
_HEAD = 512
_GRID_COLUMNS = 16
"""Minimum number of columns for a text without a header to count as a grid."""
_TEXT = bytes((*b"\t\n\f\r", *range(0x20, 0x7F), *range(0x80, 0x100)))


def checker_for(command: str) -> Checker | None:
    """Start a checker before the last command runs.

    Returns:
        The checker for `check_outputs`, or None if the command names no file that is checked. Thousands of
        tasks that write text files should not load GDAL.
    """
    if not any(suffix in command.lower() for suffix in LOOKED_INTO):
        return None
    from ogdc_worker.process.checker import Checker

    return Checker()


def check_outputs(
    directory: str, reporter: Reporter, *, thumbnails: str | None = None, checker: Checker | None = None
) -> dict[str, Any] | None:
    """Warn about results that are empty, damaged or not georeferenced.

    Args:
        directory: The directory of the results.
        reporter: Receives the warnings.
        thumbnails: Directory for thumbnails of georeferenced results, or None to make none.
        checker: A checker that was started earlier, or None to start one if needed.

    Returns:
        The event to log with the number of checked files, or None if there are no files of known formats.
    """
    started = time.monotonic()
    found: list[tuple[str, str]] = []
    pictures: list[tuple[str, str]] = []
    files = sizes = 0
    for name, size in _results(directory):
        files, sizes = files + 1, sizes + size
        suffix = _kind_of(directory, name)
        if size == 0 and suffix in NEVER_EMPTY:
            reporter.warn("no_data", f"{name!r} is empty: it has no byte", path=name)
        elif (problem := _of_table(f"{directory}/{name}", suffix)) is not None:
            reporter.warn(problem[0], f"{name!r} {problem[1]}", path=name)
        elif suffix in LOOKED_INTO and not _is_too_large(suffix, size):
            (pictures if suffix in PICTURES else found).append((name, suffix))
    if files and not sizes and not reporter.warnings:
        reporter.warn("no_data", f"the result is empty: none of its files has a byte ({files} in all)")
    found, left = _some(found, MAX_FILES), len(found) + len(pictures)
    found += _some(pictures, MAX_FILES - len(found))
    if not found:
        if checker:
            checker.end()
        return None
    from ogdc_worker.process.checker import Looking

    task = Looking(directory, found, thumbnails, SECONDS)
    looked, gdal = _look(_ready(checker), task, reporter)
    if gdal is None:
        return {"event": "checks_skipped", "reason": "there is no GDAL here (gdalinfo is not on PATH)"}
    seconds = round(time.monotonic() - started, 3)
    version = {"gdal": gdal} if gdal else {}
    return {"event": "outputs_checked", "files": looked, "of": left, "seconds": seconds} | version


def _ready(checker: Checker | None) -> Checker:
    """Return the given checker, or a new one if a command has killed it."""
    from ogdc_worker.process.checker import Checker

    if checker is not None and not checker.is_alive():
        checker.end()
        checker = None
    return checker or Checker()


def _look(checker: Checker, task: Looking, reporter: Reporter) -> tuple[int, str | None]:
    """Have the child check files; report warnings and positions.

    Returns:
        The number of files it finished, and GDAL's version: empty if the child did not get that far, None if
        GDAL is not installed.
    """
    from ogdc_worker.process.checker import NO_GDAL, PLACE, VERSION

    files = task.files
    done, version = 0, ""
    try:
        for kind, message in checker.look(task):
            if kind is None:
                done += 1
            elif kind == VERSION:
                version = message
            elif kind == NO_GDAL:
                return 0, None
            elif kind == PLACE:
                reporter.note("described", name=files[done][0].rstrip("/"), place=message)
            else:
                name = files[done][0]
                reporter.warn(kind, f"{name!r} {message}", path=name)
    finally:
        crashed = checker.end()
    if crashed and done < len(files):  # otherwise a thumbnail made it crash
        name = files[done][0]
        reporter.warn("unreadable", f"{name!r} makes GDAL crash; it is probably damaged", path=name)
    return done, version


def _results(directory: str) -> Iterator[tuple[str, int]]:
    """Yield files, and directories that GDAL opens as one data set, with their sizes in bytes."""
    wholes: list[str] = []
    for name, entry in walk(directory):
        if entry.is_dir(follow_symlinks=False):
            if name.lower().endswith((".gdb", ".zarr")):
                wholes.append(f"{name}/")
                yield name, 1
        elif entry.is_file(follow_symlinks=False) and not name.startswith(tuple(wholes)):
            yield name, entry.stat(follow_symlinks=False).st_size


def _some(found: list[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """Return at most `most` entries, evenly spread."""
    if len(found) <= most:
        return found
    return [found[index * len(found) // most] for index in range(most)]


def _kind_of(directory: str, name: str) -> str:
    """Return the suffix to treat a file as, which may depend on its content; empty if it is not checked."""
    suffix = suffix_of(name)
    if suffix in PICTURES and is_tile(name):
        return ""
    path = f"{directory}/{name}"
    if not suffix and _head(path).startswith(TIFF):
        return ".tif"
    if suffix == ".dat":
        headers = (f"{path[:-4]}.hdr", f"{path}.hdr")
        return suffix if any(_head(header).startswith(b"ENVI") for header in headers) else ""
    if suffix == ".tab" and (head := _head(path)) and b"!table" not in head.lower():
        return ""  # a tab-separated table, such as PANGAEA's, not a MapInfo file
    if suffix in SIGNATURES and (head := _head(path)) and _is_text(head):
        import re  # which most tasks do not need

        known = re.match(SIGNATURES[suffix], head, re.IGNORECASE)
        return suffix if known or (suffix == ".asc" and _is_grid_without_header(head)) else ""
    return ".geojson" if suffix == ".json" and _is_geojson(_head(path)) else suffix


def _of_table(path: str, suffix: str) -> tuple[str, str] | None:
    """Return kind and message of what is wrong with a file that GDAL need not read; None if it seems fine."""
    if suffix in ENDS:
        from ogdc_worker.process.check_ends import is_cut_off

        with suppress(OSError):
            if is_cut_off(path, suffix):
                return "unreadable", "is cut off: its end is missing"
    is_text = suffix in TABLES or path.lower().endswith(COMPRESSED_TABLES)
    if not (is_text or suffix in (*PARQUET, *DATABASES, *SHAPEFILE_PARTS, ".json", ".pmtiles")):
        return None
    from ogdc_worker.process.check_table import problem_of

    with suppress(OSError, EOFError, ValueError):  # damage is found otherwise
        return problem_of(path, suffix, is_text=is_text)
    return None


def _is_text(head: bytes) -> bool:
    return not head.translate(None, _TEXT)


def _is_grid_without_header(head: bytes) -> bool:
    """Whether a text is long rows of numbers, unlike a list of points."""
    if head.translate(None, b"0123456789.,eE+- \t\r\n"):
        return False
    first, *rows = (len(line.split()) for line in head.split(b"\n"))
    return first >= _GRID_COLUMNS and all(count == first for count in rows[:-1])


def _is_geojson(head: bytes) -> bool:
    head = head.translate(None, b" \t\r\n")
    return head.startswith(b"{") and b'"type":"FeatureCollection"' in head


def _head(path: str) -> bytes:
    """Return the beginning of a file; empty if it cannot be read."""
    with suppress(OSError), open(path, "rb") as file:
        return file.read(_HEAD)
    return b""


def _is_too_large(suffix: str, size: int) -> bool:
    return suffix in READ_WHOLE and size > _MAX_WHOLE_BYTES
