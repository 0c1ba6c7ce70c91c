"""Checks files without GDAL: texts of rows, Parquet and PMTiles files, and databases that were not closed."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_worker.process.result_kinds import DATABASES, PARQUET, SHAPEFILE_PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from gzip import GzipFile
    from typing import IO

_MAX_LINE = 65536
_BLANK = b'\0\xef\xbb\xbf ,;\t|"'
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PARQUET, _MAX_FOOTER = b"PAR1", 16 << 20
_PMTILES_HEADER = 127
_PARTS = (".shp", ".shx", ".prj")
_NUMBER_BITS = 70
"""Ten bytes with seven bits each, which hold 64 bits."""
_NUMBER_OF_ROWS = 3
"""Field of `FileMetaData` in parquet.thrift."""


def problem_of(path: str, suffix: str, *, is_text: bool) -> tuple[str, str] | None:
    """Return kind and message of what is wrong with a file, or None if it seems to be fine.

    Args:
        path: The file.
        suffix: What its kind is determined by, in lower case.
        is_text: Whether it is a table of text, such as a .csv.gz.

    Raises:
        OSError, EOFError, ValueError: it cannot be read, for example because it is damaged.
    """
    if (is_text or suffix == ".json") and _begins_a_web_page(path):
        return "unreadable", "is a web page instead of data"
    if is_text:
        return ("no_data", f"holds no row{why}") if (why := without_rows(path)) else None
    checks = {
        **dict.fromkeys(SHAPEFILE_PARTS, lone_part_problem),
        **dict.fromkeys(PARQUET, parquet_problem),
        **dict.fromkeys(DATABASES, pending_problem),
        ".pmtiles": pmtiles_problem,
    }
    return checks[suffix](path) if suffix in checks else None


def without_rows(path: str) -> str:
    """Return why a text has no rows: only blank lines, or only a heading. Empty if it has some."""
    with _opened(path) as file:
        content = file.read(_MAX_LINE)
    if not content:
        return ""  # reported as an empty file
    if content.startswith(_UTF16):
        content = content.decode("utf-16", errors="replace").encode()
    lines = [line for line in content.splitlines() if line.strip(_BLANK)]
    rows = [line for line in lines if not line.lstrip(_BLANK).startswith(b"#")]
    if not rows:
        return ", only comments" if lines else ", only blank lines"
    if len(rows) > 1 or len(content) == _MAX_LINE:
        return ""
    fields = rows[0].translate(bytes.maketrans(b";\t|", b",,,")).split(b",")
    is_heading = not any(field.strip(b' -+."\0\xef\xbb\xbf')[:1].isdigit() for field in fields)
    return ", only a heading" if is_heading else ""


def _begins_a_web_page(path: str) -> bool:
    from ogdc_worker.web_pages import is_web_page  # not imported for other tables

    with _opened(path) as file:
        return is_web_page(file.read(_MAX_LINE))


def _opened(path: str) -> IO[bytes] | GzipFile:
    if path.lower().endswith(".gz"):
        import gzip

        return gzip.open(path)
    return open(path, "rb")


def parquet_problem(path: str) -> tuple[str, str] | None:
    """Return kind and message of what is wrong with a Parquet file, or None if it has rows.

    Source: parquet-format, "File Format": the file ends with its metadata, their length and PAR1.
    """
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 8))
        tail = file.read(8)
        length = int.from_bytes(tail[:4], "little")
        if not tail.endswith(_PARQUET) or length + 12 > end:
            return "unreadable", "is cut off or no Parquet file: its end is missing"
        file.seek(end - 8 - length)
        footer = file.read(min(length, _MAX_FOOTER))
    with suppress(IndexError, RecursionError, ValueError):
        if _Compact(footer).integer(_NUMBER_OF_ROWS) == 0:
            return "no_data", "holds no row"
    return None


def lone_part_problem(path: str) -> tuple[str, str] | None:
    """Return kind and message if a .shx, or a .dbf with a .prj, is there without its .shp."""
    stem = path[:-4]
    has = {each: any(map(os.path.exists, (stem + each, stem + each.upper()))) for each in _PARTS}
    is_table = path.lower().endswith(".dbf") and (has[".shx"] or not has[".prj"])
    if has[".shp"] or is_table:  # or a part that is told of with its .shx
        return None
    return "no_data", (
        "belongs to a shapefile whose .shp is missing, and with it all geometries (ogr2ogr writes none if it "
        "finds no geometry)"
    )


def pmtiles_problem(path: str) -> tuple[str, str] | None:
    """Return kind and message of what is wrong with a PMTiles archive, or None if it has tiles.

    Source: PMTiles version 3, "Header": offset and length of the tiles are at bytes 56 and 64.
    """
    with open(path, "rb") as file:
        header = file.read(_PMTILES_HEADER)
        size = file.seek(0, os.SEEK_END)
    if not header.startswith(b"PMTiles"):
        return "unreadable", "is no PMTiles archive: it begins otherwise"
    if header[7:8] != b"\3":
        return None
    start, length = (int.from_bytes(header[at : at + 8], "little") for at in (56, 64))
    if len(header) < _PMTILES_HEADER or start + length > size:
        return "unreadable", "is cut off: its tiles are not all there"
    return None if length else ("no_data", "holds no tile")


class _Compact:
    """Reads one integer field of a structure in Thrift's compact protocol, skipping the fields before it.

    Source: thrift-compact-protocol.md of Apache Thrift.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def integer(self, wanted: int) -> int | None:
        """Return the value of an integer field, or None if there is none."""
        for field, kind in self._fields():
            if field == wanted:
                number = self._number()
                return (number >> 1) ^ -(number & 1)
            self._skip(kind)
        return None

    def _fields(self) -> Iterator[tuple[int, int]]:
        """Yield number and type of each field, at whose value the caller has to read on."""
        field = 0
        while (head := self._byte()) != 0:
            delta = head >> 4
            if delta:
                field += delta
            else:
                number = self._number()
                field = (number >> 1) ^ -(number & 1)
            yield field, head & 0x0F

    def _skip(self, kind: int) -> None:
        if kind == 3:
            self._at += 1
        elif kind in {4, 5, 6}:
            self._number()
        elif kind == 7:
            self._at += 8
        elif kind == 8:
            length = self._number()
            self._at += length
        elif kind in {9, 10}:
            head = self._byte()
            count = head >> 4 if head >> 4 != 15 else self._number()
            for _ in range(count):
                self._skip_element(head & 0x0F)
        elif kind == 12:
            for _, inner in self._fields():
                self._skip(inner)
        elif kind not in {1, 2}:
            raise ValueError(kind)

    def _skip_element(self, kind: int) -> None:
        if kind in {1, 2}:  # a boolean in a list has a byte
            self._at += 1
        else:
            self._skip(kind)

    def _number(self) -> int:
        value = 0
        for shift in range(0, _NUMBER_BITS, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("a number does not end")

    def _byte(self) -> int:
        byte = self._content[self._at]
        self._at += 1
        return byte


def pending_problem(path: str) -> tuple[str, str] | None:
    """Return kind and message if changes to an SQLite database are still in another file.

    Source: "Write-Ahead Logging" and "Database File Format", sections 3 and 4, of SQLite's documentation.
    """
    for suffix in ("-wal", "-journal"):
        with suppress(OSError), open(path + suffix, "rb") as file:
            if any(file.read(8)):
                other = os.path.basename(path + suffix)
                return "unreadable", (
                    f"lacks changes that are still in {other!r}: who reads the file alone does not get them. "
                    "Close the database before the command ends (PRAGMA "
                    "wal_checkpoint(TRUNCATE))"
                )
    return None
