"""TIFF files of bands of 64-bit floats, each band one compressed strip: the bytes, and nothing else.

GDAL spends half the time of a small file on what does not change from tile to tile; here that is made once.
Sources: TIFF 6.0 (1992); OGC GeoTIFF 1.1 (19-008r4), annex B; GDAL's documentation of its driver GTiff for
the tags 42112 and 42113.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

SHORT, LONG, DOUBLE, ASCII = 3, 4, 12, 2
"""Types of values."""
_FORMATS = {SHORT: "H", LONG: "I", DOUBLE: "d"}
_HEADER = struct.Struct("<2sHI")
_ENTRY = struct.Struct("<HHI4s")
GEO_TAGS = (34735, 34736, 34737)
"""Which hold the CRS: directory of keys, floats, texts."""

Values = tuple[int, bytes]
"""A type, and values of it."""


def encode_tiff(bands: NDArray[np.float64], tags: Mapping[int, Values]) -> bytes:
    """Return a file with bands (b, rows, columns).

    Args:
        bands: From north to south and west to east.
        tags: What else it has, by their numbers.
    """
    count, rows, columns = bands.shape
    strips = [zlib.compress(band.astype("<f8").tobytes(), 1) for band in bands]
    sizes = list(map(len, strips))
    first = _HEADER.size
    offsets = [first + sum(sizes[:number]) for number in range(count)]
    every = dict(tags) | {
        256: values(LONG, [columns]),
        257: values(LONG, [rows]),
        258: values(SHORT, [64] * count),
        259: values(SHORT, [8]),  # deflate
        262: values(SHORT, [1]),  # black is zero
        273: values(LONG, offsets),
        277: values(SHORT, [count]),
        278: values(LONG, [rows]),
        279: values(LONG, sizes),
        284: values(SHORT, [2]),  # band after band
        339: values(SHORT, [3] * count),  # floats
    }
    if count > 1:
        every[338] = values(SHORT, [0] * (count - 1))
    body = b"".join(strips)
    body += bytes(len(body) % 2)
    return _HEADER.pack(b"II", 42, first + len(body)) + body + _directory(every, first + len(body))


def values(kind: int, numbers: Sequence[float]) -> Values:
    """Return numbers of one type."""
    return kind, struct.pack(f"<{len(numbers)}{_FORMATS[kind]}", *numbers)


def text(content: str) -> Values:
    """Return a text."""
    return ASCII, content.encode() + b"\0"


def names(of_bands: Sequence[str]) -> Values:
    """Return what bands are called, as GDAL has it, which escapes twice."""
    items = (
        f'<Item name="DESCRIPTION" sample="{number}" role="description">{escape(escape(name))}</Item>'
        for number, name in enumerate(of_bands)
    )
    return text(f"<GDALMetadata>{''.join(items)}</GDALMetadata>")


def read_tags(content: bytes, wanted: Sequence[int]) -> dict[int, Values]:
    """Return some of the tags that a file in this byte order has."""
    [_, _, place] = _HEADER.unpack_from(content)
    [count] = struct.unpack_from("<H", content, place)
    found = {}
    for number in range(count):
        tag, kind, length, value = _ENTRY.unpack_from(content, place + 2 + number * _ENTRY.size)
        if tag in wanted:
            size = length * (struct.calcsize(_FORMATS[kind]) if kind in _FORMATS else 1)
            at = int.from_bytes(value, "little")
            found[tag] = (kind, value[:size] if size <= len(value) else content[at : at + size])
    return found


def _directory(tags: Mapping[int, Values], place: int) -> bytes:
    """Return the directory of a file's tags that is at a place in it, and what does not fit into it."""
    entries, rest = [], b""
    end = place + 2 + len(tags) * _ENTRY.size + 4
    for tag, (kind, content) in sorted(tags.items()):
        count = len(content) // (struct.calcsize(_FORMATS[kind]) if kind in _FORMATS else 1)
        value = content
        if len(content) > 4:
            value = (end + len(rest)).to_bytes(4, "little")
            rest += content + bytes(len(content) % 2)
        entries.append(_ENTRY.pack(tag, kind, count, value))
    return struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4) + rest
