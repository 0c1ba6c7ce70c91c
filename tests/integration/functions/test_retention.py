"""What the sweep removes from the record and the artifact store, and what requests report afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ogdc_shared.db.database import Database
from ogdc_shared.layout import facts_key, log_key, plan_key, reused_key
from support.argo_server import ArgoServer
from support.runs import recipe_files, started, tell


@pytest.fixture
def run(submit: FlaskClient, argo_events: FlaskClient, argo: ArgoServer, artifacts: Path) -> str:
    """A run that has succeeded; its task of the one partition has left its facts and its log."""
    return ended(submit, argo_events, argo, artifacts)


def ended(
    submit: FlaskClient, argo_events: FlaskClient, argo: ArgoServer, artifacts: Path, phase: str = "Succeeded"
) -> str:
    name = started(submit, files=recipe_files(output="temporary"))
    node = {
        "id": "node-0",
        "type": "Pod",
        "displayName": "process(0:0)",
        "templateName": "process",
        "phase": phase,
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:01Z",
        "inputs": {"parameters": [{"name": "partition", "value": "0"}]},
    }
    tell(argo_events, argo.advance(name, phase, nodes={"node-0": node}))
    for key in (facts_key(name, 0), log_key(name, "process", 0), log_key(name, "publish", None)):
        (artifacts / key).parent.mkdir(parents=True, exist_ok=True)
        (artifacts / key).write_text("{}")
    return name


def age(database: Database, name: str, *, days: int) -> None:
    with database.autocommit() as conn:
        conn.execute(
            "UPDATE runs SET submitted_at = submitted_at - make_interval(days => %(days)s),"
            " finished_at = now() - make_interval(days => %(days)s) WHERE name = %(name)s",
            {"name": name, "days": days},
        )


def sweep(serve: Any) -> dict[str, Any]:
    """Sweep by a service that has read its settings just now, whose first look at recipes it is."""
    answer: dict[str, Any] = serve("submit").post("/sweep").get_json()
    return answer


def test_expired_runs_are_removed_except_the_last_publication(
    serve, environment, submit, argo_events, argo, artifacts, database, run
):
    newer = ended(submit, argo_events, argo, artifacts)
    for name in (run, newer):
        age(database, name, days=40)
    with database.autocommit() as conn:
        conn.execute("UPDATE runs SET submitted_at = submitted_at - interval '1 h' WHERE name = %s", (run,))
    assert sweep(serve)["removed"] == []

    environment.setenv("OGDC_RUN_DAYS", "30")
    swept = sweep(serve)

    assert (swept["removed"], swept["left"]) == ([run], [])
    assert not (artifacts / f"runs/{run}").exists()
    assert run not in argo.workflows
    assert serve("status").get(f"/status/{run}").status_code == 404
    assert (artifacts / plan_key(newer)).exists()
    assert serve("status").get(f"/runs/{newer}/facts").status_code == 200
    with database.autocommit() as conn:
        act = "SELECT details FROM audit WHERE action = 'run.remove' AND object = %s AND actor IS NULL"
        assert conn.execute(act, (run,)).fetchall() == [({"by": "retention"},)]
        assert conn.execute("SELECT count(*) FROM tasks").fetchone() == (1,)


def test_expired_task_details_are_removed_and_requests_say_so(
    serve, environment, submit, argo_events, argo, artifacts, database
):
    name = ended(submit, argo_events, argo, artifacts, "Failed")
    age(database, name, days=40)
    environment.setenv("OGDC_TASK_DAYS", "30")

    assert sweep(serve)["removed"] == []

    status = serve("status")
    assert not list((artifacts / f"runs/{name}").rglob("*.log"))
    assert not (artifacts / facts_key(name, 0)).exists()
    assert (artifacts / plan_key(name)).exists()
    known = status.get(f"/runs/{name}").get_json()
    assert (known["status"], known["task_counts"], known["tasks"]) == ("Failed", {"Failed": 1}, [])
    assert known["tasks_removed_at"] is not None
    for part in ("facts", "partitions", "provenance", "logs/process/0"):
        answer = status.get(f"/runs/{name}/{part}")
        assert (answer.status_code, "OGDC_TASK_DAYS" in answer.text) == (410, True), part


def test_logs_can_expire_before_other_data(serve, environment, artifacts, database, run):
    age(database, run, days=40)
    environment.setenv("OGDC_LOG_DAYS", "30")

    sweep(serve)

    status = serve("status")
    assert not list((artifacts / f"runs/{run}").rglob("*.log"))
    assert (artifacts / facts_key(run, 0)).exists()
    assert status.get(f"/runs/{run}/logs/process/0").status_code == 410
    assert status.get(f"/runs/{run}/facts").status_code == 200


def test_reused_runs_are_read_before_anything_is_removed(
    serve, environment, submit, argo_events, argo, artifacts, database, run
):
    taker = ended(submit, argo_events, argo, artifacts)
    (artifacts / reused_key(taker)).write_text(json.dumps({"0": [run, 1, True]}))
    age(database, run, days=40)
    with database.autocommit() as conn:
        conn.execute("UPDATE runs SET reused_from = NULL WHERE name = %s", (taker,))
    environment.setenv("OGDC_RUN_DAYS", "30")

    assert sweep(serve)["removed"] == []

    with database.autocommit() as conn:
        found = conn.execute("SELECT reused_from FROM runs WHERE name = %s", (taker,)).fetchone()
    assert found == ([run],)


def test_an_interrupted_removal_is_continued(
    serve, environment, submit, argo_events, argo, artifacts, database
):
    name = ended(submit, argo_events, argo, artifacts, "Failed")
    age(database, name, days=40)
    environment.setenv("OGDC_RUN_DAYS", "30")
    argo.faults["delete"] = "refuse"
    assert sweep(serve) | {"removed": [], "left": [name]} == sweep(serve)
    assert serve("status").get(f"/runs/{name}").status_code == 200
    assert (artifacts / plan_key(name)).exists()

    del argo.faults["delete"]
    environment.setenv("OGDC_RUN_DAYS", "0")
    assert sweep(serve)["removed"] == [name]
