"""Damaged files of the state directory are replaced, or reported with what is lost."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ogdc_local.errors import DamagedStateError
from ogdc_local.stack.control import current, down, ensure_up, ensure_up_without_damaged
from ogdc_local.stack.environment import load_signing_key
from ogdc_local.stack.lock import PROGRAM, holder, may_hold, take_lock
from ogdc_local.stack.paths import StatePaths
from ogdc_local.stack.services import _last_port
from support.stack import user_environment


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    paths = StatePaths(tmp_path / "state")
    paths.create()
    return paths


@pytest.mark.parametrize(
    "content", [b"", b"0", b"80", b"99999", b"-1", b"9" * 5000, b"x", b"\xff", b"40000 1"]
)
def test_an_unusable_stored_port_is_ignored(paths: StatePaths, content: bytes) -> None:
    paths.port.write_bytes(content)
    assert _last_port(paths) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff" * 43, b"k" * 42 + b"\n"])
def test_an_invalid_signing_key_is_replaced(paths: StatePaths, content: bytes) -> None:
    paths.signing_key.write_bytes(content)
    key = load_signing_key(paths)
    assert len(key) == 43
    assert load_signing_key(paths) == key
    assert stat.S_IMODE(paths.signing_key.stat().st_mode) == 0o600


def test_a_signing_key_that_others_could_read_is_replaced(paths: StatePaths) -> None:
    key = load_signing_key(paths)
    paths.signing_key.chmod(0o644)
    assert load_signing_key(paths) != key


@pytest.mark.parametrize("content", [b"1", b"", b"x", b"\xff", b"9" * 5000, "٣".encode()])
def test_a_process_without_the_lock_is_not_taken_for_the_stack(paths: StatePaths, content: bytes) -> None:
    script = f"""
import sys; sys.path[:] = {sys.path!r}
from pathlib import Path
from ogdc_local.stack.lock import take_lock
from ogdc_local.stack.paths import StatePaths
take_lock(StatePaths(Path({str(paths.root)!r})))
print("held", flush=True); sys.stdin.read()
"""
    command = [sys.executable, "-c", script, PROGRAM]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    paths.lock.write_bytes(content)
    assert take_lock(paths) is None
    with paths.lock.open() as looked_at, subprocess.Popen(["sleep", "60"], stdin=looked_at) as bystander:
        assert holder(paths) == other.pid
        bystander.kill()
    assert may_hold(paths, other.pid)
    assert not may_hold(paths, 1)
    other.communicate()


def test_any_state_directory_works_and_damaged_files_are_reported_and_set_aside(
    tmp_path: Path,
) -> None:
    paths = StatePaths(tmp_path / "a, b 'c' é")
    environ = user_environment(tmp_path / "home", OGDC_STATE_DIR=str(paths.root))
    try:
        ensure_up(idle_timeout=300, environ=environ)
        for damage in ("{", '{"pid": 1, "url": "http://evil.example"}', "[]"):
            paths.record.write_text(damage)
            assert current(paths) is None
        assert ensure_up(idle_timeout=300, environ=environ) == current(paths)
        down(paths)
        paths.engine_store.write_bytes(os.urandom(4096))
        with pytest.raises(DamagedStateError, match="is lost with it: runs that have not ended"):
            ensure_up(idle_timeout=300, environ=environ)
        (data,) = paths.root.glob("pg-*")
        (data / "global/pg_control").unlink()
        stack, aside = ensure_up_without_damaged(idle_timeout=300, environ=environ)
        assert stack == current(paths)
        assert [path.name.partition("-")[0] for path in aside] == ["damaged", "damaged"]
        assert {path.name.rpartition("Z-")[2].split("-", 2)[2] for path in aside} == {
            data.name,
            "engine.sqlite",
        }
    finally:
        down(paths)
