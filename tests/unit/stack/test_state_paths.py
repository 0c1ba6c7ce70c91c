from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ogdc_local.errors import StackError
from ogdc_local.stack import paths as paths_module
from ogdc_local.stack.paths import StatePaths, open_log, open_state, private_dir, read_state, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_state_dir_of_the_environment_wins(tmp_path):
    env = {"OGDC_STATE_DIR": str(tmp_path / "mine"), "XDG_DATA_HOME": "/elsewhere"}
    assert StatePaths.from_env(env).root == tmp_path / "mine"


def test_relative_state_dir_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert StatePaths.from_env({"OGDC_STATE_DIR": "state"}).root == tmp_path / "state"


def test_xdg_data_home_is_used(tmp_path):
    assert StatePaths.from_env({"XDG_DATA_HOME": str(tmp_path)}).root == tmp_path / "ogdc-runner"


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_xdg_data_home_that_is_not_absolute_counts_as_not_set(value):
    root = StatePaths.from_env({"XDG_DATA_HOME": value}).root
    assert root == Path.home().resolve() / ".local/share/ogdc-runner"


def test_state_directory_is_private(tmp_path):
    paths = StatePaths(tmp_path / "a" / "state")
    paths.create()
    paths.create()
    assert mode(paths.root) == 0o700
    assert paths.volume.is_dir()
    assert paths.artifacts.is_dir()


def test_state_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match=r"file/state.*OGDC_STATE_DIR"):
        StatePaths(tmp_path / "file" / "state").create()


def test_open_mode_of_an_existing_directory_is_narrowed(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    private_dir(tmp_path / "open")
    assert mode(tmp_path / "open") == 0o700


def test_link_in_place_of_a_private_directory_is_refused(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(StackError, match="not a directory of yours"):
        private_dir(tmp_path / "link")


def test_directory_of_somebody_else_is_refused(tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(StackError, match="OGDC_STATE_DIR"):
        private_dir(tmp_path / "theirs")


def test_socket_lies_below_a_short_root(tmp_path):
    root = Path("/tmp") / f"ogdc-test-{os.getpid()}"
    root.mkdir(mode=0o700)
    try:
        assert StatePaths(root).socket_dir() == root / "run"
    finally:
        (root / "run").rmdir()
        root.rmdir()


def test_sockets_of_two_long_roots_lie_apart_on_short_private_paths(tmp_path):
    states = [StatePaths(tmp_path / ("x" * 100) / name) for name in ("a", "b")]
    made = [state.socket_dir() for state in states]
    try:
        assert made[0] != made[1]
        for directory in made:
            assert len(str(directory / ".s.PGSQL.5432.lock")) < 104
            assert mode(directory.parent) == 0o700
    finally:
        for state in states:
            state.remove_socket_dir()
    assert not any(directory.parent.exists() for directory in made)


def test_private_file_replaces_what_was_there(tmp_path):
    path = tmp_path / "key"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_log_is_appended_to_until_it_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(paths_module, "_LOG_LIMIT", 10)
    log = tmp_path / "stack.log"
    for line in (b"first line\n", b"second\n", b"third\n"):
        descriptor = open_log(log)
        os.write(descriptor, line)
        os.close(descriptor)
    assert log.read_text() == "second\nthird\n"
    assert (tmp_path / "stack.log.1").read_text() == "first line\n"


def put_something(place: Path, what: str) -> None:
    """Put something that is no file where a file is to be; the last one leads to a file of somebody."""
    if what == "pipe":
        os.mkfifo(place)
    elif what == "directory":
        place.mkdir()
    else:
        place.with_name("theirs").write_text("theirs")
        place.symlink_to("theirs")


NO_FILES = ["pipe", "directory", "link"]


@pytest.mark.parametrize("what", NO_FILES)
def test_what_is_no_file_is_neither_waited_for_nor_written(tmp_path, what):
    place = tmp_path / "port"
    put_something(place, what)
    with pytest.raises(OSError, match=r"is not a file|symbolic links"):
        read_state(place)
    with pytest.raises(StackError, match="Remove it"):
        open_state(place)
    assert what != "link" or (tmp_path / "theirs").read_text() == "theirs"


@pytest.mark.parametrize("what", NO_FILES)
def test_a_log_that_is_no_file_is_put_aside(tmp_path, what):
    log = tmp_path / "stack.log"
    put_something(log, what)
    os.close(open_log(log))
    assert (log.is_file(), log.is_symlink(), log.stat().st_size) == (True, False, 0)


def test_of_a_huge_file_little_is_read(tmp_path):
    huge = tmp_path / "port"
    huge.touch()
    os.truncate(huge, 1 << 40)
    assert len(read_state(huge)) < 1 << 20
