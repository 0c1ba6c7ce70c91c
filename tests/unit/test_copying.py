"""Copies of untrusted files: complete, with holes and times, and without setuid bits or capabilities."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared import copying, forks
from ogdc_shared.copying import copy_file, copy_tree
from support.trees import plant, tree

DAY = 86_400 * 10**9


def blocks(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_a_tree_arrives_with_its_links_times_and_permissions(tmp_path: Path) -> None:
    content: dict[str, bytes | str | None] = {
        "deep/er/a.tif": b"a",
        "deep/locked.tif": b"b",
        "empty": None,
        "latest.tif": "deep/er/a.tif",
        "tool.sh": b"#!/bin/sh\n",
    }
    plant(tmp_path / "from", content)
    modes = {"tool.sh": 0o755, "deep/locked.tif": 0o400, "deep/er/a.tif": 0o640, "deep": 0o750}
    for name, mode in modes.items():
        (tmp_path / "from" / name).chmod(mode)
    for number, path in enumerate(sorted((tmp_path / "from").rglob("*"), reverse=True)):
        os.utime(path, ns=(number * DAY, number * DAY), follow_symlinks=False)
    copy_tree(str(tmp_path / "from"), str(tmp_path / "to"))
    assert tree(tmp_path / "to") == tree(tmp_path / "from")
    assert {name: stat.S_IMODE((tmp_path / "to" / name).stat().st_mode) for name in modes} == modes
    for path in (tmp_path / "from").rglob("*"):
        copy = tmp_path / "to" / path.relative_to(tmp_path / "from")
        assert copy.lstat().st_mtime_ns == path.lstat().st_mtime_ns, path


def test_several_processes_copy_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "may_fork", lambda: True)
    monkeypatch.setattr(forks, "_processors", lambda: 3)
    monkeypatch.setattr(copying, "_BATCH", 7)
    monkeypatch.setattr(copying, "_SHARE", 2)
    plant(tmp_path / "from", {f"{number % 3}/{number}.tif": b"%d" % number for number in range(20)})
    copy_tree(str(tmp_path / "from"), str(tmp_path / "to"))
    assert tree(tmp_path / "to") == tree(tmp_path / "from")
    with pytest.raises(FileExistsError):
        copy_tree(str(tmp_path / "from"), str(tmp_path / "to"))


def test_a_small_file_that_could_only_be_written_in_part_is_an_error(tmp_path: Path) -> None:
    plant(tmp_path, {"file": b"x" * 3000})

    def copy_with_little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        copy_file(str(tmp_path / "file"), str(tmp_path / "copy"))

    with forks.forked(copy_with_little_room) as result, pytest.raises(OSError, match="too large"):
        result()


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1777, 0o7777])
def test_nothing_that_acts_as_its_owner_is_copied(tmp_path: Path, mode: int) -> None:
    plant(tmp_path / "from", {"program": b"x", "folder": None})
    for name in ("program", "folder"):
        os.setxattr(tmp_path / "from" / name, "user.note", b"x")
        (tmp_path / "from" / name).chmod(mode)
    copy_tree(str(tmp_path / "from"), str(tmp_path / "to"))
    for copy in (tmp_path / "to").iterdir():
        assert copy.stat().st_mode & 0o7000 == 0
        assert os.listxattr(copy) == []


def test_the_mode_of_a_copy_is_what_ones_own_umask_leaves(tmp_path: Path) -> None:
    plant(tmp_path / "from", {"a": b"x", "d/b": b"y"})
    (tmp_path / "from/a").chmod(0o777)
    (tmp_path / "from/d").chmod(0o777)
    before = os.umask(0o077)
    try:
        copy_tree(str(tmp_path / "from"), str(tmp_path / "to"))
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "to").iterdir()} == {0o700}


def test_a_hole_takes_no_room(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    copy_file(str(tmp_path / "sparse"), str(tmp_path / "copy"))
    assert (tmp_path / "copy").stat().st_size == 1 << 30
    assert blocks(tmp_path / "copy") < 1 << 20


@settings(max_examples=40, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.integers(0, 5_000_000), st.binary(min_size=1, max_size=9)), max_size=5),
    size=st.integers(0, 6_000_000),
)
def test_data_between_holes_stays_where_it_is(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, bytes]], size: int
) -> None:
    directory = tmp_path_factory.mktemp("holes")
    with (directory / "sparse").open("wb") as file:
        for offset, piece in pieces:
            file.seek(offset)
            file.write(piece)
        file.truncate(size)
    copy_file(str(directory / "sparse"), str(directory / "copy"))
    assert (directory / "copy").read_bytes() == (directory / "sparse").read_bytes()
    assert blocks(directory / "copy") <= blocks(directory / "sparse")


def test_links_pipes_and_what_exists_are_not_copied_over(tmp_path: Path) -> None:
    plant(tmp_path, {"file": b"1", "link": "file", "there": b"2"})
    os.mkfifo(tmp_path / "pipe")
    for source in ("link", "pipe"):
        with pytest.raises(OSError, match=source):
            copy_file(str(tmp_path / source), str(tmp_path / "copy"))
    with pytest.raises(FileExistsError):
        copy_file(str(tmp_path / "file"), str(tmp_path / "there"))
    assert (tmp_path / "there").read_bytes() == b"2"


def test_directories_of_one_name_are_merged(tmp_path: Path) -> None:
    plant(tmp_path, {"one/d/a": b"1", "two/d/b": b"2"})
    for source in ("one", "two"):
        copy_tree(str(tmp_path / source), str(tmp_path / "to"))
    assert tree(tmp_path / "to") == {"d": None, "d/a": b"1", "d/b": b"2"}
