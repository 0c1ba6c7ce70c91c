"""Facts of tasks from the artifact store, and the progress of a run's stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared.layout import facts_key
from support.argo_server import ArgoServer
from support.runs import started, tell

TOTALS = {
    "fetched": {"files": 1, "bytes": 8},
    "ran": {"commands": 2, "failed": 1, "seconds": 1.5, "cpu_seconds": 0.5, "max_memory": 2**30},
    "wrote": {"files": 0, "bytes": 0},
}
HEAD = {
    "version": 1,
    "stage": "process",
    "partition": 0,
    "image": "worker:1",
    "succeeded": True,
    "totals": TOTALS,
}


def node(
    template: str, partition: int | None = None, phase: str = "Succeeded", **fields: Any
) -> dict[str, Any]:
    name = template if partition is None else f"{template}({partition}:{partition})"
    parameters = [] if partition is None else [{"name": "partition", "value": str(partition)}]
    return {
        "id": f"node-{name}",
        "type": "Pod",
        "displayName": name,
        "templateName": template,
        "phase": phase,
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": None if phase == "Running" else "2026-01-01T00:00:01Z",
        "inputs": {"parameters": parameters},
    } | fields


def run_with(argo_events: Any, argo: ArgoServer, name: str, *nodes: dict[str, Any]) -> None:
    tell(argo_events, argo.advance(name, "Running", nodes={str(each["id"]): each for each in nodes}))


def leave(artifacts: Path, key: str, text: str) -> None:
    (artifacts / key).parent.mkdir(parents=True, exist_ok=True)
    (artifacts / key).write_text(text)


def document(**fields: Any) -> str:
    head = json.dumps(HEAD | fields, separators=(",", ":"))
    return head.removesuffix("}") + ',\n"commands":[\n],\n"fetched":[\n],\n"ran":[\n],\n"wrote":[\n]}\n'


def test_facts_have_totals_and_a_link_to_the_complete_document(
    submit, status, argo_events, artifacts: Path, argo: ArgoServer
):
    name = started(submit)
    run_with(argo_events, argo, name, node("process", 0), node("publish"))
    leave(artifacts, facts_key(name, 0), document())

    answer = status.get(f"/runs/{name}/facts").get_json()

    assert answer["total"] == 2
    process, publish = answer["tasks"]
    assert process["facts"] == {"succeeded": True, "image": "worker:1", "totals": TOTALS}
    assert facts_key(name, 0) in process["url"]
    assert (publish["stage"], publish["facts"], publish["url"]) == ("publish", None, None)
    assert status.get(f"/runs/{name}").get_json()["links"]["facts"] == f"/runs/{name}/facts"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"totals": 1}', "\0" * 9000, document(totals={"ran": "x"}), document(succeeded=None)],
)
def test_unreadable_facts_are_unknown(
    submit, status, argo_events, artifacts: Path, argo: ArgoServer, text: str
):
    name = started(submit)
    run_with(argo_events, argo, name, node("process", 0))
    leave(artifacts, facts_key(name, 0), text)

    [process] = status.get(f"/runs/{name}/facts").get_json()["tasks"]

    assert (process["facts"], process["url"]) == (None, None)


def test_tasks_that_run_or_left_no_facts_have_none(submit, status, argo_events, argo: ArgoServer):
    name = started(submit)
    run_with(argo_events, argo, name, node("process", 0, phase="Running"), node("process", 1))

    tasks = status.get(f"/runs/{name}/facts").get_json()["tasks"]

    assert [(task["phase"], task["facts"]) for task in tasks] == [("Running", None), ("Succeeded", None)]


def test_stages_are_counted_and_partitions_are_those_of_the_inputs(
    submit, status, argo_events, artifacts: Path, argo: ArgoServer
):
    name = started(submit)
    later = {"startedAt": "2026-01-01T00:00:02Z"}
    nodes = [node("process", 0), node("list-tiles", **later), node("tiles", 0, **later)]
    nodes += [node("tiles", 1, phase="Running", **later), node("tiles", 2, phase="Running", **later)]
    run_with(argo_events, argo, name, *nodes)
    leave(artifacts, facts_key(name, 0, "tiles"), document(stage="tiles"))

    run = status.get(f"/runs/{name}").get_json()

    assert run["stages"] == [
        {"stage": "process", "tasks": 1, "counts": {"Succeeded": 1}},
        {"stage": "tiles", "tasks": 3, "counts": {"Succeeded": 1, "Running": 2}},
    ]
    assert (run["partitions"], run["partition_counts"]) == (1, {"Succeeded": 1})
    assert {(task["name"], task["stage"]) for task in run["tasks"]} >= {
        ("list-tiles", "tiles"),
        ("tiles(2:2)", "tiles"),
    }
    [partition] = status.get(f"/runs/{name}/partitions").get_json()["partitions"]
    assert partition["phase"] == "Succeeded"
    facts = {task["name"]: task["facts"] for task in status.get(f"/runs/{name}/facts").get_json()["tasks"]}
    assert facts["tiles(0:0)"] is not None
    assert facts["process(0:0)"] is None, "each stage has its own"


def test_facts_of_an_unknown_run_are_404(status):
    assert status.get("/runs/nobodys/facts").status_code == 404
