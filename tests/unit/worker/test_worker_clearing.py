"""Removing directories: large files are removed immediately, and many names are left to `tidy`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_worker.publish.clearing import clear_away
from ogdc_worker.publish.tidy import Leftovers, tidy
from ogdc_worker.report import Reporter
from support.trees import dig, plant, tree

PLACE = layout.workspace("run")
MANY: dict[str, bytes | str | None] = {f"{number}": b"x" for number in range(501)}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    plant(tmp_path / PLACE, MANY)
    return tmp_path / PLACE


def condemned(volume: Path) -> dict[str, bytes | str | None]:
    return tree(volume / layout.CONDEMNED)


def test_many_names_are_put_aside_by_one_renaming_and_tidied(tmp_path: Path, place: Path) -> None:
    number = place.stat().st_ino
    clear_away(str(tmp_path), PLACE)
    assert not place.exists()
    assert [each.stat().st_ino for each in (tmp_path / layout.CONDEMNED).iterdir()] == [number]
    tidy(Leftovers(6, str(tmp_path)), Reporter())
    assert condemned(tmp_path) == {}


def test_few_names_are_removed(tmp_path: Path) -> None:
    plant(tmp_path / PLACE, {"a/b": b"x"})
    clear_away(str(tmp_path), PLACE)
    clear_away(str(tmp_path), PLACE)
    assert {*tree(tmp_path)} == {".ogdc", ".ogdc/runs"}


def test_large_files_are_removed_immediately_but_hard_linked_ones_are_not(
    tmp_path: Path, place: Path
) -> None:
    plant(tmp_path, {"kept": b"k" * (17 << 20)})
    os.link(tmp_path / "kept", place / "linked")
    plant(place, {"large": b"l" * (17 << 20)})
    clear_away(str(tmp_path), PLACE)
    (left,) = (tmp_path / layout.CONDEMNED).iterdir()
    assert (left / "linked").exists()
    assert not (left / "large").exists()


def test_nothing_is_put_aside_if_much_is_waiting_already(tmp_path: Path, place: Path) -> None:
    waiting: dict[str, bytes | str | None] = {f"{number}": None for number in range(32)}
    plant(tmp_path / layout.CONDEMNED, waiting)
    clear_away(str(tmp_path), PLACE)
    assert not place.exists()
    assert condemned(tmp_path) == waiting


def test_what_is_too_deep_to_look_through_is_removed(tmp_path: Path, place: Path) -> None:
    dig(place, levels=400)
    clear_away(str(tmp_path), PLACE)
    assert not place.exists()
    assert not (tmp_path / layout.CONDEMNED).exists()


def test_a_link_in_its_place_is_removed_and_not_followed(tmp_path: Path) -> None:
    plant(tmp_path / "elsewhere", MANY)
    (tmp_path / PLACE).parent.mkdir(parents=True)
    (tmp_path / PLACE).symlink_to(tmp_path / "elsewhere")
    clear_away(str(tmp_path), PLACE)
    assert not (tmp_path / PLACE).is_symlink()
    assert tree(tmp_path / "elsewhere") == MANY
