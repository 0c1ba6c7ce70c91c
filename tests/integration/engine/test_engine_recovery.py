from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ogdc_shared.plan import SCOPE_LABEL
from support.engine import Machine, fan_out, mount, nodes, phases, shell, task, workflow

_ENGINE = """
import sys, time
from pathlib import Path
from support.engine import Machine
with Machine(Path(sys.argv[1])) as machine:
    print("up", flush=True)
    time.sleep(600)
"""


class Killable:
    """An engine in a process of its own."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ENGINE, str(root)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"up\n"

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


def processes_with(text: str) -> list[str]:
    """Command lines of the machine's processes that hold `text`."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


def test_after_a_kill_running_tasks_run_again_and_finished_ones_do_not(tmp_path: Path) -> None:
    script = (
        "echo begun >> /mnt/workflow/begun-$1; "
        "[ $1 = 0 ] || while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done; "
        "echo ended >> /mnt/workflow/ended-$1"
    )
    process = shell("process", script, partitioned=True, mounts=[mount("/mnt/workflow")])
    with Machine(tmp_path) as machine:  # records the workflow, and is stopped before it can end
        machine.create(
            workflow(
                "survives",
                tasks=[fan_out("process", 2), task("publish", depends="process")],
                templates=[
                    process,
                    shell(
                        "publish",
                        "echo published >> /mnt/workflow/published",
                        mounts=[mount("/mnt/workflow")],
                    ),
                ],
            )
        )
        machine.wait_until("survives", lambda w: phases(w).get("process(0:0)") == "Succeeded")
        machine.wait_for_file(machine.volume / "begun-1")
    engine = Killable(tmp_path)
    machine.wait_for_file(machine.volume / "begun-1", "begun\nbegun\n")
    engine.kill()
    with Machine(tmp_path) as machine:
        machine.wait_for_file(machine.volume / "begun-1", "begun\nbegun\nbegun\n")
        (machine.volume / "go").touch()  # sooner, the task that dies with its engine might still see it
        found = machine.wait("survives")
    assert found["status"]["phase"] == "Succeeded"
    assert set(nodes(found)) == {"survives", "process", "process(0:0)", "process(1:1)", "publish"}
    written = {path.name: path.read_text().split() for path in (tmp_path / "volume").iterdir()}
    assert written == {
        "begun-0": ["begun"],
        "ended-0": ["ended"],
        "begun-1": ["begun", "begun", "begun"],
        "ended-1": ["ended"],
        "published": ["published"],
        "go": [],
    }


def test_recovered_tasks_have_the_labels_of_their_workflow(tmp_path: Path) -> None:
    """They are named by templates whose tasks begin under the next engine only."""
    named = f"{{{{workflow.labels.{SCOPE_LABEL}}}}}"
    wait = "echo begun > /mnt/workflow/begun; while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done"
    publish = f"echo {named} > /mnt/workflow/published"
    mounts = [mount("/mnt/workflow")]
    made = workflow(
        "labelled",
        tasks=[task("process"), task("publish", depends="process")],
        templates=[shell("process", wait, mounts=mounts), shell("publish", publish, mounts=mounts)],
    )
    made["metadata"]["labels"][SCOPE_LABEL] = "mine"
    with Machine(tmp_path) as machine:
        machine.create(made)
        machine.wait_for_file(machine.volume / "begun")

    with Machine(tmp_path) as machine:
        (machine.volume / "go").touch()
        found = machine.wait("labelled")

    assert found["status"]["phase"] == "Succeeded"
    assert (tmp_path / "volume/published").read_text() == "mine\n"


def test_killing_the_engine_leaves_no_process(tmp_path: Path) -> None:
    mark = f"sleep 61.{random.randrange(10**6):06}"
    with Machine(tmp_path) as machine:
        machine.create(
            workflow(
                "orphans",
                tasks=[fan_out("process", 2)],
                templates=[
                    shell(
                        "process",
                        f"(setsid {mark} &) ; echo up > /mnt/workflow/up-$1; {mark}",
                        partitioned=True,
                        mounts=[mount("/mnt/workflow")],
                    )
                ],
            )
        )
        for number in (0, 1):
            machine.wait_for_file(tmp_path / f"volume/up-{number}")
        assert processes_with(mark)
    assert not processes_with(mark), "stop() ends every process"
    for number in (0, 1):
        (tmp_path / f"volume/up-{number}").unlink()
    engine = Killable(tmp_path)
    deadline = time.monotonic() + 300
    while not all((tmp_path / f"volume/up-{number}").exists() for number in (0, 1)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    engine.kill()
    deadline = time.monotonic() + 300
    while processes_with(mark):
        assert time.monotonic() < deadline, "--die-with-parent ends what a killed engine started"
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_again_and_again_every_task_ends(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    count = 12
    process = shell(
        "process",
        "sleep 0.05; ln -sf done /mnt/workflow/ended-$1; sleep 0.05",
        partitioned=True,
        mounts=[mount("/mnt/workflow")],
    )
    publish = shell("publish", "ls /mnt/workflow | wc -l", mounts=[mount("/mnt/workflow")])
    with Machine(tmp_path) as machine:
        machine.create(
            workflow(
                "storm",
                tasks=[fan_out("process", count), task("publish", depends="process")],
                templates=[process, publish],
            )
        )
    for _ in range(6):
        engine = Killable(tmp_path)
        time.sleep(chance.uniform(0.0, 0.4))
        engine.kill()
    with Machine(tmp_path) as machine:
        found = machine.wait("storm")
        assert found["status"]["phase"] == "Succeeded"
        assert found["status"]["progress"] == f"{count + 1}/{count + 1}"
        assert len([name for name in phases(found) if name.startswith("process(")]) == count
        assert len(list(machine.volume.glob("ended-*"))) == count


def test_a_manifest_that_a_later_version_cannot_run_ends_in_error(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        manifest = workflow("old", tasks=[task("hello")], templates=[shell("hello", "true")])
        manifest["spec"]["hooks"] = {}
        uid, _ = machine.engine._store.create(manifest, namespace="ogdc")
        assert uid
    with Machine(tmp_path) as machine:
        found = machine.wait("old")
    assert found["status"]["phase"] == "Error"
    assert "spec.hooks is not supported" in found["status"]["message"]


def test_a_retry_whose_wait_a_kill_interrupted_still_comes(tmp_path: Path) -> None:
    flaky = shell(
        "flaky",
        "[ -e /mnt/workflow/tried ] || { touch /mnt/workflow/tried; exit 75; }",
        mounts=[mount("/mnt/workflow")],
        retryStrategy={"limit": 1, "backoff": {"duration": "1s"}},
    )
    with Machine(tmp_path) as machine:
        machine.create(workflow("wait", tasks=[task("flaky")], templates=[flaky]))
        machine.wait_until("wait", lambda w: phases(w).get("flaky(0)") == "Failed")
    with Machine(tmp_path) as machine:
        found = machine.wait("wait")
    assert phases(found) == {
        "wait": "Succeeded",
        "flaky": "Succeeded",
        "flaky(0)": "Failed",
        "flaky(1)": "Succeeded",
    }
