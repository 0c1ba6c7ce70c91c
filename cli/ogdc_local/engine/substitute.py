"""Argo's `{{…}}` tags, as far as the compiler writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def tags(text: str) -> Iterator[str]:
    """Every tag of `text`, without its braces."""
    return (match.group(1).strip() for match in _TAG.finditer(text))


def fill(text: str, scope: Mapping[str, str]) -> str:
    """Replace each tag of `text` by its value; what a value holds is never read as a tag.

    Raises:
        ValueError: a tag that `scope` does not have.
    """
    return _TAG.sub(lambda match: _value(match.group(1).strip(), scope), text)


def _value(tag: str, scope: Mapping[str, str]) -> str:
    if tag not in scope:
        raise ValueError(f"{{{{{tag}}}}} has no value")
    return scope[tag]
