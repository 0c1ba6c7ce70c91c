"""Removing kept results that were not reused for long, and least recently used ones if space is short.

An entry is renamed before it is removed, so other tasks find it complete or not at all. Files that a run has
already taken have hard links of their own.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.removal import remove
from ogdc_shared.walking import names_in
from ogdc_worker.reuse.kept import ABOUT, read_plain
from ogdc_worker.reuse.store import DRAFT, USED

if TYPE_CHECKING:
    from collections.abc import Iterator

ABANDONED_SECONDS = 86_400.0
"""Age after which an unfinished entry is considered abandoned."""
_INPUTS = "inputs"


def collect(directory: str, *, most: int, days: int | None = None) -> int:
    """Remove entries, and abandoned drafts.

    Args:
        directory: Directory with the stores of all scopes.
        most: Size limit in bytes.
        days: Age since its last use after which an entry is removed; None means never.

    Returns:
        The number of removed bytes.
    """
    now, total, gone = time.time(), 0, 0
    for used, size, place in sorted(_entries(directory), reverse=True):
        total += size
        if total > most or (days is not None and now - used > days * 86_400):
            gone += size
            with suppress(OSError):
                _discard(directory, place)
    for place, is_anyones in _half_made(directory):
        with suppress(OSError):
            if not is_anyones or now - os.lstat(place).st_mtime > ABANDONED_SECONDS:
                remove(place)
    return gone


def _discard(directory: str, place: str) -> None:
    aside = f"{directory}/{DRAFT}{os.urandom(8).hex()}"
    os.rename(place, aside)
    remove(aside)


def _entries(directory: str) -> Iterator[tuple[float, int, str]]:
    """Yield the time of last use, the bytes and the path of each entry."""
    for place in _places(directory):
        with suppress(OSError, ValueError):
            is_whole = os.path.isfile(f"{place}/{ABOUT}")
            size = int(read_plain(f"{place}/{USED}", most=32) or b"0") if is_whole else 0
            yield os.stat(f"{place}/{USED}" if is_whole else place).st_mtime, size, place


def _places(directory: str) -> Iterator[str]:
    for scope in names_in(directory):
        for digits in names_in(f"{directory}/{scope}"):
            if digits not in {_INPUTS} and not digits.startswith(DRAFT):
                above = f"{directory}/{scope}/{digits}"
                yield from (f"{above}/{key}" for key in names_in(above))


def _half_made(directory: str) -> Iterator[tuple[str, bool]]:
    """Yield paths that are not entries, and whether another task may be working on them."""
    yield from ((place, False) for place in _drafts(directory))  # left by an interrupted collection
    for scope in names_in(directory):
        yield from ((place, True) for place in _drafts(f"{directory}/{scope}"))


def _drafts(above: str) -> list[str]:
    return [f"{above}/{name}" for name in names_in(above) if name.startswith(DRAFT)]
