"""Reading a recipe's own files: regular files inside its directory, of limited size, in UTF-8.

Recipes are untrusted: a path in `meta.yml` cannot lead out of the directory, and pipes or devices are never
opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ogdc_shared.errors import InputError
from ogdc_shared.several import several

TEXT_LIMIT = 1024 * 1024
"""Size limit of a text file of a recipe, in bytes."""

_PIECE = 16 * 1024
"""Bytes to read at once: more than most recipe files have."""

NOT_PART = frozenset({".git", ".hg", ".svn", ".DS_Store", "__pycache__", "ogdc-output"})
"""Names that are not part of a recipe, at any depth of its directory."""

_ODD_PARTS = NOT_PART | {"", ".", ".."}
"""Components of paths that need a closer check."""


class UnusableFileError(InputError):
    """A file that cannot be used; the message is a predicate, with the file as subject."""


def confined(directory: Path, name: str) -> str:
    """Return the path of the regular file `name` (relative, with `/`) inside `directory`.

    Links are followed if they stay inside the directory.

    Raises:
        UnusableFileError: the file is missing, outside or not a regular file, or its name is a Windows path.
    """
    parts = name.split("/")
    if "\\" not in name and not _ODD_PARTS.intersection(parts) and _is_plain_file(directory, parts):
        return f"{directory}/{name}"
    path = PurePosixPath(name)
    if "\0" in name or path.is_absolute() or ".." in path.parts:
        raise UnusableFileError("lies outside the recipe directory; give a path inside it, without '..'.")
    if "\\" in name:
        raise UnusableFileError(
            "has a backslash in its name; write / between directories, and rename a file that has one itself."
        )
    if left_out := sorted(NOT_PART.intersection(path.parts)):
        raise UnusableFileError(f"lies in {left_out[0]}, which is not part of a recipe; move the file.")
    root = directory.resolve()
    try:
        real = (root / path).resolve(strict=True)
        mode = real.stat().st_mode
    except FileNotFoundError:
        raise UnusableFileError(
            f"is not in the recipe directory; {_what_there_is(root, path.parent)}"
        ) from None
    except (OSError, RuntimeError) as exc:  # RuntimeError: circular links, before Python 3.13
        raise UnusableFileError(
            f"cannot be opened ({_reason(exc)}); check its name and permissions."
        ) from exc
    if not real.is_relative_to(root):
        raise UnusableFileError(
            "is a link to a place outside the recipe directory; put the file itself there."
        )
    if not stat.S_ISREG(mode):
        raise UnusableFileError("is a directory or a device; give the path of a file.")
    return str(real)


def _is_plain_file(directory: Path, parts: Sequence[str]) -> bool:
    """Whether a regular file can be reached without links, so that it is certainly inside; the usual case."""
    place = os.fspath(directory)
    mode = 0
    try:
        for part in parts:
            place = f"{place}/{part}"
            mode = os.lstat(place).st_mode
            if stat.S_ISLNK(mode):
                return False
    except (OSError, ValueError):  # ValueError: the name contains NUL
        return False  # the caller determines the reason
    return stat.S_ISREG(mode)


def read_text(path: str, *, limit: int = TEXT_LIMIT) -> str:
    """Read a text file of at most `limit` bytes, without its byte order mark.

    Raises:
        UnusableFileError: the file is too large, binary, not UTF-8 or not readable.
    """
    try:
        data = _beginning(path, limit + 1)
    except OSError as exc:
        raise UnusableFileError(f"cannot be read ({_reason(exc)}); check its permissions.") from exc
    if len(data) > limit:
        raise UnusableFileError(f"is larger than {limit:,} bytes; put data into separate files.")
    if b"\0" in data:
        raise UnusableFileError(
            "is not a text file: it contains NUL bytes, as binary and UTF-16 files do; save it as UTF-8."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise UnusableFileError(
            f"is not UTF-8 text: line {line} holds the byte {data[exc.start]:#04x}; save it as UTF-8."
        ) from exc


def _beginning(path: str, most: int) -> bytes:
    """Read at most `most` bytes of a file. Python's own file would take twice as many system calls."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = [os.read(descriptor, min(most, _PIECE))]
        while pieces[-1] and (left := most - sum(map(len, pieces))) > 0:
            pieces.append(os.read(descriptor, min(left, _PIECE)))
    finally:
        os.close(descriptor)
    return b"".join(pieces)


def _what_there_is(root: Path, place: PurePosixPath) -> str:
    """Suggest files for a missing one; looks only inside `root`."""
    folder = (root / place).resolve()
    names: list[str] = []
    if folder.is_relative_to(root) and folder.is_dir():
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    if not names:
        return "add it, or correct the name."
    return f"add it, or correct the name (there is: {several(names, shown=10)})."


def _reason(exc: Exception) -> str:
    return str(exc.strerror or exc) if isinstance(exc, OSError) else "its links run in a circle"
