"""A pod that takes more than its template allows is ended, and reported as a cluster would."""

from __future__ import annotations

import mmap
import os
import re
import signal
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ogdc_local.engine.guard import Limits, StoppedWorkers, Subject
from ogdc_local.engine.scratch import TooDeepError, disk_usage
from ogdc_local.sandbox.processes import memory
from ogdc_shared.removal import remove
from support.engine import Machine, mount, nodes, shell, task, workflow

MIB = 1 << 20
_MAP_NORESERVE = 0x4000  # mman.h; a kernel that reckons what is set aside refuses more than it has
_HOLD = "import sys, time; held = b'x' * (int(sys.argv[1]) << 20); time.sleep(float(sys.argv[2]))"
_SHARE = """
import os, time
held = b"x" * (100 << 20)
for _ in range(4):
    if os.fork() == 0:
        time.sleep(0.6)
        os._exit(0)
time.sleep(0.6)
"""


_OUT_OF_VIEW = """
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
size = 100 << 20
if sys.argv[1] == "children":
    memory = mmap.mmap(-1, size)
    for start in range(0, size, size // 4):
        if os.fork() == 0:
            memory[start : start + size // 4] = b"x" * (size // 4)
            os._exit(0)
        os.wait()
elif sys.argv[1] == "memfd":
    file = os.memfd_create("x")
    for _ in range(100):
        os.write(file, b"x" * (1 << 20))
elif sys.argv[1] == "system v":
    number = libc.shmget(0, ctypes.c_size_t(size), 0o1600)
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    place = libc.shmat(number, None, 0)
    ctypes.memset(place, 1, size)
    libc.shmdt(ctypes.c_void_p(place))
time.sleep(20)
"""
_HIDDEN = {
    "removed": "exec 3> /tmp/x; rm /tmp/x; head -c 80M /dev/zero >&3; sleep 20",
    "mapped": (
        '/usr/bin/python3 -c \'import mmap, os, time; f = open("/tmp/x", "w+b"); f.truncate(80 << 20); '
        'm = mmap.mmap(f.fileno(), 0); f.close(); os.unlink("/tmp/x"); m[:] = bytes(80 << 20); '
        "time.sleep(20)'"
    ),
    "closed": "mkdir -p /tmp/a/b; head -c 80M /dev/zero > /tmp/a/b/x; chmod 0 /tmp/a/b /tmp/a; sleep 20",
    "not to be entered": "mkdir /tmp/a; head -c 80M /dev/zero > /tmp/a/x; chmod 400 /tmp/a; sleep 20",
}


def limited(script: str, *, memory: str = "256Mi") -> dict[str, Any]:
    template = shell("t", script, mounts=[mount("/tmp", volume="scratch")])
    template["container"]["resources"] = {"limits": {"memory": memory}, "requests": {"cpu": "1"}}
    return template


def run(tmp_path: Path, template: dict[str, Any], *, scratch: str = "50Mi") -> dict[str, Any]:
    volumes = [{"name": "scratch", "emptyDir": {"sizeLimit": scratch}}]
    with Machine(tmp_path) as machine:
        machine.create(workflow("w", tasks=[task("t")], templates=[template], volumes=volumes))
        return nodes(machine.wait("w"))["t"]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(f'/usr/bin/python3 -c "{_HOLD}" 100 20', id="one process"),
        pytest.param(
            f'for i in 1 2 3; do /usr/bin/python3 -c "{_HOLD}" 30 20 & done; wait', id="several together"
        ),
        pytest.param(
            f'(setsid -f /usr/bin/python3 -c "{_HOLD}" 100 20); sleep 20', id="one that left its session"
        ),
        pytest.param(f'/usr/bin/python3 -c "{_HOLD}" 100 20 || true', id="one whose failure is forgiven"),
    ],
)
def test_too_much_memory_ends_the_pod_as_on_a_cluster(tmp_path: Path, script: str) -> None:
    node = run(tmp_path, limited(script, memory="64Mi"))
    assert node["phase"] == "Failed"
    assert node["message"].startswith("main: OOMKilled (exit code 137): ")
    assert "its limit is 64Mi" in node["message"]
    assert "workflow.resources.memory" in node["message"]
    assert node["outputs"]["exitCode"] == "137"


@pytest.mark.parametrize("where", ["children", "memfd", "system v"])
def test_memory_that_is_not_mapped_is_counted_or_refused(tmp_path: Path, where: str) -> None:
    template = limited(f"/usr/bin/python3 -c '{_OUT_OF_VIEW}' '{where}'", memory="64Mi")
    node = run(tmp_path, template)
    refused = node["outputs"]["exitCode"] == "1" and where != "children"
    assert node["phase"] == "Failed"
    assert refused or node["message"].startswith("main: OOMKilled (exit code 137): "), node


def test_reserved_but_unused_memory_is_not_counted() -> None:
    """However much it is: the machine has less of shared memory altogether."""
    with mmap.mmap(-1, 1 << 40, flags=mmap.MAP_SHARED | _MAP_NORESERVE) as large:
        large[0] = 1
        assert memory([os.getpid()], limit=1 << 36) < 1 << 36


