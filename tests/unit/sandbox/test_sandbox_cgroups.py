"""By directories that look like the kernel's; what the kernel does with them is not tried here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ogdc_local.sandbox.cgroups import Cgroups, Cgroups1, Group, delegated


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


def found(base: Path) -> Cgroups | Cgroups1 | None:
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


def test_a_process_that_was_refused_is_known(tmp_path: Path) -> None:
    group = Group((tmp_path,))
    assert not group.refused_a_process()
    (tmp_path / "pids.events").write_text("max 2\n")
    assert group.refused_a_process()


def test_the_kernels_word_counts(tmp_path: Path) -> None:
    group = Group((tmp_path,))
    assert group.out_of_memory() is None
    (tmp_path / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
    assert group.out_of_memory() is None
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    (tmp_path / "memory.max").write_text("100\n")
    assert group.out_of_memory() == 100
    (tmp_path / "memory.peak").write_text("101\n")
    assert group.out_of_memory() == 101


# --- version 1 ---


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Hierarchies of version 1 that this process may write."""
    (tmp_path / "own").write_text("9:name=systemd:/\n4:cpu,pids:/a\n3:memory:/a/b\n0::/\n")
    for place in ("memory/a/b", "cpu,pids/a"):
        (tmp_path / "fs" / place).mkdir(parents=True)
    return tmp_path


def test_with_version_1_a_group_has_its_limits_in_each_hierarchy(old: Path) -> None:
    cgroups = delegated(own=old / "own", root=old / "fs", label="x")
    assert cgroups is not None
    group = cgroups.make("pod", memory=64 << 20, processes=9)
    memory, pids = old / "fs/memory/a/b/ogdc-x/pod", old / "fs/cpu,pids/a/ogdc-x/pod"
    assert group.paths == (memory, pids)
    assert (memory / "memory.limit_in_bytes").read_text() == str(64 << 20)
    assert not (memory / "memory.memsw.limit_in_bytes").exists(), "not where swap is not accounted for"
    assert (pids / "pids.max").read_text() == "9"
    subprocess.run(group.entering(["true"]), check=True)
    assert (memory / "cgroup.procs").read_text() == (pids / "cgroup.procs").read_text() != ""


def test_the_kernels_word_counts_in_version_1(tmp_path: Path) -> None:
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    assert Group((tmp_path,)).out_of_memory() is None
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    (tmp_path / "memory.max_usage_in_bytes").write_text("100\n")
    assert Group((tmp_path,)).out_of_memory() == 100


def test_what_a_killed_engine_left_is_removed_and_nothing_else(old: Path) -> None:
    for _ in range(2):
        cgroups = delegated(own=old / "own", root=old / "fs", label="x")
        assert cgroups is not None
        cgroups.clear()
        assert list(old.glob("fs/*/**/pod")) == []
        for place in ("memory/a/b/ogdc-x/pod", "cpu,pids/a/ogdc-x/pod"):
            (old / "fs" / place).mkdir()
    assert (old / "fs/memory/a/b").is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_anothers_groups_are_left_alone(old: Path) -> None:
    (old / "fs/memory/a/b/ogdc-x").mkdir(mode=0o555)
    assert delegated(own=old / "own", root=old / "fs", label="x") is None


@pytest.mark.parametrize("missing", ["memory", "cpu,pids"])
def test_without_one_of_them_there_is_nothing(old: Path, missing: str) -> None:
    shutil.rmtree(old / "fs" / missing)
    assert delegated(own=old / "own", root=old / "fs", label="x") is None
    assert list(old.glob("fs/*/**/ogdc-x")) == []
