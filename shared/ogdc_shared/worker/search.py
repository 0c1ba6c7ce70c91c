"""Finding inputs on volumes of the cluster, which `list` has mounted read-only."""

from __future__ import annotations

import os
import re
from fnmatch import translate
from typing import TYPE_CHECKING

from ogdc_shared.errors import InputNotFoundError, UnusableInputError
from ogdc_shared.layout import claim_mount
from ogdc_shared.plan import InputFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ogdc_shared.plan import VolumeInput

_TOLD = 5
"""How many of the files that do not match a message names."""
_ANY = None
"""In place of a pattern's component `**`: any number of directories."""


def find_files(
    volumes: Sequence[VolumeInput], mount: Callable[[str], str] = claim_mount
) -> Iterator[InputFile]:
    """Yield the files of inputs on volumes, each once, those of one input sorted by path before the next's.

    Links to directories are not followed. Nothing found is kept, so there may be millions.

    Args:
        volumes: The inputs.
        mount: Where a claim's volume is.

    Raises:
        InputNotFoundError: there is no such directory, or no file in it matches.
        UnusableInputError: a file's name is not UTF-8.
    """
    searches = [_Search(volume, mount(volume.claim)) for volume in volumes]
    for number, search in enumerate(searches):
        for file in search.files():
            if not any(earlier.covers(file.source) for earlier in searches[:number]):
                yield file


class _Search:
    """The search for one input."""

    def __init__(self, volume: VolumeInput, mount: str) -> None:
        self._volume = volume
        self._top = f"{mount}/{volume.path}".rstrip("/")
        parts = [part for part in volume.glob.split("/") if part not in {"", "."}]
        self._pattern = (_ANY, *(_ANY if part == "**" else re.compile(translate(part)) for part in parts))
        self._others: list[str] = []
        """Some of the files that do not match."""

    def files(self) -> Iterator[InputFile]:
        """Yield the files that match, sorted by path."""
        if not os.path.isdir(self._top):
            raise InputNotFoundError(
                f"The volume {self._volume.claim} has no directory {self._volume.path!r}; mend "
                "input.params: path."
            )
        found = False
        for path, names in _walk(self._top):
            if _fits(names, self._pattern):
                found = True
                yield InputFile(source=_readable(path), kind="volume", size=os.stat(path).st_size)
            elif len(self._others) < _TOLD:
                self._others.append("/".join(names))
        if not found:
            raise InputNotFoundError(self._nothing())

    def covers(self, path: str) -> bool:
        """Tell whether this search finds a file, too."""
        below = path.removeprefix(f"{self._top}/")
        return below != path and _fits(tuple(below.split("/")), self._pattern)

    def _nothing(self) -> str:
        volume = self._volume
        others = ", ".join(map(repr, self._others))
        there = f"There are others, such as {others}." if others else "There is no file at all."
        return (
            f"No file below {volume.path or '/'!r} on the volume {volume.claim} matches {volume.glob!r}. "
            f"{there}"
        )


def _walk(directory: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each file's path below a directory, and the names that lead there, in the order of the paths."""
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name)
    for entry in found:
        names = (*above, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, names)
        elif entry.is_file():
            yield entry.path, names


def _fits(names: tuple[str, ...], pattern: tuple[re.Pattern[str] | None, ...]) -> bool:
    if not pattern:
        return not names
    first, rest = pattern[0], pattern[1:]
    if first is _ANY:
        if _ANY not in rest:  # only one length is left for the others
            return len(names) >= len(rest) and _fits(names[len(names) - len(rest) :], rest)
        return any(_fits(names[start:], rest) for start in range(len(names) + 1))
    return bool(names) and first.match(names[0]) is not None and _fits(names[1:], rest)


def _readable(path: str) -> str:
    """Refuse a name that cannot stand in a manifest.

    Raises:
        UnusableInputError: it is not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError as exc:
        raise UnusableInputError(f"The name {path!r} is not UTF-8. Rename the file.") from exc
    return path
