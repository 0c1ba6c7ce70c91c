"""Reading JSON into structs from any thread.

msgspec finds out what a struct holds when one is first read, and two threads that do so at once end the
process (SIGSEGV, with 0.22). So whoever reads one takes its decoder from here, or makes it while a module is
imported.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")
_LOCK = Lock()
_MADE: dict[type, msgspec.json.Decoder[Any]] = {}


def decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    """The decoder of a type; made once."""
    with _LOCK:
        if kind not in _MADE:
            _MADE[kind] = msgspec.json.Decoder(kind)
        return _MADE[kind]
