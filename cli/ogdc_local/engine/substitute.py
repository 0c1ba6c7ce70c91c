"""Substitution of Argo's `{{…}}` tags, as far as the compiler uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from ogdc_shared.argo.expressions import operands

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def tags(text: str) -> Iterator[str]:
    """Yield every tag of `text` without its braces; for an expression, yield the names in it."""
    if "{{" in text:
        for match in _TAG.finditer(text):
            yield from _named(match.group(1).strip())


@lru_cache
def _named(tag: str) -> tuple[str, ...]:
    """Return the names in a tag. Cached, because a workflow repeats a few tags many times."""
    computed = operands(tag)
    return tuple(name for name in computed if not _is_number(name)) if computed else (tag,)


def fill(text: str, scope: Mapping[str, str]) -> str:
    """Replace each tag of `text` by its value; tags in values are not replaced.

    Raises:
        ValueError: a tag is not in `scope`, or an expression's operands are not whole numbers.
    """
    return _TAG.sub(lambda match: _value(match.group(1).strip(), scope), text)


def _value(tag: str, scope: Mapping[str, str]) -> str:
    if computed := operands(tag):
        number, by = (name if _is_number(name) else _value(name, scope) for name in computed)
        if not (_is_number(number) and _is_number(by) and int(by)):
            raise ValueError(f"{{{{{tag}}}}}: {number[:40]!r} cannot be divided by {by[:40]!r}")
        return str(int(number) // int(by))
    if tag not in scope:
        raise ValueError(f"{{{{{tag}}}}} has no value")
    return scope[tag]


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]{1,12}", text) is not None
