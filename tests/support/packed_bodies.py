"""Tells schemathesis how bodies of recipes, packed, are sent: as they are generated."""

from __future__ import annotations

from typing import Any

import schemathesis


def send_packed_bodies() -> None:
    """Have what is generated for them sent as it is; where it is to be wrong, it may be anything."""

    @schemathesis.serializer("application/gzip", "application/zip")
    def as_it_is(_context: Any, value: Any) -> bytes:
        return value if isinstance(value, bytes) else str(value).encode(errors="replace")
