"""Thread-safe decoding of JSON into msgspec structs.

msgspec analyses a struct on first use, and two threads that do so at once crash the process (SIGSEGV, with
0.22). So decoders are created here under a lock, or while a module is imported.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")
_LOCK = Lock()
_MADE: dict[type, msgspec.json.Decoder[Any]] = {}


def decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    """Return the decoder of a type, which is created once."""
    with _LOCK:
        if kind not in _MADE:
            _MADE[kind] = msgspec.json.Decoder(kind)
        return _MADE[kind]
