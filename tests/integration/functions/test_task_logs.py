"""Logs of single tasks: from their pods while they exist, and from stored logs afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ogdc_shared.argo.pod_names import pod_name
from ogdc_shared.layout import log_key
from support.argo_server import ArgoServer
from support.runs import started, tell

LINES = [f"{number} of ünd\tmany" for number in range(3000)]
TEXT = "\n".join(LINES) + "\n"


def node(name: str, template: str, partition: int | None, phase: str) -> dict[str, Any]:
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
    }


@pytest.fixture
def run(submit: FlaskClient, argo_events: FlaskClient, argo: ArgoServer, artifacts: Path) -> str:
    """A run whose task process/0 has left its log, while process/1 goes on."""
    name = started(submit)
    nodes = [
        node("process(0:0)", "process", 0, "Failed"),
        node("process(1:1)", "process", 1, "Running"),
        node("publish", "publish", None, "Succeeded"),
    ]
    tell(argo_events, argo.advance(name, "Running", nodes={str(each["id"]): each for each in nodes}))
    leave(artifacts, name, "process", 0, TEXT)
    leave(artifacts, name, "publish", None, "made\nvisible")
    leave(artifacts, name, "process", 1, "of the try before\n")
    return name


def leave(artifacts: Path, name: str, template: str, partition: int | None, text: str) -> None:
    path = artifacts / log_key(name, template, partition)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def part(status: FlaskClient, run: str, task: str = "process/0", **query: int) -> dict[str, Any]:
    answer = status.get(f"/runs/{run}/logs/{task}", query_string=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_log_is_read_forwards_in_parts(run: str, status: FlaskClient) -> None:
    texts, at = [], 0
    while at < len(TEXT.encode()):
        found = part(status, run, after=at, limit=5000)
        assert (found["begin"], found["size"], found["is_whole"]) == (at, len(TEXT.encode()), True)
        assert found["end"] - at == len(found["text"].encode()) <= 5000
        texts.append(found["text"])
        at = found["end"]
    assert all(text.endswith("\n") for text in texts)
    assert "".join(texts) == TEXT
    assert part(status, run, after=at)["text"] == ""


def test_a_log_is_read_backwards_from_its_end(run: str, status: FlaskClient) -> None:
    texts: list[str] = []
    at = 1 << 40
    while at > 0:
        found = part(status, run, before=at, limit=5000)
        assert found["begin"] == 0 or found["text"].split("\n")[0] in LINES
        texts.insert(0, found["text"])
        at = found["begin"]
    assert "".join(texts) == TEXT


def test_a_line_longer_than_a_part_is_split(run: str, status: FlaskClient, artifacts: Path) -> None:
    leave(artifacts, run, "process", 0, "x" * 5000 + "\nend\n")
    first = part(status, run, limit=1024)
    assert (first["text"], first["end"]) == ("x" * 1024, 1024)
    assert part(status, run, before=5001, limit=1024)["text"] == "x" * 1023 + "\n"


def test_the_whole_log_is_searched(run: str, status: FlaskClient) -> None:
    found, after = [], 0
    while after is not None:
        query = {"text": "9 OF", "limit": 50, "after": after}
        page = status.get(f"/runs/{run}/log-search/process/0", query_string=query).get_json()
        found += page["matches"]
        after = page["next"]
    assert [match["text"] for match in found] == [line for line in LINES if "9 of" in line]
    last = part(status, run, after=found[-1]["at"])
    assert last["text"] == LINES[-1] + "\n"
    for text in ("", "a\nb"):
        refused = status.get(f"/runs/{run}/log-search/process/0", query_string={"text": text})
        assert refused.status_code == 400


def test_a_match_across_two_search_chunks_is_found(run: str, status, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogdc_shared.runs.task_logs.SCANNED", 1000)
    found, after = [], 0
    while after is not None:
        query = {"text": "many", "limit": 1000, "after": after}
        page = status.get(f"/runs/{run}/log-search/process/0", query_string=query).get_json()
        found += page["matches"]
        after = page["next"]
    assert [match["text"] for match in found] == LINES


def test_the_log_of_a_running_task_comes_from_its_pods(
    run: str, status: FlaskClient, argo: ArgoServer
) -> None:
    first, second = (
        pod_name(run, node=f"{run}.process(1:1)({attempt})", template="process") for attempt in (0, 1)
    )
    argo.logs[run] = [(first, "failed"), (f"{run}-process-9", "of another"), (second, "[x] goes on")]
    found = part(status, run, "process/1")
    assert (found["text"], found["is_whole"], found["size"]) == ("failed\n[x] goes on\n", False, 19)
    assert part(status, run, "process/1", after=7)["text"] == "[x] goes on\n"
    assert status.get(f"/runs/{run}/logs?task=process/1").text == "failed\n[x] goes on\n"
    assert status.get(f"/runs/{run}/log-search/process/1?text=GOES").get_json()["matches"] == [
        {"at": 7, "text": "[x] goes on"}
    ]


def test_lines_of_a_running_run_have_the_names_that_its_tasks_are_requested_by(
    run: str, status: FlaskClient, argo: ArgoServer
) -> None:
    nodes = [("process(1:1)(1)", "process"), ("process(0:0)(0)", "process"), ("publish", "publish")]
    second, first, last = (pod_name(run, node=f"{run}.{node}", template=name) for node, name in nodes)
    lines = [(second, "a"), (second, "[b] c"), (first, "d"), (second, "e"), (last, "f")]
    argo.logs[run] = [*lines, (f"{run}-process-9", "g")]
    assert status.get(f"/runs/{run}/logs").text.splitlines() == [
        "[process/1] a",
        "[process/1] [b] c",
        "[process/0] d",
        "[process/1] e",
        "[publish] f",
        "[process-9] g",
    ]
    argo.logs[run] = lines[:2]
    assert status.get(f"/runs/{run}/logs").text == "[process/1] a\n[process/1] [b] c\n"


def test_the_log_of_a_task_without_retries_comes_from_its_pod(run, status, argo: ArgoServer) -> None:
    pod = pod_name(run, node=f"{run}.process(1:1)", template="process")
    argo.logs[run] = [(pod, "one")]
    assert part(status, run, "process/1")["text"] == "one\n"


def test_a_task_log_can_be_downloaded_completely_or_from_its_end(run: str, status: FlaskClient) -> None:
    assert status.get(f"/runs/{run}/logs?task=process/0").text == TEXT
    assert status.get(f"/runs/{run}/logs?task=process/0&tail=2").text == "\n".join(LINES[-2:]) + "\n"
    assert status.get(f"/runs/{run}/logs?task=publish").text == "made\nvisible"


def test_logs_outlive_the_workflow(run: str, status, argo_events, argo: ArgoServer, artifacts: Path) -> None:
    tell(argo_events, argo.advance(run, "Succeeded"), kind="delete")
    argo.faults["log"] = "refuse"
    everything = status.get(f"/runs/{run}/logs").text.splitlines()
    assert everything[: len(LINES)] == [f"[process/0] {line}" for line in LINES]
    assert everything[len(LINES) :] == [
        "[process/1] of the try before",
        "[publish] made",
        "[publish] visible",
    ]
    assert status.get(f"/runs/{run}/logs?tail=1").text == "[publish] visible\n"
    assert part(status, run)["size"] == len(TEXT.encode())
    (artifacts / log_key(run, "publish", None)).unlink()
    gone = status.get(f"/runs/{run}/logs/publish")
    assert (gone.status_code, "removed with its pod" in gone.get_json()["detail"]) == (410, True)


def test_logs_outlive_the_pods(run: str, status, argo_events, argo: ArgoServer) -> None:
    tell(argo_events, argo.advance(run, "Succeeded"))
    argo.logs[run] = []
    assert "[publish] visible\n" in status.get(f"/runs/{run}/logs").text


@pytest.mark.parametrize(
    "task",
    ["process/2", "process", "publish/0", "nothing", "../../x", "process/00000000000", "process/a", "x/1/2"],
)
def test_the_log_of_an_unknown_task_is_404(run: str, status: FlaskClient, task: str) -> None:
    for path in (f"logs/{task}", f"log-search/{task}?text=a", f"logs?task={task}"):
        answer = status.get(f"/runs/{run}/{path}")
        assert answer.status_code == 404, path
        assert json.loads(answer.text)["detail"]
