"""Directories are removed whatever their depth, names and rights."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.removal import empty, remove
from support.trees import dig, plant
from support.users import as_ordinary_user

TREES = st.recursive(
    st.just(b"file") | st.just("link"),
    lambda below: st.dictionaries(st.text("ab.-é ", min_size=1, max_size=3), below, max_size=4),
    max_leaves=30,
)


def grow(directory: Path, content: object) -> None:
    for name, value in content.items() if isinstance(content, dict) else ():
        path = directory / f"x{name}"
        if isinstance(value, dict):
            path.mkdir()
            grow(path, value)
        elif isinstance(value, str):
            path.symlink_to("..")
        else:
            path.write_bytes(value)


@pytest.mark.parametrize("levels", [1, 1500])
def test_depth_does_not_matter(tmp_path: Path, levels: int) -> None:
    dig(tmp_path, levels=levels)
    empty(tmp_path)
    assert os.listdir(tmp_path) == []


def test_many_deep_trees_and_long_names_go(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}").mkdir()
        dig(tmp_path / f"{number}", levels=60, name="n" * 250)
    remove(tmp_path)
    assert not tmp_path.exists()


@given(TREES)
def test_nothing_is_left_of_any_tree(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    root = tmp_path_factory.mktemp("grown")
    (root / "tree").mkdir()
    grow(root / "tree", content)
    remove(root / "tree")
    assert os.listdir(root) == []


def test_several_can_remove_the_same_at_once(tmp_path: Path) -> None:
    begin = threading.Barrier(4)

    def work() -> None:
        begin.wait()
        remove(tmp_path / "tree")

    for _ in range(5):
        plant(tmp_path, {f"tree/{number}/deep/er/{name}": b"" for number in range(20) for name in "abc"})
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work) for _ in range(4)]:
                done.result()
        assert os.listdir(tmp_path) == []


def test_links_lead_nowhere(tmp_path: Path) -> None:
    plant(tmp_path, {"kept/file": b"", "tree/deep/down": None})
    (tmp_path / "tree/deep/link").symlink_to(tmp_path / "kept")
    (tmp_path / "tree/link").symlink_to(tmp_path / "kept")
    remove(tmp_path / "tree")
    assert os.listdir(tmp_path) == ["kept"]
    assert (tmp_path / "kept/file").exists()


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o200, 0o400, 0o500])
def test_rights_that_a_command_took_away_are_no_obstacle(tmp_path: Path, mode: int) -> None:
    plant(tmp_path, {"tree/deep/er/still/a.txt": b"a", "tree/deep/er/b.txt": b"b"})

    def lock_up_and_remove(here: Path) -> None:
        for name in ("tree/deep/er/still", "tree/deep/er", "tree/deep", "tree"):
            (here / name).chmod(mode)
        remove(here / "tree")

    as_ordinary_user(tmp_path, lock_up_and_remove)
    assert os.listdir(tmp_path) == []
