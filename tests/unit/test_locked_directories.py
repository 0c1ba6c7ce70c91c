from __future__ import annotations

import os
from pathlib import Path

import pytest

from ogdc_shared.file_lock import try_lock
from ogdc_shared.locked_directories import locked_directory, remove_abandoned


def test_a_directory_is_locked_and_removed_afterwards(tmp_path: Path) -> None:
    with locked_directory(tmp_path, "lent-") as directory:
        (directory / "file").touch()
    assert [*tmp_path.iterdir()] == []


def test_only_abandoned_directories_of_the_prefix_are_removed(tmp_path: Path) -> None:
    for name in ("lent-left", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "lent-file").touch()
    (tmp_path / "lent-link").symlink_to(tmp_path / "other")

    with locked_directory(tmp_path, "lent-") as directory:
        remove_abandoned(tmp_path, "lent-")
        assert {path.name for path in tmp_path.iterdir()} == {
            directory.name,
            "lent-file",
            "lent-link",
            "other",
        }
    assert (tmp_path / "other" / "file").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a directory to another user")
def test_directories_of_other_users_are_kept(tmp_path: Path) -> None:
    others = tmp_path / "lent-others"
    others.mkdir()
    os.chown(others, 1, 1)

    remove_abandoned(tmp_path, "lent-")

    assert others.exists()


def test_one_that_is_removed_before_it_is_locked_is_not_lent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ogdc_shared import locked_directories

    def lock_late(file: int) -> bool:
        monkeypatch.undo()
        remove_abandoned(tmp_path, "lent-")
        return try_lock(file)

    monkeypatch.setattr(locked_directories, "try_lock", lock_late)

    with pytest.raises(FileNotFoundError), locked_directory(tmp_path, "lent-"):
        pytest.fail("it is not there")
