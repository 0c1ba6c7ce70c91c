"""Texts cut to what a message has room for (see `several` for many of them)."""

from __future__ import annotations


def shortened(text: str, characters: int) -> str:
    """`text`, or its beginning with `…`, in at most so many characters."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
