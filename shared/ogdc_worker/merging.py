"""What several directories hold, as if they were one: found out before any of it is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.several import SHOWN, several
from ogdc_shared.walking import is_directory, walk

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence


class Clash(NamedTuple):
    """A name that two directories have, which cannot be merged."""

    name: str
    first: int
    second: int


def merge_names(
    directories: Sequence[str],
    refuse: Callable[[Sequence[Clash], int], Exception],
    *,
    check: Callable[[str, os.DirEntry[str], str], None] | None = None,
) -> dict[str, int]:
    """List all that lies below some directories, as if they were one.

    Args:
        directories: Which. Directories below them may have the same name, nothing else.
        refuse: Makes the error for names that clash: the first `SHOWN` of them, and how many there are.
        check: Called with each directory, entry in it and the entry's path relative to it; may refuse it.

    Returns:
        Path below its directory → number of the (last) directory that has it; directories as well as files.
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


def tell_others(clashes: Sequence[Clash], count: int, label: Callable[[int], str]) -> str:
    """Say of which names but the first the same is true, in a sentence; empty where there is but one."""
    if count == 1:
        return ""
    names = [f"{name!r} ({label(first)} and {label(second)})" for name, first, second in clashes[1:]]
    return f"The same is true of {several(names, of=count - 1)}. "
