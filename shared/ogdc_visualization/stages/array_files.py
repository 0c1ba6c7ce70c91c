"""Files of arrays. A reader reads only the parts that it needs, and executes nothing.

A file begins with eight bytes: the length of the JSON object that follows. This object has the type, shape
and offset of each array. The arrays follow it, each at a multiple of 64 bytes.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64
Arrays = Mapping[str, NDArray[Any]]


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays of numbers, times or booleans."""
    header: dict[str, object] = {}
    place = 0
    for name, array in arrays.items():
        header[name] = (array.dtype.str, array.shape, place)
        place += _aligned(array.nbytes)
    text = json.dumps(header).encode()
    text += b" " * (_aligned(len(text) + 8) - len(text) - 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(array.tobytes())
            file.write(bytes(_aligned(array.nbytes) - array.nbytes))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file, mapped into memory so that only the parts in use are read."""
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    length = int.from_bytes(content[:8], "little")
    header: dict[str, tuple[str, list[int], int]] = json.loads(content[8 : 8 + length])
    return {
        name: np.ndarray(shape, kind, content, 8 + length + place)
        for name, (kind, shape, place) in header.items()
    }


def _aligned(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT


def pack(texts: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return n byte strings concatenated, and the end of each (n,)."""
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), dtype=np.int64)
    return np.frombuffer(b"".join(texts), np.uint8), ends


def unpack(content: NDArray[np.uint8], ends: NDArray[np.int64], which: NDArray[np.int64]) -> list[bytes]:
    """Return the byte strings with the given numbers."""
    last = ends[which]
    first = np.where(which > 0, ends[which - 1], 0)
    data = content.data
    return [bytes(data[a:b]) for a, b in zip(first.tolist(), last.tolist(), strict=True)]
