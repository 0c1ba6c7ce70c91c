"""The only expression that workflows leave to Argo: the pack that contains a partition (see `inputs.packs`).

Source: docs/variables.md of argo-workflows ("Expression"), and `div` of Masterminds/sprig, which converts
strings to integers and truncates; expr's own `/` does neither.
"""

from __future__ import annotations

import re

_QUOTIENT = re.compile(r"=sprig\.div\(([-\w.]+), ([-\w.]+)\)")


def quotient(number: str, by: str) -> str:
    """Return the tag for `number // by`, each a whole number or what a tag names."""
    return f"{{{{=sprig.div({number}, {by})}}}}"


def operands(tag: str) -> tuple[str, str] | None:
    """Return `number` and `by` of a tag's content, or None if it is not a quotient."""
    found = _QUOTIENT.fullmatch(tag)
    return (found[1], found[2]) if found else None
