"""Files of a directory are listed and read; whatever leads out of it is not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.outputs.published_files import list_files, open_directory, open_file


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory beside what is nobody's business."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret").write_text("secret")
    inside = tmp_path / "result"
    (inside / "b" / "c").mkdir(parents=True)
    for name in ("a.tif", "b/1", "b/c/2", "b.txt", "ü +%.csv"):
        (inside / name).write_text(name)
    (inside / "link").symlink_to("../secret")
    (inside / "absolute").symlink_to(tmp_path / "secret")
    (inside / "beside").symlink_to("a.tif")
    (inside / "out").symlink_to("../elsewhere")
    os.mkfifo(inside / "pipe")
    (inside / os.fsdecode(b"\xff")).write_text("no UTF-8")
    return inside


@pytest.fixture
def directory(place: Path) -> Iterator[int]:
    opened = open_directory(str(place))
    assert opened is not None
    yield opened
    os.close(opened)


FILES = ["a.tif", "b/1", "b/c/2", "b.txt", "ü +%.csv"]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_files_are_listed_page_by_page(directory: int, limit: int) -> None:
    after, found = None, []
    while True:
        page = list_files(directory, after=after, limit=limit)
        found += page.files
        if (after := page.next) is None:
            break
    assert [file.path for file in found] == FILES
    assert [file.size for file in found] == [len(name.encode()) for name in FILES]


@settings(deadline=None, max_examples=30)
@given(st.sets(st.lists(st.sampled_from(["a", "b", "a.x", "a0"]), min_size=1, max_size=3).map("/".join)))
def test_pages_of_files_have_no_gaps_or_duplicates(names: set[str]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as root:
        made = set()
        for name in sorted(names):
            path = Path(root, name)
            if not path.exists() and not any(parent.is_file() for parent in path.parents):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
                made.add(name)
        opened = open_directory(root)
        assert opened is not None
        after, found = None, []
        while True:
            page = list_files(opened, after=after, limit=1)
            found += [file.path for file in page.files]
            if (after := page.next) is None:
                break
        os.close(opened)
    assert sorted(found) == sorted(made)


def test_files_are_read_in_parts(directory: int) -> None:
    for name in FILES:
        file = open_file(directory, name)
        assert file is not None
        with closing(file):
            assert b"".join(file.read(0, file.size)) == name.encode()
            assert b"".join(file.read(1, 3)) == name.encode()[1:3]


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "/", "/etc/passwd", "../secret", "b/../../secret", "b/../a.tif", "./a.tif", "b//1"),
        *("link", "absolute", "beside", "out/secret", "out", "pipe", "b", "b/", "a.tif/x", "a.tif\0", "\0"),
        *("x" * 300, "/".join(["b"] * 5000), "nothing", "%2e%2e/secret"),
    ],
)
def test_what_is_no_file_of_it_is_not_there(directory: int, path: str) -> None:
    assert open_file(directory, path) is None


def test_a_published_directory_that_is_a_link_is_rejected(place: Path) -> None:
    assert open_directory(str(place / "out")) is None
    assert open_directory(str(place / "nothing")) is None


def test_a_changed_file_has_another_etag(directory: int, place: Path) -> None:
    tags = set()
    for text in ("a", "b"):
        (place / "a.tif").write_text(text)
        os.utime(place / "a.tif", ns=(len(tags), len(tags)))
        file = open_file(directory, "a.tif")
        assert file is not None
        tags.add(file.etag)
        file.close()
    assert len(tags) == 2
