"""Reading single files of a zip by ranges, without reading the rest.

The standard library's `ZipFile` keeps the whole directory in memory, which for map tiles has a million
entries.

Source: APPNOTE.TXT of zip, 6.3.10: 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its
end), 4.5.3 (Zip64).
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ogdc_shared.errors import InvalidRequestError, OgdcError
from ogdc_shared.outputs.output_file import PIECE_BYTES, FilePage, ListedFile

Source = Callable[[int, int], Iterator[bytes]]
"""Yields a zip's bytes from the first offset to before the second."""

_ENTRY = struct.Struct("<4sBBHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<4s22xHH")
_END = struct.Struct("<4s8xIIH")
_END64_PLACE = struct.Struct("<4s4xQ4x")
_END64 = struct.Struct("<4s36xQQ")
_MAX_COMMENT = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF
_ZIP64 = 1
_DEFLATED = 8
_UTF8 = 0x800
_MADE_ON_UNIX = 3


class DamagedZipError(OgdcError):
    """A zip that is incomplete or corrupt; the service reads only zips that `publish` wrote."""


class Member(NamedTuple):
    """A file of a zip."""

    path: str
    size: int
    packed_size: int
    crc: int
    is_deflated: bool
    header: int
    """The offset of its local header."""


class _Place(NamedTuple):
    begin: int
    end: int


def list_members(source: Source, size: int, *, after: str | None, limit: int) -> FilePage:
    """List files in the order of the zip, without directories and links.

    Args:
        source: Reads ranges of the zip.
        size: Size of the zip in bytes.
        after: The `next` of the previous page, or None to begin with the first file.
        limit: The maximum number of files.

    Raises:
        InvalidRequestError: `after` is not a position in the list.
    """
    whole = _directory(source, size)
    found: list[ListedFile] = []
    for at, member in _members(source, _Place(_resumed(source, whole, after), whole.end)):
        if member is None:
            continue
        if len(found) == limit:
            return FilePage(found, str(at))
        found.append(ListedFile(member.path, member.size))
    return FilePage(found, None)


def list_below(source: Source, size: int, directory: str) -> Iterator[str]:
    """Yield the files of a directory; no more of a list that is in order is read than that takes."""
    for _, member in _members(source, _directory(source, size)):
        if member and member.path.startswith(f"{directory}/"):
            yield member.path
        elif member and member.path > f"{directory}0":  # what follows a slash
            return


def find_member(source: Source, size: int, path: str) -> Member | None:
    """Return the file of exactly that path, or None if there is none."""
    members = _members(source, _directory(source, size))
    return next((member for _, member in members if member and member.path == path), None)


def read_member(source: Source, member: Member, begin: int, end: int) -> Iterator[bytes]:
    """Yield a file's bytes from `begin` up to `end` (exclusive); a whole file is checked against its CRC.

    Raises:
        DamagedZipError: the file is corrupt; raised before its last piece is yielded.
    """
    if begin >= end:
        return
    signature, name, extra = _LOCAL.unpack(_bytes(source, member.header, member.header + _LOCAL.size))
    if signature != b"PK\3\4":
        raise DamagedZipError(f"There is no file at byte {member.header} of the zip.")
    data = member.header + _LOCAL.size + name + extra
    if member.is_deflated:
        pieces = _inflated(source(data, data + member.packed_size), begin, end)
    else:
        pieces = source(data + begin, data + end)
    yield from _checked(pieces, member) if end - begin == member.size else pieces


def _checked(pieces: Iterator[bytes], member: Member) -> Iterator[bytes]:
    """Delay each piece until the next one arrives, so that the last is yielded only if the CRC matches."""
    computed, held = 0, b""
    for piece in pieces:
        if held:
            yield held
        held, computed = piece, zlib.crc32(piece, computed)
    if computed != member.crc:
        raise DamagedZipError(f"{member.path!r} is damaged in the zip: its checksum does not match.")
    yield held


def _inflated(packed: Iterator[bytes], begin: int, end: int) -> Iterator[bytes]:
    inflater, at = zlib.decompressobj(-zlib.MAX_WBITS), 0
    try:
        for piece in packed:
            while piece or inflater.unconsumed_tail:
                data = inflater.decompress(piece or inflater.unconsumed_tail, PIECE_BYTES)
                piece = b""  # noqa: PLW2901  the rest of it is the tail
                if part := data[max(0, begin - at) : max(0, end - at)]:
                    yield part
                at += len(data)
                if at >= end:
                    return
        if part := inflater.flush()[max(0, begin - at) : end - at]:
            yield part
    except zlib.error as exc:
        raise DamagedZipError(f"A file of the zip cannot be inflated: {exc}.") from exc


