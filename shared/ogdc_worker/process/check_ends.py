"""Checks whether files are whole, in formats of which GDAL reads a truncated file without an error.

Source: ESRI Shapefile Technical Description, "Organization of the Main File"; "dBASE Table File Format";
"The NetCDF Classic Format Specification"; ITU-T T.81, B.1.1.3 (EOI).
"""

from __future__ import annotations

import json
import os
from math import prod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import BinaryIO

_TAIL = 65536
_MAX_HEADER = 4 << 20
_SHAPES = (9994).to_bytes(4, "big")
_DBASE = (b"\x03", b"\x83", b"\x8b", b"\x30", b"\x31")
_STREAMING = 0xFFFFFFFF
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""Bytes of a value, by the number of a type in a NetCDF file."""


def is_cut_off(path: str, suffix: str) -> bool:
    """Whether the end of a file is missing.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        return _CHECKS[suffix](file, size)


def _is_shape_cut_off(file: BinaryIO, size: int) -> bool:
    head = file.read(28)
    return head.startswith(_SHAPES) and 2 * int.from_bytes(head[24:], "big") > size


def _is_dbase_cut_off(file: BinaryIO, size: int) -> bool:
    head = file.read(12)
    records, header, record = (
        int.from_bytes(head[at:to], "little") for at, to in ((4, 8), (8, 10), (10, 12))
    )
    return head[:1] in _DBASE and header + records * record > size


def _is_jpeg_cut_off(file: BinaryIO, size: int) -> bool:
    if not file.read(2).startswith(b"\xff\xd8"):
        return False  # another format, which is reported otherwise
    file.seek(max(0, size - _TAIL))
    return b"\xff\xd9" not in file.read()


def _is_last_line_cut_off(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    before, newline, last = tail.rpartition(b"\n")
    if not last.strip() or (not newline and size > _TAIL):
        return False
    try:
        json.loads(last.lstrip(b"\x1e"))
    except ValueError:
        return before.rpartition(b"\n")[2].lstrip(b"\x1e ").startswith(b"{") or not newline
    return False


class _Variable(NamedTuple):
    dimensions: tuple[int, ...]
    bytes_of_value: int
    begin: int


class _Header:
    """Reads the header of a NetCDF file of the classic formats (CDF-1, 2 and 5)."""

    def __init__(self, content: bytes, version: int) -> None:
        self._content = content
        self._at = 4
        self._count_bytes = 8 if version == 5 else 4
        self._offset_bytes = 4 if version == 1 else 8

    def end_of_data(self) -> int:
        """Return the number of bytes that the file must have.

        Raises:
            IndexError, KeyError: the header is cut off or damaged.
        """
        records = self._count()
        dimensions = [self._dimension() for _ in range(self._elements())]
        self._skip_attributes()
        end, by_record = 0, list[tuple[int, int]]()
        for variable in [self._variable() for _ in range(self._elements())]:
            lengths = [dimensions[each] for each in variable.dimensions]
            has_records = lengths[:1] == [0]
            length = prod(lengths[has_records:]) * variable.bytes_of_value
            if has_records:
                by_record.append((variable.begin, length))
            else:
                end = max(end, variable.begin + length)
        if not by_record or records in {0, _STREAMING}:
            return end
        one = by_record[0][1] if len(by_record) == 1 else sum(-(-length // 4) * 4 for _, length in by_record)
        return max(end, *(begin + (records - 1) * one + length for begin, length in by_record))

    def _dimension(self) -> int:
        self._skip_name()
        return self._count()

    def _variable(self) -> _Variable:
        self._skip_name()
        dimensions = tuple(self._count() for _ in range(self._count()))
        self._skip_attributes()
        kind = self._number(4)
        self._count()  # its size, which is too small a field for large variables
        return _Variable(dimensions, _TYPE_BYTES[kind], self._number(self._offset_bytes))

    def _skip_attributes(self) -> None:
        for _ in range(self._elements()):
            self._skip_name()
            kind = self._number(4)
            self._skip(self._count() * _TYPE_BYTES[kind])

    def _elements(self) -> int:
        self._number(4)  # a tag; zero if there are none
        return self._count()

    def _skip_name(self) -> None:
        self._skip(self._count())

    def _skip(self, length: int) -> None:
        self._at += -(-length // 4) * 4

    def _count(self) -> int:
        return self._number(self._count_bytes)

    def _number(self, length: int) -> int:
        piece = self._content[self._at : self._at + length]
        if len(piece) < length:
            raise IndexError(self._at)
        self._at += length
        return int.from_bytes(piece, "big")


def _is_netcdf_cut_off(file: BinaryIO, size: int) -> bool:
    header = file.read(_MAX_HEADER)
    if header[:3] != b"CDF" or header[3] not in {1, 2, 5}:
        return False  # HDF5, whose library notices
    try:
        return _Header(header, header[3]).end_of_data() > size
    except (IndexError, KeyError):
        return size < _MAX_HEADER


_CHECKS = {
    **dict.fromkeys((".shp", ".shx"), _is_shape_cut_off),
    ".dbf": _is_dbase_cut_off,
    **dict.fromkeys((".jpg", ".jpeg"), _is_jpeg_cut_off),
    **dict.fromkeys((".geojsonl", ".geojsons", ".jsonl", ".ndjson"), _is_last_line_cut_off),
    **dict.fromkeys((".nc", ".nc4"), _is_netcdf_cut_off),
}
