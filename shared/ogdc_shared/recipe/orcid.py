"""Parsing ORCID iDs.

Source: ORCID, "Structure of the ORCID Identifier": the last character is a check digit by ISO 7064, MOD 11-2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])/?")


def read_orcid(text: str) -> str | None:
    """Return the sixteen characters of an iD, such as 0000-0002-1825-0097, from an iD or its URL.

    None if it is not an iD, or its check digit is wrong.
    """
    found = _ORCID.fullmatch(text.strip())
    return found[1] if found and found[1][-1] == _check_character(found[1]) else None


def _check_character(orcid: str) -> str:
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    value = (12 - total % 11) % 11
    return "X" if value == 10 else str(value)


def owner_of(rights_holder: str | None, creators: Iterable[str | None]) -> str | None:
    """Return the ORCID iD of a data set's owner: the rights holder, else the first creator with one."""
    return next((orcid for orcid in (rights_holder, *creators) if orcid), None)
