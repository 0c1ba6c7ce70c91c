"""Comparing the files listed in two crates, and the files themselves if both are available."""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Iterator
from enum import StrEnum
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple

from ogdc_cli.reproduce.contents import may_be_read
from ogdc_shared.provenance.reading import Entry


class Verdict(StrEnum):
    """What became of a file."""

    SAME = "same"
    SAME_CONTENT = "same content"
    """Other bytes, and what GDAL reads of them is the same."""
    DIFFERS = "differs"
    UNKNOWN = "undecided"
    """Without checksums; or of other bytes, which may hold the same, and cannot be looked into."""
    ALTERED = "altered since"
    """The original file at hand is not what the run made."""
    MISSING = "missing"
    NEW = "new"

    @property
    def is_good(self) -> bool:
        """Whether it is as it was."""
        return self in {Verdict.SAME, Verdict.SAME_CONTENT}


class Compared(NamedTuple):
    """A file of one run and of the other."""

    path: str
    verdict: Verdict
    details: tuple[str, ...] = ()
    """What differs, in words."""


def compare_entries(then: dict[str, Entry], now: dict[str, Entry]) -> Iterator[Compared]:
    """Compare what two crates say of their files."""
    for path in sorted({*then, *now}):
        if path not in now:
            yield Compared(path, Verdict.MISSING)
        elif path not in then:
            yield Compared(path, Verdict.NEW)
        else:
            yield _compare(path, then[path], now[path])


def _compare(path: str, then: Entry, now: Entry) -> Compared:
    is_known = bool(then.checksum and now.checksum) and _algorithm(then) == _algorithm(now)
    if is_known and then.checksum == now.checksum:
        return Compared(path, Verdict.SAME)
    if not is_known and then.size == now.size:
        return Compared(path, Verdict.UNKNOWN, ("of the same size, and without a checksum",))
    if then.size == now.size:
        return Compared(path, Verdict.DIFFERS, (f"{then.checksum} then, {now.checksum} now",))
    return Compared(path, Verdict.DIFFERS, (f"{then.size} bytes then, {now.size} now",))


def _algorithm(entry: Entry) -> str:
    return entry.checksum.partition(":")[0]


def is_altered(file: Path, entry: Entry) -> bool:
    """Whether a file differs from what a crate says of it, as far as that says anything: size and SHA-256."""
    if entry.size.isdecimal() and int(entry.size) != file.stat().st_size:
        return True
    algorithm, _, digest = entry.checksum.partition(":")
    if algorithm != "sha256":
        return False
    with file.open("rb") as content:
        return file_digest(content, "sha256").hexdigest() != digest


def look_closer(
    compared: Compared, then: Path, now: Path, look: Callable[[Path, Path], tuple[bool, list[str]] | None]
) -> Compared:
    """Compare two files by their bytes, and if these differ by their content.

    Args:
        compared: The result so far.
        then: The original file.
        now: The new file.
        look: Returns whether two files have the same content, and the differences; None if it cannot read
            them.
    """
    if compared.verdict not in {Verdict.DIFFERS, Verdict.UNKNOWN}:
        return compared
    if filecmp.cmp(then, now, shallow=False):
        return Compared(compared.path, Verdict.SAME)
    looked = look(then, now)
    if looked is None:
        return undecided(compared._replace(verdict=Verdict.DIFFERS), "GDAL could not compare what they hold")
    same, details = looked
    return Compared(compared.path, Verdict.SAME_CONTENT if same else Verdict.DIFFERS, tuple(details))


def undecided(compared: Compared, reason: str) -> Compared:
    """Return the result for a file that cannot be read: unknown, unless its format is not geospatial."""
    if compared.verdict != Verdict.DIFFERS or not may_be_read(compared.path):
        return compared
    return compared._replace(verdict=Verdict.UNKNOWN, details=(*compared.details, reason))


def inside(directory: Path, path: str) -> Path | None:
    """Return a file in a directory by its path, which is untrusted; None if it is outside or not a file."""
    try:
        found = (directory / path).resolve()
        is_inside = found.is_relative_to(directory.resolve()) and found.is_file()
    except (OSError, ValueError):
        return None
    return found if is_inside else None
