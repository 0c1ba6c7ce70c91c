"""Merging the listings of several directories and detecting name clashes before anything is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.several import SHOWN, several
from ogdc_shared.walking import is_directory, walk

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


class Clash(NamedTuple):
    """A name that two directories both have and that cannot be merged."""

    name: str
    first: int
    second: int


def merge_names(
    directories: Sequence[str],
    refuse: Callable[[Sequence[Clash], int], Exception],
    *,
    check: Callable[[str, os.DirEntry[str], str], None] | None = None,
) -> dict[str, int]:
    """List everything below several directories, as if they were one.

    Args:
        directories: The directories. They may have subdirectories with the same name, but no other equal
            names.
        refuse: Makes the error for clashing names from the first `SHOWN` clashes and their total number.
        check: Called with each directory, entry and the entry's relative path; may raise to reject the entry.

    Returns:
        Relative path → index of the last directory that has it, for files and directories.
    """
    found: dict[str, int] = {}
    clashes: list[Clash] = []
    count = 0
    for number, directory in enumerate(directories):
        for name, entry in walk(directory):
            if check:
                check(directory, entry, name)
            first = found.setdefault(name, number)
            if first != number and not (
                is_directory(entry.path) and is_directory(f"{directories[first]}/{name}")
            ):
                clashes += [Clash(name, first, number)] if count < SHOWN else []
                count += 1
            found[name] = number
    if clashes:
        raise refuse(clashes, count)
    return found


def alike_names(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield names with one that is the same on Windows or macOS: other case, or accents encoded otherwise.

    Source: Apple File System Reference, "j_drec_hashed_key_t": names are normalized (NFD) and case-folded.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = name.casefold()
        if not key.isascii():
            from unicodedata import normalize  # which few names need

            key = normalize("NFD", normalize("NFD", key).casefold())
        known = seen.setdefault(key, name)
        if known != name:
            yield known, name


def alike_files(names: Mapping[str, int], directories: Sequence[str]) -> list[tuple[str, str]]:
    """Return files of different directories that have one name on other systems.

    Args:
        names: As `merge_names` returns them.
        directories: The directories.
    """
    return [
        (one, other)
        for one, other in alike_names(names)
        if names[one] != names[other] and not is_directory(f"{directories[names[one]]}/{one}")
    ]


def tell_others(clashes: Sequence[Clash], count: int, label: Callable[[int], str]) -> str:
    """Return a sentence that lists all clashes but the first, or an empty string if there is only one."""
    if count == 1:
        return ""
    names = [f"{name!r} ({label(first)} and {label(second)})" for name, first, second in clashes[1:]]
    return f"The same is true of {several(names, of=count - 1)}. "
