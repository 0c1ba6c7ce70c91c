"""A pod that takes more than its template allows is ended, and told of as a cluster would tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ogdc_local.engine.guard import TooDeepError, disk_usage
from ogdc_shared.removal import remove
from support.engine import Machine, mount, nodes, shell, task, workflow

MIB = 1 << 20
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


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    node = run(tmp_path, limited(f"/usr/bin/python3 -c '{_SHARE}'"))
    assert (node["phase"], node.get("message")) == ("Succeeded", None)


def test_memory_of_files_is_not_the_pods(tmp_path: Path) -> None:
    """What is mapped of a file the kernel can take back."""
    script = (
        'head -c 100M /dev/zero > /tmp/file; /usr/bin/python3 -c \'import mmap, time; f = open("/tmp/file");'
        " m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); sum(m[::4096]); time.sleep(0.4)'"
    )
    node = run(tmp_path, limited(script, memory="64Mi"), scratch="1Gi")
    assert (node["phase"], node.get("message")) == ("Succeeded", None)


def test_shared_memory_that_belongs_to_no_process_is_bounded(tmp_path: Path) -> None:
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
    assert "took 80Mi, and their limit is 50Mi" in node["message"]
    assert "workflow.resources.scratch" in node["message"]


def test_disk_usage_counts_blocks_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/file").write_bytes(bytes(MIB))
    (tmp_path / "link").symlink_to("/usr")
    os.truncate(tmp_path / "deep/er/file", 100 * MIB)
    assert MIB <= disk_usage(tmp_path) < 2 * MIB


def test_scratch_too_deep_to_be_measured_is_no_way_around_its_limit(tmp_path: Path) -> None:
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