def _bytes(source: Source, begin: int, end: int) -> bytes:
    found = b"".join(source(begin, end))
    if len(found) != end - begin:
        raise DamagedZipError(f"The zip ends in the middle of the record that begins at byte {begin}.")
    return found


def _directory(source: Source, size: int) -> _Place:
    """Return where the central directory of a zip is."""
    begin = max(0, size - _END.size - _MAX_COMMENT - _END64_PLACE.size)
    tail = _bytes(source, begin, size)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + _END.size:
        raise DamagedZipError("The output is not a zip: it has no end record.")
    _, length, first, _ = _END.unpack_from(tail, at)
    if _IN_ZIP64 in {length, first} and at >= _END64_PLACE.size:
        _, place = _END64_PLACE.unpack_from(tail, at - _END64_PLACE.size)
        _, length, first = _END64.unpack(_bytes(source, place, place + _END64.size))
    if first + length > size:
        raise DamagedZipError("The output is not a zip: its list of files is beyond its end.")
    return _Place(first, first + length)


def _resumed(source: Source, whole: _Place, after: str | None) -> int:
    if after is None:
        return whole.begin
    refusal = InvalidRequestError(
        f"after={after!r:.100} is not a place in the list; give the `next` of a page."
    )
    if not (after.isascii() and after.isdecimal() and len(after) <= 18):
        raise refusal
    at = int(after)
    if not whole.begin <= at <= whole.end - _ENTRY.size or _bytes(source, at, at + 4) != b"PK\1\2":
        raise refusal
    return at


def _members(source: Source, place: _Place) -> Iterator[tuple[int, Member | None]]:
    """Yield the offset of each entry, and the entry if it is a file, else None."""
    at, held = place.begin, b""
    for piece in source(*place):
        held += piece
        used = 0
        while (length := _length_of_entry(held, used)) is not None:
            yield at + used, _member(held[used : used + length])
            used += length
        held, at = held[used:], at + used
    if held:
        raise DamagedZipError("The zip's list of files ends in the middle.")


def _length_of_entry(held: bytes, at: int) -> int | None:
    """Return the length in bytes of the entry at an offset, or None if not all of it has been read."""
    if len(held) < at + _ENTRY.size:
        return None
    fields = _ENTRY.unpack_from(held, at)
    if fields[0] != b"PK\1\2":
        raise DamagedZipError("The zip's list of files is damaged.")
    length = _ENTRY.size + sum(fields[11:14])
    return length if len(held) >= at + length else None


def _member(entry: bytes) -> Member | None:
    """Decode an entry; return None if it is a directory or a link."""
    fields = _ENTRY.unpack_from(entry)
    system, flags, method, crc, packed, size = fields[2], fields[4], fields[5], *fields[8:11]
    name_length, extra_length, mode, header = fields[11], fields[12], fields[16] >> 16, fields[17]
    name = entry[_ENTRY.size : _ENTRY.size + name_length]
    path = name.decode("utf-8" if flags & _UTF8 else "cp437", errors="replace")
    is_link = system == _MADE_ON_UNIX and stat.S_ISLNK(mode)
    if path.endswith("/") or is_link:
        return None
    extra = entry[_ENTRY.size + name_length :][:extra_length]
    size, packed, header = _large(extra, size, packed, header)
    return Member(path, size, packed, crc, is_deflated=method == _DEFLATED, header=header)


def _large(extra: bytes, *values: int) -> tuple[int, ...]:
    """Those of the values that have no room in an entry stand, in order, in a field of its own."""
    given = iter(())
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == _ZIP64:
            numbers = extra[at + 4 : at + 4 + length]
            given = iter([each for (each,) in struct.iter_unpack("<Q", numbers[: length // 8 * 8])])
        at += 4 + length
    try:
        return tuple(next(given) if value == _IN_ZIP64 else value for value in values)
    except RuntimeError as exc:  # a generator has no StopIteration
        raise DamagedZipError("The zip's list of files lacks a size.") from exc
