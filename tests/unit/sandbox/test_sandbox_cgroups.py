"""By directories that look like the kernel's; what the kernel does with them is not tried here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ogdc_local.sandbox.cgroups import Cgroups, Group, delegated


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A delegated group that this process alone is in."""
    (tmp_path / "own").write_text("1:name=systemd:/\n0::/user.slice/ogdc.scope\n")
    base = tmp_path / "fs/user.slice/ogdc.scope"
    base.mkdir(parents=True)
    (base / "cgroup.controllers").write_text("cpu memory pids\n")
    (base / "cgroup.subtree_control").write_text("")
    (base / "cgroup.procs").write_text(f"{os.getpid()}\n")
    return base


def found(base: Path) -> Cgroups | None:
    root = base.parents[1]
    return delegated(own=root.parent / "own", root=root)


def test_a_group_of_ones_own_is_taken_over_by_leaving_it(base: Path) -> None:
    assert found(base) is not None
    assert (base / "stack/cgroup.procs").read_text() == str(os.getpid())
    assert (base / "cgroup.subtree_control").read_text() == "+memory +pids"


@pytest.mark.parametrize("controllers", ["", "cpu pids\n"])
def test_without_the_controllers_there_is_nothing(base: Path, controllers: str) -> None:
    (base / "cgroup.controllers").write_text(controllers)
    assert found(base) is None


def test_a_group_with_others_in_it_is_left_alone(base: Path) -> None:
    (base / "cgroup.procs").write_text(f"{os.getpid()}\n{os.getppid()}\n")
    assert found(base) is None
    assert not (base / "stack").exists()


def test_without_version_2_there_is_nothing(base: Path) -> None:
    (base.parents[2] / "own").write_text("4:memory:/somewhere\n")
    assert found(base) is None
    assert delegated(own=base / "nothing", root=base) is None


def test_a_containers_group_has_its_limits_and_runs_its_command(tmp_path: Path) -> None:
    group = Cgroups(tmp_path).make("pod", memory=64 << 20, processes=9)
    assert (tmp_path / "pod/memory.max").read_text() == str(64 << 20)
    assert (tmp_path / "pod/memory.oom.group").read_text() == "1"
    assert (tmp_path / "pod/pids.max").read_text() == "9"
    done = subprocess.run(
        group.entering(["sh", "-c", "echo $$ $1", "sh", "a b"]), capture_output=True, text=True, check=True
    )
    pid, _, words = done.stdout.partition(" ")
    assert (words, (tmp_path / "pod/cgroup.procs").read_text().strip()) == ("a b\n", pid)


def test_the_kernels_word_counts(tmp_path: Path) -> None:
    group = Group(tmp_path)
    assert group.out_of_memory() is None
    (tmp_path / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
    assert group.out_of_memory() is None
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    (tmp_path / "memory.max").write_text("100\n")
    assert group.out_of_memory() == 100
    (tmp_path / "memory.peak").write_text("101\n")
    assert group.out_of_memory() == 101
