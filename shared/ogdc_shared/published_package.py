"""The DataONE package of a run's result, as reported by its last task and kept in the record."""

from __future__ import annotations

import json
from typing import NamedTuple

_MAX_LENGTH = 2000


class PublishedPackage(NamedTuple):
    """Where a result is published."""

    identifier: str
    """Of its metadata, by which it is cited."""
    series: str
    """What stands for its newest version."""
    url: str
    """Its page."""

    def to_json(self) -> str:
        """Render it."""
        return json.dumps(self._asdict())


def read_package(text: str) -> PublishedPackage | None:
    """Read what `to_json` gave; None: it is something else."""
    try:
        fields = json.loads(text)
        found = PublishedPackage(*(str(fields[name]) for name in PublishedPackage._fields))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_plain = all(each.isascii() and each.isprintable() and len(each) <= _MAX_LENGTH for each in found)
    return found if is_plain and found.url.startswith(("https://", "http://")) else None
