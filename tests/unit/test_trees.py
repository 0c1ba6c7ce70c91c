"""Emptying and moving directories with any content."""

from __future__ import annotations

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from ogdc_shared import trees
from ogdc_shared.errors import PublishError
from ogdc_shared.removal import empty, remove
from ogdc_shared.trees import flush, move_children, write_durably
from ogdc_shared.walking import MAX_DEPTH, walk
from support.trees import dig, plant
from support.users import as_ordinary_user


def make_tree(directory: Path) -> None:
    (directory / "deep/er").mkdir(parents=True)
    (directory / "deep/er/a.txt").write_text("a")
    (directory / ".hidden").write_text("h")
    (directory / "nothing").mkdir()
    (directory / "link").symlink_to("deep/er/a.txt")


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_empty_leaves_the_directory_itself(tmp_path: Path) -> None:
    make_tree(tmp_path)
    number = tmp_path.stat().st_ino
    empty(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.stat().st_ino == number


def test_empty_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/kept").write_text("")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/link").symlink_to(tmp_path / "other")
    empty(str(tmp_path / "here"))
    assert (tmp_path / "other/kept").exists()


def test_removing_what_does_not_exist_does_nothing(tmp_path: Path) -> None:
    plant(tmp_path, {"kept": b""})
    remove(str(tmp_path / "nothing"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("mode", [0o000, 0o500, 0o300])
def test_directories_without_rights_can_be_emptied(tmp_path: Path, mode: int) -> None:
    make_tree(tmp_path)

    def lock_up_and_empty(here: Path) -> None:
        (here / "deep/er").chmod(mode)
        (here / "deep").chmod(mode)
        empty(str(here))

    as_ordinary_user(tmp_path, lock_up_and_empty)
    assert list(tmp_path.iterdir()) == []


def test_move_keeps_everything_as_it_is(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    make_tree(source)
    before = names(source)
    move_children(str(target), str(source))
    assert names(target) == before
    assert os.readlink(target / "link") == "deep/er/a.txt"
    assert list(source.iterdir()) == []


def test_move_merges_directories(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep/er").mkdir(parents=True)
        (tmp_path / name / f"deep/er/{name}").write_text(name)
    move_children(str(tmp_path / "two"), str(tmp_path / "one"))
    assert names(tmp_path / "two") == {"deep", "deep/er", "deep/er/one", "deep/er/two"}
    assert names(tmp_path / "one") == set()


def test_what_cannot_be_renamed_is_copied_with_its_rights_and_holes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    make_tree(source)
    (source / "tool").write_bytes(b"")
    (source / "tool").chmod(0o757)
    with (source / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    (target / ".ogdc-draft").write_bytes(b"left by a copy that was killed")
    rename = os.rename

    def refuse(old: str, new: str) -> None:
        if os.path.basename(old) != ".ogdc-draft":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(old, new)

    monkeypatch.setattr(os, "rename", refuse)
    before = names(source)
    move_children(str(target), str(source))
    assert names(target) == before
    assert list(source.iterdir()) == []
    assert os.readlink(target / "link") == "deep/er/a.txt"
    assert (target / "tool").stat().st_mode & 0o777 == 0o757
    assert (target / "sparse").stat().st_blocks * 512 < 1 << 20


def test_a_directory_its_owner_may_not_write_is_moved_and_keeps_its_mode(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    make_tree(source)

    def lock_and_move(here: Path) -> None:
        (here / "source/deep").chmod(0o555)
        move_children(str(here / "target"), str(here / "source"))

    as_ordinary_user(tmp_path, lock_and_move)
    assert (target / "deep").stat().st_mode & 0o777 == 0o555
    (target / "deep").chmod(0o755)


def test_flush_passes_over_what_cannot_be_opened(tmp_path: Path) -> None:
    make_tree(tmp_path)
    os.mkfifo(tmp_path / "pipe")

    def lock_and_flush(here: Path) -> None:
        (here / "deep/er/a.txt").chmod(0)
        (here / "nothing").chmod(0)
        flush(str(here))

    as_ordinary_user(tmp_path, lock_and_flush)
    (tmp_path / "nothing").chmod(0o755)


def test_trees_are_flushed_moved_and_walked_as_deep_as_results_may_be(tmp_path: Path) -> None:
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
        dig(tmp_path / name, levels=MAX_DEPTH)
    flush(str(tmp_path / "source"))
    move_children(str(tmp_path / "target"), str(tmp_path / "source"))
    assert os.listdir(tmp_path / "source") == []
    assert sum(1 for _ in walk(str(tmp_path / "target"))) == MAX_DEPTH


@pytest.mark.parametrize(("levels", "name"), [(MAX_DEPTH + 1, "d"), (30, "d" * 200)])
def test_what_is_too_deep_to_be_named_is_an_error(tmp_path: Path, levels: int, name: str) -> None:
    dig(tmp_path, levels=levels, name=name)
    with pytest.raises(PublishError, match="flatter tree"):
        flush(str(tmp_path))
    empty(str(tmp_path))


@pytest.mark.parametrize("length", range(4093, 4098))
def test_the_longest_path_that_can_be_is_flushed_and_longer_ones_are_an_error(
    tmp_path: Path, length: int
) -> None:
    levels, left = divmod(length - len(os.fsencode(tmp_path)), 200)
    dig(tmp_path, levels=levels - 1, name="d" * 199)
    outer = tmp_path.joinpath(*["d" * 199] * (levels - 1))
    dig(outer, levels=1, name="e" * 199 if left == 0 else "e" * (99 + left // 2))
    if left:
        dig(next(outer.iterdir()), levels=1, name="f" * (99 + left - left // 2))
    with nullcontext() if length < 4095 else pytest.raises(PublishError, match="flatter tree"):
        flush(str(tmp_path))
    empty(str(tmp_path))


def test_write_durably_replaces(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    for content in (b"old", b"new"):
        write_durably(str(path), content)
        assert path.read_bytes() == content
    assert names(tmp_path) == {"receipt.json"}


def test_many_files_are_flushed_with_their_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone: list[str] = []
    monkeypatch.setattr(trees, "_sync", alone.append)
    for number in range(trees._MAX_SYNCED + 1):
        (tmp_path / str(number)).write_text("x")
    trees.flush(str(tmp_path))
    assert alone == []


def test_a_file_system_that_cannot_be_flushed_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        trees._sync_file_system(str(tmp_path / "none"))


def test_all_of_many_files_are_flushed_though_one_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []

    def sync(path: str) -> None:
        flushed.append(path)
        if path.endswith("7"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(trees, "_sync", sync)
    files = [tmp_path / str(number) for number in range(50)]
    for file in files:
        file.touch()
    with pytest.raises(OSError, match="7") as raised:
        flush(str(tmp_path))
    assert raised.value.errno == errno.EIO
    assert sorted(flushed) == sorted(map(str, files))  # and not the directory: that comes last
