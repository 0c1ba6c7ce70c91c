"""Texts of several paragraphs in meta.yml."""

from __future__ import annotations

import re

_PARAGRAPHS = re.compile(r"\n\s*\n")


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, separated by blank lines, each on one line."""
    return [" ".join(each.split()) for each in _PARAGRAPHS.split(text) if each.strip()]
