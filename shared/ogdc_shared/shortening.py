"""Truncating texts for messages (see `several` for lists)."""

from __future__ import annotations


def shortened(text: str, characters: int) -> str:
    """Return `text`, or its beginning with `…`, with at most `characters` characters."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
