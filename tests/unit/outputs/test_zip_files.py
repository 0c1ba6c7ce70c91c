"""A zip that is read by ranges holds what the standard library put in."""

from __future__ import annotations

import io
import random
import stat
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.outputs.zip_files import (
    DamagedZipError,
    Member,
    Source,
    find_member,
    list_members,
    read_member,
)

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=9)
CONTENT = st.binary(max_size=600) | st.integers(0, 9000).map(lambda size: b"map " * size)


def packed(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, zip64: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=zip64) as file:
                file.write(content)
    return buffer.getvalue()


def reading(data: bytes, piece: int = 1 << 20) -> Source:
    def source(begin: int, end: int) -> Iterator[bytes]:
        for at in range(begin, end, piece):
            yield data[at : min(at + piece, end)]

    return source


def listed(data: bytes, limit: int = 1000) -> list[tuple[str, int]]:
    after, found = None, []
    while True:
        page = list_members(reading(data), len(data), after=after, limit=limit)
        assert len(page.files) <= limit
        found += page.files
        if (after := page.next) is None:
            return [tuple(file) for file in found]


def member(data: bytes, path: str) -> Member:
    found = find_member(reading(data), len(data), path)
    assert found is not None
    return found


@settings(deadline=None)
@given(
    st.dictionaries(NAMES, CONTENT, max_size=6),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.integers(1, 90),
    st.data(),
)
def test_every_part_of_every_file_is_what_was_packed(
    members: dict[str, bytes], method: int, piece: int, data: st.DataObject
) -> None:
    archive = packed(members, method=method)
    assert listed(archive, limit=2) == [(name, len(content)) for name, content in members.items()]
    source = reading(archive, piece)
    for name, content in members.items():
        found = find_member(source, len(archive), name)
        assert found is not None
        begin = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(begin, len(content)))
        assert b"".join(read_member(source, found, begin, end)) == content[begin:end]
        assert b"".join(read_member(source, found, 0, len(content))) == content


def test_a_large_file_is_streamed_in_chunks() -> None:
    content = b"x" * 5_000_000
    archive = packed({"a": content})
    pieces = list(read_member(reading(archive), member(archive, "a"), 0, len(content)))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 1 << 20


def test_sizes_that_need_zip64_are_read() -> None:
    """As `zipfile` writes them beyond 4 GiB: the numbers stand in fields of their own."""
    archive = packed({"a": b"first", "b": b"second"}, method=zipfile.ZIP_STORED)
    end = archive.rindex(b"PK\5\6")
    first = int.from_bytes(archive[end + 16 : end + 20], "little")
    entries = archive[first:end]
    second = entries.rindex(b"PK\1\2")
    header = int.from_bytes(entries[second + 42 : second + 46], "little")
    large = entries[:second] + entries[second : second + 20] + b"\xff" * 8
    large += entries[second + 28 : second + 30] + (28).to_bytes(2, "little")
    large += entries[second + 32 : second + 42] + b"\xff" * 4 + b"b" + b"\1\0\x18\0"
    large += b"".join(number.to_bytes(8, "little") for number in (6, 6, header))
    end64 = b"PK\6\6" + (44).to_bytes(8, "little") + bytes(12) + bytes(16)
    end64 += len(large).to_bytes(8, "little") + first.to_bytes(8, "little")
    locator = b"PK\6\7" + bytes(4) + (first + len(large)).to_bytes(8, "little") + bytes(4)
    tail = b"PK\5\6" + bytes(8) + b"\xff" * 8 + bytes(2)
    written = archive[:first] + large + end64 + locator + tail

    assert listed(written) == [("a", 5), ("b", 6)]
    assert b"".join(read_member(reading(written), member(written, "b"), 0, 6)) == b"second"
    assert zipfile.ZipFile(io.BytesIO(written)).read("b") == b"second"


def test_directories_and_links_are_not_listed_as_files() -> None:
    buffer = io.BytesIO()
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tiles/", b"")
        archive.writestr("tiles/a", b"x")
        archive.writestr(link, b"tiles/a")
    data = buffer.getvalue()
    assert listed(data, limit=1) == [("tiles/a", 1)]
    assert [find_member(reading(data), len(data), name) for name in ("tiles/", "link", "tiles")] == [None] * 3


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_is_reported_before_the_last_byte(method: int) -> None:
    content = random.Random(1).randbytes(3 << 20)
    archive = bytearray(packed({"a": content}, method=method))
    archive[2 << 20] ^= 1
    found = member(bytes(archive), "a")
    got: list[bytes] = []
    with pytest.raises(DamagedZipError):
        got.extend(read_member(reading(bytes(archive)), found, 0, len(content)))
    assert len(b"".join(got)) < len(content)


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"x" * 100_000, packed({"a": b"x"})[:-5], packed({"a": b"x"})[10:]]
)
def test_a_file_that_is_not_a_zip_is_reported(data: bytes) -> None:
    with pytest.raises(DamagedZipError):
        list_members(reading(data), len(data), after=None, limit=1)


@pytest.mark.parametrize("after", ["", "-1", "x", "0", "1", "99999999", "9" * 30, "²"])
def test_a_cursor_that_did_not_come_from_a_page_is_refused(after: str) -> None:
    data = packed({"a": b"x"})
    with pytest.raises(InvalidRequestError, match="not a place in the list"):
        list_members(reading(data), len(data), after=after, limit=1)
