"""By directories that look like the kernel's; what the kernel does with them is not tried here."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import select

import pytest

from ogdc_local.sandbox import Container
from ogdc_local.sandbox.bubblewrap import Bubblewrap
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


def test_a_cgroup_has_the_limits_and_the_processes_of_its_container(tmp_path: Path) -> None:
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
    group = Group(tmp_path, deque())
    assert not group.refused_a_process()
    (tmp_path / "pids.events").write_text("max 2\n")
    assert group.refused_a_process()


def test_out_of_memory_is_read_from_the_kernels_counters(tmp_path: Path) -> None:
    group = Group(tmp_path, deque())
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
    """The group for memory, of version 1, that this process is in, and which it may write."""
    (tmp_path / "own").write_text("9:name=systemd:/\n4:cpu,memory:/a/b\n0::/\n")
    old = tmp_path / "fs/cpu,memory/a/b"
    old.mkdir(parents=True)
    (old / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    return old


def found_old(old: Path) -> Cgroups | None:
    root = old.parents[2]
    return delegated(own=root.parent / "own", root=root, label="x")


def test_with_version_1_a_group_is_for_memory(old: Path) -> None:
    cgroups = found_old(old)
    assert cgroups is not None
    assert not (old / "ogdc-x").exists(), "nothing is made before it is needed"
    group = cgroups.make("pod", memory=64 << 20, processes=9)
    assert {path.name: path.read_text() for path in group.path.iterdir()} == {
        "memory.limit_in_bytes": str(64 << 20)  # and none for swap where that is not accounted for
    }
    subprocess.run(group.entering(["true"]), check=True)
    assert (old / "ogdc-x/pod/cgroup.procs").exists()


def test_with_version_1_a_shell_moves_itself_as_a_thread(tmp_path: Path) -> None:
    (tmp_path / "tasks").touch()
    done = subprocess.run(
        Group(tmp_path, deque()).entering(["echo", "a b"]), capture_output=True, text=True, check=True
    )
    assert (done.stdout, (tmp_path / "tasks").read_text()) == ("a b\n", "0\n")
    assert not (tmp_path / "cgroup.procs").exists()


@pytest.mark.skipif(":memory:" not in Path("/proc/self/cgroup").read_text(), reason="no cgroups of version 1")
def test_the_kernel_takes_a_thread_for_its_process_in_version_1() -> None:
    cgroups = delegated(label=f"test-{os.getpid()}")
    if cgroups is None:
        pytest.skip("no group can be made here")
    group = cgroups.make("pod", memory=1 << 30, processes=9)
    try:
        done = subprocess.run(
            group.entering(["grep", ":memory:", "/proc/self/cgroup"]),
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        group.remove()
    assert done.stdout.strip().endswith(f"/ogdc-test-{os.getpid()}/pod")


def test_the_kernels_word_counts_in_version_1(tmp_path: Path) -> None:
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    assert Group(tmp_path, deque()).out_of_memory() is None
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    (tmp_path / "memory.max_usage_in_bytes").write_text("100\n")
    assert Group(tmp_path, deque()).out_of_memory() == 100


def test_what_a_killed_engine_left_is_removed_and_nothing_else(old: Path) -> None:
    (old / "ogdc-x/pod").mkdir(parents=True)
    (old / "anothers").mkdir()
    cgroups = found_old(old)
    assert cgroups is not None
    cgroups.clear()
    assert not (old / "ogdc-x").exists()
    assert (old / "anothers").is_dir()


def test_the_last_group_takes_its_place_along(old: Path) -> None:
    one, other = Group(old / "ogdc-x/one", deque()), Group(old / "ogdc-x/other", deque())
    for group in (one, other):
        group.path.mkdir(parents=True)
    one.remove()
    assert other.path.is_dir()
    other.remove()
    assert old.is_dir()
    assert not (old / "ogdc-x").exists()


def test_a_group_whose_processes_are_still_ending_is_removed_with_the_next(tmp_path: Path) -> None:
    cgroups = Cgroups(tmp_path / "ogdc-x", version=1)
    one, other = (cgroups.make(name, memory=None, processes=1) for name in ("one", "other"))
    (one.path / "process").mkdir()  # a directory with something in it, as the kernel has it be
    one.remove()
    assert one.path.is_dir()
    (one.path / "process").rmdir()
    other.remove()
    assert not (tmp_path / "ogdc-x").exists()


def test_a_group_can_be_made_while_the_last_one_ends(tmp_path: Path) -> None:
    cgroups = Cgroups(tmp_path / "ogdc-x", version=1)
    made: list[Path] = []

    def make_and_remove(name: str) -> None:
        for _ in range(300):
            group = cgroups.make(name, memory=None, processes=1)
            made.append(group.path)
            group.remove()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make_and_remove, "abcd"))
    assert len(made) == 1200


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cgroup_without_write_permission_is_not_used(old: Path) -> None:
    old.chmod(0o555)
    assert found_old(old) is None
    old.chmod(0o755)


def test_without_its_controller_there_is_nothing(old: Path) -> None:
    (old / "memory.limit_in_bytes").unlink()
    assert found_old(old) is None


@pytest.mark.parametrize(("task", "expected"), [("process", True), ("publish", False), ("reuse", False)])
def test_a_task_that_runs_no_command_has_no_group_to_enter(tmp_path: Path, task: str, expected: bool) -> None:
    sandbox = Bubblewrap(Path("/bin/true"), environ={}, drop_to=None, cgroups=Cgroups(tmp_path))
    container = Container(name="pod", image="", argv=("ogdc-worker", task), env={}, mounts=())
    running = sandbox.start(container, log=2)
    descriptor = running.pidfd()
    assert descriptor is not None
    select([descriptor], [], [])
    assert (tmp_path / "pod" / "cgroup.procs").exists() == expected
    running.poll()
    sandbox.clean(tmp_path)
