"""What several directories hold, as if they were one: found out before any of it is moved."""

from __future__ import annotations

from ogdc_shared.fast_typing import TYPE_CHECKING
from ogdc_shared.walking import is_directory, walk

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence


def merge_names(
    directories: Sequence[str],
    clash: Callable[[str, int, int], Exception],
    *,
    check: Callable[[str, os.DirEntry[str], str], None] | None = None,
) -> dict[str, int]:
    """List all that lies below some directories, as if they were one.

    Args:
        directories: Which. Directories below them may have the same name, nothing else.
        clash: Makes the error for a name, the number of the directory that has it and that of a second one.
        check: Called with each directory, entry in it and the entry's path relative to it; may refuse it.

    Returns:
        Path below its directory → number of the (last) directory that has it; directories as well as files.
    """
    found: dict[str, int] = {}
    for number, directory in enumerate(directories):
        for name, entry in walk(directory):
            if check:
                check(directory, entry, name)
            first = found.setdefault(name, number)
            if first != number and not (
                is_directory(entry.path) and is_directory(f"{directories[first]}/{name}")
            ):
                raise clash(name, first, number)
            found[name] = number
    return found
