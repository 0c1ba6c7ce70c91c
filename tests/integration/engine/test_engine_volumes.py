"""Inputs on volumes, as the compiler asks for them: listed, divided, read, and nothing else to be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared import layout
from ogdc_shared.config import ArgoSettings, Settings, WorkerSettings
from ogdc_shared.digests import root_of
from ogdc_shared.plan import Command, Division, Partitioning, Plan, VolumeInput, split_pack
from ogdc_shared.recipe.bundle import digest, pack
from ogdc_shared.workflow.build import RecipeFacts, build_workflow
from support.engine import CLAIM, NAMESPACE, Machine, nodes, phases
from support.trees import plant, tree

SETTINGS = Settings(argo=ArgoSettings(namespace=NAMESPACE), worker=WorkerSettings(volume_claim=CLAIM))
EXAMPLE = Path(__file__).parents[3] / "docs/examples/stations-to-geopackage"
NAME = "tiles-aaaaaaaaaa"
UPPER = 'tr a-z A-Z < "$INPUT_FILE" > "$OUTPUT_FILE"'


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    plant(tmp_path / "archive", {f"{year}/{year}_{month}.txt": b"seal" for year in (1, 2) for month in "abc"})
    return tmp_path / "archive"


@pytest.fixture
def machine(tmp_path: Path, archive: Path):
    with Machine(tmp_path / "machine", claims={"archive": archive}) as machine:
        yield machine


def submit(
    machine: Machine,
    *commands: str,
    claim: str = "archive",
    glob: str = "*.txt",
    before_packs: bool = False,
    **parts: int,
) -> None:
    """Do what submit does for a recipe with one volume input; `parts` says how to divide it, if at all."""
    plan = Plan(
        "tiles",
        tuple(Command(text, line) for line, text in enumerate(commands, 1)),
        per_file=bool(parts),
        volumes=(VolumeInput(claim, "", glob),),
        partitioning=Partitioning(**parts),
    )
    machine.artifacts.put(layout.plan_key(NAME), plan.to_json().encode())
    bundle = pack(EXAMPLE)
    machine.artifacts.put(layout.snapshot_key(digest(bundle)), bundle)
    recipe = RecipeFacts(recipe_id="tiles", snapshot=digest(bundle), claims=(claim,))
    workflow = build_workflow(name=NAME, recipe=recipe, partitions=None, settings=SETTINGS)
    machine.create(without_packs(workflow) if before_packs else workflow)


def without_packs(workflow: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(workflow)
    for more in (
        {},
        {"valueFrom": {"path": layout.LISTED_PER_PACK_PATH}},
        {"value": "{{tasks.list.outputs.parameters.per_pack}}"},
    ):
        parameter = {"name": "per_pack"} | more
        assert f", {json.dumps(parameter)}" in text
        text = text.replace(f", {json.dumps(parameter)}", "")
    pack = "{{=sprig.div(inputs.parameters.partition, inputs.parameters.per_pack)}}"
    earlier: dict[str, Any] = json.loads(text.replace(pack, "{{inputs.parameters.partition}}"))
    return earlier


def test_listed_partitions_are_processed_and_published(machine: Machine) -> None:
    submit(machine, UPPER, size=2, pack=2)
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert {f"process({n}:{n})" for n in range(3)} < set(nodes(found)), "as many tasks as partitions"
    assert "process(3:3)" not in nodes(found)
    expected = {f"{year}_{month}.txt": b"SEAL" for year in (1, 2) for month in "abc"}
    assert tree(machine.volume / "tiles") == expected
    division = Division.from_json(machine.artifacts.get(layout.division_key(NAME)))
    assert division == Division(files=(2, 2, 2), sizes=(8, 8, 8))
    parameters = nodes(found)["list"]["outputs"]["parameters"]
    found_by_list = {p["name"]: p["value"] for p in parameters}
    digest = found_by_list.pop("digest")
    assert found_by_list == {"partitions": "3", "files": "6", "bytes": "24", "per_pack": "2", "warnings": ""}
    for number in range(2):
        pack, proof = split_pack(machine.artifacts.get(layout.pack_key(NAME, number)))
        assert root_of(pack, json.loads(proof)) == digest, "what `process` holds its pack to"
    assert machine.artifacts.size(layout.pack_key(NAME, 2)) is None


def test_a_workflow_from_before_packs_is_executed(machine: Machine) -> None:
    """It says nothing of packs: `list` leaves an object a partition, under the keys that it expects."""
    submit(machine, UPPER, size=2, before_packs=True)
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    expected = {f"{year}_{month}.txt": b"SEAL" for year in (1, 2) for month in "abc"}
    assert tree(machine.volume / "tiles") == expected


def test_a_sequential_recipe_gets_all_files_in_one_task(machine: Machine) -> None:
    submit(machine, "cat /input_dir/*.txt > /output_dir/all; mv /input_dir/1_a.txt /output_dir/")
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert tree(machine.volume / "tiles") == {"all": b"seal" * 6, "1_a.txt": b"seal"}


@pytest.mark.parametrize("attempt", ["touch", "rm", "chmod 777"])
def test_volumes_cannot_be_written(machine: Machine, archive: Path, attempt: str) -> None:
    archive.chmod(0o777)
    before = tree(archive)
    submit(machine, f'{attempt} "$INPUT_FILE" /mnt/data/archive/new; cp "$INPUT_FILE" "$OUTPUT_FILE"', size=6)
    assert machine.wait(NAME)["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert tree(archive) == before
    assert any("Read-only file system" in line for line in machine.log(NAME))


def test_published_data_can_be_inputs_and_private_data_are_hidden(machine: Machine) -> None:
    plant(machine.volume, {"dem/tile.txt": b"seal", ".ogdc/runs/other/0/secret.txt": b"secret"})
    for directory in (".ogdc", ".ogdc/runs"):
        (machine.volume / directory).chmod(0o777)
    submit(
        machine, f'find /mnt/data/{CLAIM}/.ogdc | wc -l > "$OUTPUT_DIR/private"; {UPPER}', claim=CLAIM, size=1
    )
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert tree(machine.volume / "tiles") == {"private": b"1\n", "tile.txt": b"SEAL"}


def test_an_input_that_nothing_matches_fails_before_any_task(machine: Machine) -> None:
    submit(machine, UPPER, glob="*.nc", size=1)
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Failed"
    assert "No file below '/' on the volume archive matches '*.nc'" in nodes(found)["list(0)"]["message"]
    assert phases(found)["process"] == "Omitted"


def test_retry_lists_again_only_where_listing_failed(machine: Machine, archive: Path) -> None:
    submit(machine, f'grep -q seal "$INPUT_FILE" && {UPPER}', size=3)
    plant(archive, {"2/2_b.txt": b"void"})
    machine.wait(NAME)
    (archive / "2/2_b.txt").write_bytes(b"seal")
    plant(archive, {"2/2_d.txt": b"late"})
    machine.call("PUT", f"/{NAME}/retry", body={})
    found = machine.wait(NAME)
    assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
    assert "2_d.txt" not in tree(machine.volume / "tiles"), "the files are those of the first listing"
    assert len(tree(machine.volume / "tiles")) == 6
