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
    """A pattern for the components of a path.

    `*`, `?` and `[ab]` match within one component, `**` matches any number of components. Between two `**`
    the first match is as good as any later one, so there is no backtracking: the number of comparisons is at
    most the product of the numbers of components of path and pattern.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Compile a pattern, given by component."""
        self._runs: list[list[re.Pattern[str]]] = [[]]
        for name in names:
            if name == _ANY_DEPTH:
                self._runs.append([])
            else:
                self._runs[-1].append(re.compile(translate(name)))

    def matches(self, names: Sequence[str]) -> bool:
        """Whether the pattern matches a whole path, given by component."""
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
    """Whether a pattern matches a path or an object's key.

    `tiles/**/*.tif` matches all GeoTIFFs below `tiles/` at any depth.
    """
    return _compiled(pattern).matches(path.split("/"))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> PathPattern:
    return PathPattern(pattern.split("/"))


def _fits(names: Sequence[str], run: Sequence[re.Pattern[str]], at: int) -> bool:
    return all(pattern.match(names[at + number]) for number, pattern in enumerate(run))