def test_memory_shared_between_processes_is_counted_once(tmp_path: Path) -> None:
    node = run(tmp_path, limited(f"/usr/bin/python3 -c '{_SHARE}'"))
    assert (node["phase"], node.get("message")) == ("Succeeded", None)


def test_page_cache_is_not_counted_as_memory_of_the_pod() -> None:
    """What is mapped of a file on a disk the kernel can take back."""
    script = (
        'head -c 100M /dev/zero > /tmp/file; /usr/bin/python3 -c \'import mmap, time; f = open("/tmp/file");'
        " m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); sum(m[::4096]); time.sleep(0.4)'"
    )
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        node = run(Path(directory), limited(script, memory="64Mi"), scratch="1Gi")
    assert (node["phase"], node.get("message")) == ("Succeeded", None)


def test_shared_memory_without_a_process_is_limited(tmp_path: Path) -> None:
    script = "head -c 100M /dev/zero > /dev/shm/file && exit 3; touch /dev/file && exit 4; true"
    assert run(tmp_path, limited(script))["phase"] == "Succeeded"


def test_a_fork_bomb_ends_its_own_pod(tmp_path: Path) -> None:
    node = run(tmp_path, limited("for i in $(seq 1100); do sleep 60 & done; wait", memory="4Gi"))
    assert node["phase"] == "Failed"
    assert "more than 1,024 processes" in node["message"]
    assert node["outputs"]["exitCode"] == "1"


def test_too_much_scratch_ends_the_pod(tmp_path: Path) -> None:
    node = run(tmp_path, limited("mkdir /tmp/a; head -c 80M /dev/zero > /tmp/a/file; sleep 20"))
    assert node["phase"] == "Failed"
    taken = re.search(r"took (\d+)Mi, and their limit is 50Mi", node["message"])
    assert taken, node["message"]
    assert 50 < int(taken[1]) <= 80, "it may be looked at while it still writes"
    assert "workflow.resources.scratch" in node["message"]


@pytest.mark.parametrize("how", _HIDDEN)
def test_hidden_scratch_files_are_counted(tmp_path: Path, how: str) -> None:
    node = run(tmp_path, limited(_HIDDEN[how]))
    assert node["phase"] == "Failed"
    assert "their limit is 50Mi" in node["message"]


def test_a_pod_can_write_its_last_words_on_a_full_disk(tmp_path: Path) -> None:
    message = "printf '%s' 'No room is left' 1<> /dev/termination-log"
    room = "test $(stat -c %b /dev/termination-log) -gt 0"
    with Machine(tmp_path, slots=1) as machine:
        for name in ("one", "another"):
            template = limited(f"{room} && {message} && truncate -s 15 /dev/termination-log && exit 3")
            volumes = [{"name": "scratch", "emptyDir": {"sizeLimit": "50Mi"}}]
            machine.create(workflow(name, tasks=[task("t")], templates=[template], volumes=volumes))
            node = nodes(machine.wait(name))["t"]
            assert node["message"] == "main: Error (exit code 3): No room is left"


def test_measuring_disk_usage_changes_no_modes_and_follows_no_links(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed/file").write_bytes(bytes(MIB))
    (tmp_path / "closed/link").symlink_to("/")
    (tmp_path / "closed").chmod(0o100)
    assert MIB <= disk_usage(tmp_path) < 2 * MIB
    assert stat.S_IMODE((tmp_path / "closed").stat().st_mode) == 0o100
    (tmp_path / "closed").chmod(0o700)


def test_a_stopped_worker_process_is_considered_lost_after_a_while() -> None:
    child = subprocess.Popen(["/bin/sleep", "60"])
    try:
        subject = Subject(Limits(), lambda: (child.pid,), lambda: child.pid, Path("/nowhere"))
        watch = StoppedWorkers()
        assert [watch.look(subject) for _ in range(20)] == [None] * 20
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        looks = [watch.look(subject) for _ in range(20)]
        assert looks[:10] == [None] * 10
        assert looks[-1] is not None
        assert "SIGSTOP" in looks[-1].message
        child.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, child.pid, os.WCONTINUED)
        assert watch.look(subject) is None
    finally:
        child.kill()
        child.wait()


def test_disk_usage_counts_blocks_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/file").write_bytes(bytes(MIB))
    (tmp_path / "link").symlink_to("/usr")
    os.truncate(tmp_path / "deep/er/file", 100 * MIB)
    assert MIB <= disk_usage(tmp_path) < 2 * MIB


def test_scratch_too_deep_to_be_measured_still_ends_the_pod(tmp_path: Path) -> None:
    made = os.open(tmp_path, os.O_RDONLY)
    for _ in range(2100):
        os.mkdir("d", dir_fd=made)
        below = os.open("d", os.O_RDONLY, dir_fd=made)
        os.close(made)
        made = below
    os.close(made)
    with pytest.raises(TooDeepError):
        disk_usage(tmp_path)
    remove(tmp_path / "d")
