"""Patterns of object keys, as shells and .gitignore write them."""

from __future__ import annotations

from fnmatch import fnmatchcase

_ANY_DEPTH = "**"


def matches(pattern: str, key: str) -> bool:
    """Whether a key is of a pattern.

    `*` and `?` stand for characters of one part between slashes, `[ab]` for one of some, and a part `**` for
    any number of parts: `tiles/**/*.tif` is all GeoTIFFs below `tiles/` at any depth.
    """
    parts = key.split("/")
    reached = {0}
    """How many parts the pattern may have used up so far."""
    for wanted in pattern.split("/"):
        if not reached:
            return False
        if wanted == _ANY_DEPTH:
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatchcase(parts[at], wanted)}
    return len(parts) in reached
