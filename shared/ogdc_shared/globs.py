"""Glob patterns of paths, as in shells and .gitignore."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ANY_DEPTH = "**"


class PathPattern:
    """What names a path may consist of, one after the other.

    `*` and `?` stand for characters of one name, `[ab]` for one of some, and `**` for any number of names.
    Between two `**` the first place that fits is as good as any later one, so no place is tried twice: a path
    takes at most as many comparisons as it has names, times those of the pattern.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Read a pattern, given name by name."""
        self._runs: list[list[re.Pattern[str]]] = [[]]
        for name in names:
            if name == _ANY_DEPTH:
                self._runs.append([])
            else:
                self._runs[-1].append(re.compile(translate(name)))

    def matches(self, names: Sequence[str]) -> bool:
        """Whether all of a path's names are of the pattern."""
        first, *middle, last = self._runs if len(self._runs) > 1 else (*self._runs, [])
        start, end = len(first), len(names) - len(last)
        if len(self._runs) == 1 and start != end:
            return False
        if start > end or not (_fits(names, first, 0) and _fits(names, last, end)):
            return False
        for run in middle:
            places = range(start, end - len(run) + 1)
            at = next((place for place in places if _fits(names, run, place)), None)
            if at is None:
                return False
            start = at + len(run)
        return True


def matches(pattern: str, path: str) -> bool:
    """Whether a path, or an object's key, is of a pattern.

    `tiles/**/*.tif` is all GeoTIFFs below `tiles/` at any depth.
    """
    return _compiled(pattern).matches(path.split("/"))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> PathPattern:
    return PathPattern(pattern.split("/"))


def _fits(names: Sequence[str], run: Sequence[re.Pattern[str]], at: int) -> bool:
    return all(pattern.match(names[at + number]) for number, pattern in enumerate(run))
