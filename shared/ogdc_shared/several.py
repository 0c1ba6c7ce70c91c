"""Formatting lists in messages: the first few items, and the total."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 5


def several(texts: Sequence[str], *, of: int | None = None, shown: int = SHOWN, by: str = ", ") -> str:
    """Join the first few texts, and say how many are left out: `a, b and 7 more`.

    Args:
        texts: Some or all of the texts.
        of: Total number; None means the number of `texts`.
        shown: Maximum number to show.
        by: Separator.
    """
    total = len(texts) if of is None else of
    first = texts[:shown]
    more = total - len(first)
    return by.join(first) + (f"{' ' if by == ', ' else by}and {more} more" if more > 0 else "")


def first_commands(number: int) -> str:
    """Return `command 1`, `commands 1 and 2` or `commands 1 to 3`."""
    if number == 1:
        return "command 1"
    return f"commands 1 {'and' if number == 2 else 'to'} {number}"
