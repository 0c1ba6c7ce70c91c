"""The last task is started early, waits for its turn, and does nothing before it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from support.engine import PATIENCE, Machine, file_artifact, mount, phases, shell, task, workflow

_WAIT = (
    "mkdir -p /mnt/workflow/.ogdc/runs/{run}/0/output_dir && cd /mnt/workflow && "
    "echo data > .ogdc/runs/{run}/0/output_dir/data.txt && echo up > up-{run} && "
    "while [ ! -e go ]; do sleep 0.02; done; exit $(cat go)"
)


def held(run: str) -> dict[str, Any]:
    """A workflow whose command runs until somebody says, in the file `go`, how it ends."""
    words = ["--run", run, "--recipe-id", "recipe", "--partitions", "1", "--output", "pvc"]
    publish = {
        "name": "publish",
        "container": {
            "image": "example.org/worker:1",
            "command": ["ogdc-worker", "publish"],
            "args": words,
            "volumeMounts": [mount("/mnt/workflow")],
        },
    }
    process = shell("process", _WAIT.format(run=run), mounts=[mount("/mnt/workflow")])
    return workflow(
        run, tasks=[task("process"), task("publish", depends="process")], templates=[process, publish]
    )


def workers(run: str) -> list[int]:
    """The processes that are, or will be, the run's `publish`, without those of the sandbox around it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if "python" in words[0].decode() and run.encode() in words:
            found.append(int(place.name))
    return found


def wait_for_workers(run: str, count: int) -> list[int]:
    deadline = time.monotonic() + PATIENCE
    while len(found := workers(run)) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def end(machine: Machine, code: str) -> None:
    """Have the command end so; the file is never there empty."""
    (machine.volume / "go.new").write_text(code)
    (machine.volume / "go.new").rename(machine.volume / "go")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    if machine._sandbox.name != "bubblewrap":
        pytest.skip("only bubblewrap's containers can be begun before their turn")
    return machine


def test_a_task_started_ahead_continues_when_its_turn_comes(machine: Machine) -> None:
    with machine:
        machine.create(held("goes-on"))
        machine.wait_for_file(machine.volume / "up-goes-on")
        wait_for_workers("goes-on", 1)
        assert phases(machine.get("goes-on")) == {"goes-on": "Running", "process": "Running"}
        assert not (machine.volume / "recipe").exists()
        end(machine, "0")
        found = machine.wait("goes-on")
        log = machine.log("goes-on")

    assert set(phases(found).values()) == {"Succeeded"}
    assert (machine.volume / "recipe/data.txt").read_text() == "data\n"
    assert any('"event": "published"' in line for line in log)


def test_a_task_started_ahead_without_a_turn_does_nothing_and_leaves_no_process(machine: Machine) -> None:
    with machine:
        machine.create(held("fails"))
        machine.wait_for_file(machine.volume / "up-fails")
        wait_for_workers("fails", 1)
    assert workers("fails") == [], "an engine that stops leaves none"
    with machine:
        wait_for_workers("fails", 1)  # the next engine begins it anew
        end(machine, "1")
        found = machine.wait("fails")
        wait_for_workers("fails", 0)

    assert phases(found) == {"fails": "Failed", "process": "Failed", "publish": "Omitted"}
    assert not (machine.volume / "recipe").exists()


def test_a_task_killed_before_its_turn_is_started_again_at_its_turn(machine: Machine) -> None:
    with machine:
        machine.create(held("killed"))
        machine.wait_for_file(machine.volume / "up-killed")
        [worker] = wait_for_workers("killed", 1)
        os.kill(worker, signal.SIGKILL)
        wait_for_workers("killed", 0)
        end(machine, "0")
        found = machine.wait("killed")

    assert set(phases(found).values()) == {"Succeeded"}
    assert (machine.volume / "recipe/data.txt").read_text() == "data\n"


def test_a_task_that_cannot_start_ahead_starts_at_its_turn(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    late = held("late")
    late["spec"]["templates"][2]["inputs"] = {
        "artifacts": [file_artifact("plan", path="/ogdc/plan.json", key="plan.json")]
    }
    with caplog.at_level("INFO", "ogdc_local.engine.ahead"), machine:
        machine.create(late)
        machine.wait_for_file(machine.volume / "up-late")
        deadline = time.monotonic() + PATIENCE
        while "cannot be begun before its turn" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        machine.artifacts.put("plan.json", b"{}")
        end(machine, "0")
        found = machine.wait("late")

    assert set(phases(found).values()) == {"Succeeded"}


def test_a_token_is_read_only_at_the_turn_of_the_task_that_needs_it(tmp_path: Path) -> None:
    read: list[bool] = []
    go = tmp_path / "volume" / "go"

    def secret(_: str) -> dict[str, str]:
        read.append(go.exists())
        return {"TOKEN": "x"}

    shown = held("shown")
    shown["spec"]["volumes"].append({"name": "token", "secret": {"secretName": "node"}})
    shown["spec"]["templates"][2]["container"]["volumeMounts"].append(mount("/token", volume="token"))
    with Machine(tmp_path, secret=secret) as machine:
        machine.create(shown)
        machine.wait_for_file(machine.volume / "up-shown")
        time.sleep(0.2)  # after which what may be has been begun, on a machine with nothing else to do
        end(machine, "0")
        found = machine.wait("shown")

    assert set(phases(found).values()) == {"Succeeded"}
    assert read == [True]
