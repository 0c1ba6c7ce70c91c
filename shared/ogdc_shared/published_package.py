"""The DataONE package of a run's result, as reported by its last task and kept in the record."""

from __future__ import annotations

import json
from typing import NamedTuple

_MAX_LENGTH = 2000


class PublishedPackage(NamedTuple):
    """The identifiers of a published result."""

    identifier: str
    """Identifier of its metadata, for citations."""
    series: str
    """Series identifier, which stands for the newest version."""
    url: str
    """URL of its page."""

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(self._asdict())


def read_package(text: str) -> PublishedPackage | None:
    """Parse the output of `to_json`; None if it is not valid."""
    try:
        fields = json.loads(text)
        found = PublishedPackage(*(str(fields[name]) for name in PublishedPackage._fields))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_plain = all(each.isascii() and each.isprintable() and len(each) <= _MAX_LENGTH for each in found)
    return found if is_plain and found.url.startswith(("https://", "http://")) else None
