"""Workflows, plans and manifests as the version before stages wrote them: a run under way goes on."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ogdc_shared import layout
from ogdc_shared.argo.state import read_workflow
from support.engine import NAMESPACE, Machine, nodes
from support.trees import tree

BEFORE = Path(__file__).parent / "before"
"""Manifests as committed before plans had a version."""
NAME = "tiles-abcdefghij"
COMMANDS = [{"text": 'tr a-z A-Z < "$INPUT_FILE" > "$OUTPUT_FILE"', "line": 1}]


def plan(**fields: Any) -> str:
    return json.dumps({"recipe_id": "tiles", "commands": COMMANDS, "per_file": True} | fields)


def submit(machine: Machine, manifest: str, plan: str, *, claim: str) -> None:
    """Do what submit did; the digests in the committed manifest are of other plans."""
    text = re.sub(r"\n *- (plan|partitions)=[0-9a-f]{64}", "", (BEFORE / manifest).read_text())
    workflow = yaml.safe_load(text)
    workflow["metadata"]["namespace"] = NAMESPACE
    workflow["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = claim
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for number in range(7):
            entry = tarfile.TarInfo(f"words-{number}.txt")
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"seal"))
    machine.artifacts.put(layout.snapshot_key("5f" * 32), archive.getvalue())
    machine.artifacts.put(f"runs/{NAME}/plan.json", plan.encode())
    for number in range(7):
        partition = {"number": number, "files": [{"source": f"words-{number}.txt", "kind": "recipe"}]}
        machine.artifacts.put(f"runs/{NAME}/partitions/{number}.json", json.dumps(partition).encode())
    machine.create(workflow)


def test_partitions_of_a_run_from_before_are_processed_and_published(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        submit(machine, "seven-partitions.yaml", plan(), claim="workflow")
        found = machine.wait(NAME)
        assert found["status"]["phase"] == "Succeeded", machine.log(NAME)
        assert tree(machine.volume / "tiles") == {f"words-{number}.txt": b"SEAL" for number in range(7)}
        assert {task.stage for task in read_workflow(found).tasks} == {"process", "publish"}


def test_a_run_that_failed_before_is_retried_from_its_checkpoint(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        second = {"text": 'test -e /mnt/workflow/mended && cp "$INPUT_FILE" "$OUTPUT_FILE"', "line": 2}
        submit(machine, "seven-partitions.yaml", plan(commands=[*COMMANDS, second]), claim="workflow")
        assert machine.wait(NAME)["status"]["phase"] == "Failed"
        for number in range(7):
            (machine.volume / f".ogdc/runs/{NAME}/{number}/mended").touch()
        status, answer = machine.call("PUT", f"/{NAME}/retry", body={})
        assert status == 200, answer
        found = machine.wait(NAME)
        messages = [f"{name}: {node['phase']} {node.get('message')}" for name, node in nodes(found).items()]
        assert found["status"]["phase"] == "Succeeded", "\n".join([*messages, *machine.log(NAME)])


@pytest.mark.parametrize("file", sorted(path.name for path in BEFORE.iterdir()))
def test_committed_manifests_of_the_previous_version_have_no_stages(file: str) -> None:
    assert "stage" not in (BEFORE / file).read_text()
