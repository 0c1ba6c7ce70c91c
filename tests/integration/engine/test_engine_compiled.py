"""Compiled workflows, executed by the real worker in the real sandbox."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared import layout
from ogdc_shared.argo.state import read_workflow
from ogdc_shared.config import ArgoSettings, Settings, WorkerSettings
from ogdc_shared.plan import Command, InputFile, Partition, Plan
from ogdc_shared.workflow.build import RecipeFacts, build_workflow
from support.engine import CLAIM, NAMESPACE, Machine, nodes

SETTINGS = Settings(argo=ArgoSettings(namespace=NAMESPACE), worker=WorkerSettings(volume_claim=CLAIM))
DIGEST = "0" * 64


def submit(
    machine: Machine,
    name: str,
    *commands: str,
    output: str = "pvc",
    partitions: int = 1,
    promised: str | None = None,
) -> None:
    """Do what submit does, with one file of the recipe a partition; `promised` is the plan's digest."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for number in range(partitions):
            entry = tarfile.TarInfo(f"words-{number}.txt")
            entry.size = len(b"seal whale")
            tar.addfile(entry, io.BytesIO(b"seal whale"))
    machine.artifacts.put(layout.snapshot_key(DIGEST), archive.getvalue())
    plan = Plan("seals", tuple(Command(text, line) for line, text in enumerate(commands, 1)))
    machine.artifacts.put(layout.plan_key(name), plan.to_json().encode())
    for number in range(partitions):
        partition = Partition(number, (InputFile(f"words-{number}.txt", kind="recipe"),))
        machine.artifacts.put(layout.pack_key(name, number), partition.to_json().encode())
    recipe = RecipeFacts(recipe_id="seals", snapshot=DIGEST, output=output, plan=promised)
    machine.create(build_workflow(name=name, recipe=recipe, partitions=partitions, settings=SETTINGS))


@pytest.fixture
def machine(tmp_path: Path):
    with Machine(tmp_path) as machine:
        yield machine


def test_a_recipe_is_fetched_transformed_and_published(machine: Machine) -> None:
    submit(
        machine,
        "seals-aaaaaaaaaa",
        "tr a-z A-Z < /input_dir/words-0.txt > /output_dir/upper",
        "mv /input_dir/upper /output_dir/upper.txt",
    )
    found = machine.wait("seals-aaaaaaaaaa")
    assert found["status"]["phase"] == "Succeeded", machine.log("seals-aaaaaaaaaa")
    assert (machine.volume / "seals/upper.txt").read_text() == "SEAL WHALE"
    assert not (machine.volume / layout.workspace("seals-aaaaaaaaaa")).exists()
    assert read_workflow(found).progress == found["status"]["progress"]


def test_a_modified_plan_is_not_run(machine: Machine) -> None:
    submit(machine, "seals-dddddddddd", "touch /output_dir/ran", promised="1" * 64)
    found = read_workflow(machine.wait("seals-dddddddddd"))
    assert found.phase == "Failed"
    assert "not what was submitted" in (found.message or "")
    assert "command_started" not in machine.log("seals-dddddddddd")


def test_partitions_are_published_together(machine: Machine) -> None:
    submit(machine, "seals-bbbbbbbbbb", "cp /input_dir/* /output_dir/", partitions=3)
    assert machine.wait("seals-bbbbbbbbbb")["status"]["phase"] == "Succeeded", machine.log("seals-bbbbbbbbbb")
    names = {path.name for path in (machine.volume / "seals").iterdir()}
    assert names == {"words-0.txt", "words-1.txt", "words-2.txt"}


def test_a_temporary_output_is_a_zip_in_the_artifact_store(machine: Machine) -> None:
    submit(machine, "seals-cccccccccc", "cp /input_dir/* /output_dir/", output="temporary")
    found = machine.wait("seals-cccccccccc")
    assert found["status"]["phase"] == "Succeeded", machine.log("seals-cccccccccc")
    data = machine.artifacts.get(layout.output_key("seals-cccccccccc", "seals"))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert [name.rpartition("/")[2] for name in file.namelist() if name.endswith("txt")] == [
            "words-0.txt"
        ]


def test_a_failing_command_is_named_in_the_message(machine: Machine) -> None:
    submit(machine, "seals-dddddddddd", "cp /input_dir/* /output_dir/", "echo no such layer >&2; exit 3")
    found = machine.wait("seals-dddddddddd")
    assert found["status"]["phase"] == "Failed"
    state = read_workflow(found)
    assert state.message is not None
    assert "command 2 of 2" in state.message
    assert "no such layer" in state.message
    assert nodes(found)["process(0:0)"]["message"] == "retryStrategy.expression evaluated to false"


def facts(machine: Machine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.artifacts.get(layout.facts_key(name, 0)))
    return found


def test_facts_of_a_task_are_stored_even_if_it_failed(machine: Machine) -> None:
    submit(machine, "seals-gggggggggg", "cp /input_dir/* /output_dir/")
    submit(machine, "seals-hhhhhhhhhh", "cp /input_dir/* /output_dir/", "exit 3")
    machine.wait("seals-gggggggggg")
    machine.wait("seals-hhhhhhhhhh")
    good, bad = facts(machine, "seals-gggggggggg"), facts(machine, "seals-hhhhhhhhhh")
    assert [each["name"] for each in good["wrote"]] == ["words-0.txt"]
    assert [each.get("exit_code", 0) for each in bad["ran"]] == [0, 3]
    assert (good["image"], bad["succeeded"]) == (None, False), "no image runs here"


def test_a_link_in_place_of_the_facts_is_not_followed(machine: Machine) -> None:
    submit(
        machine,
        "seals-iiiiiiiiii",
        "cp /input_dir/* /output_dir/; rm -f /ogdc/facts.json; ln -sf /etc/passwd /ogdc/facts.json; true",
    )
    assert machine.wait("seals-iiiiiiiiii")["status"]["phase"] == "Succeeded"
    assert facts(machine, "seals-iiiiiiiiii")["succeeded"]


def test_terminating_a_run_stops_its_command(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogdc_local.engine.running_pod._GRACE_SECONDS", 600)  # nothing is killed
    submit(machine, "seals-eeeeeeeeee", "echo up > /output_dir/up; sleep 600")
    work = machine.volume / layout.partition_workspace("seals-eeeeeeeeee", 0)
    machine.wait_for_file(work / "output_dir/up")
    machine.call("PUT", "/seals-eeeeeeeeee/terminate", body={})
    found = machine.wait("seals-eeeeeeeeee")
    assert found["status"]["message"] == "Stopped with strategy 'Terminate'"


def test_a_run_continues_where_a_stopped_engine_left_it(tmp_path: Path) -> None:
    name = "seals-ffffffffff"
    with Machine(tmp_path) as machine:
        submit(
            machine,
            name,
            "date +%s%N > /output_dir/stamp",
            "cp /input_dir/* /output_dir/; echo up > /output_dir/up; [ -e /input_dir/go ] || sleep 600",
        )
        work = machine.volume / layout.partition_workspace(name, 0)
        machine.wait_for_file(work / "output_dir/up")
        stamp = (work / "input_dir/stamp").read_text()
    (work / "input_dir/go").touch()
    with Machine(tmp_path) as machine:
        assert machine.wait(name)["status"]["phase"] == "Succeeded", machine.log(name)
        assert (machine.volume / "seals/stamp").read_text() == stamp, "a finished command is not repeated"
