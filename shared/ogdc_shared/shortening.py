"""Truncating texts for messages (see `several` for lists)."""

from __future__ import annotations


def shortened(text: str, characters: int) -> str:
    """`text`, or its beginning with `…`, in at most so many characters."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
