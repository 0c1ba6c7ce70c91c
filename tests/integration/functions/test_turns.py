"""Runs that wait in the queue of a deployment with limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from ogdc_shared.config import Settings
from ogdc_shared.context import Context
from ogdc_shared.sweep import sweep as sweep_once
from support.accounts import member
from support.argo_server import ArgoServer
from support.runs import bundle, event_headers, recipe_files, send, started, tell


@pytest.fixture
def one_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OGDC_RUNS_AT_ONCE", "1")


@pytest.fixture
def submit(one_at_once, serve) -> FlaskClient:
    return serve("submit")


@pytest.fixture
def status(one_at_once, serve) -> FlaskClient:
    return serve("status")


@pytest.fixture
def argo_events(one_at_once, serve) -> FlaskClient:
    return serve("argo_events")


def begin(submit: FlaskClient, number: int, *, user: str = "anna", **headers: str) -> str:
    """Submit a recipe of its own."""
    files = recipe_files(f"Recipe {number}", output="temporary")
    return started(submit, files=files, OGDC_User=user, **headers)


def shown(status: FlaskClient, name: str) -> dict[str, Any]:
    run: dict[str, Any] = status.get(f"/runs/{name}").get_json()
    return run


class TestSubmission:
    def test_a_run_over_the_limit_waits_with_a_reason(self, submit, status, argo: ArgoServer):
        first, second, third = begin(submit, 0), begin(submit, 1), begin(submit, 2)

        assert [*argo.workflows] == [first]
        assert status.get(f"/status/{third}").get_json()["status"] == "Pending"
        assert shown(status, first)["message"] is None
        assert shown(status, first)["waiting_since"] is None
        assert shown(status, second)["message"] == "Waits for room: at most 1 run at a time."
        assert shown(status, third)["message"] == "Waits for 1 run before it: at most 1 run at a time."
        assert shown(status, third)["waiting_since"] is not None
        listed = status.get("/runs").get_json()["runs"]
        assert [each["message"] for each in listed][:2] == [
            shown(status, name)["message"] for name in (third, second)
        ]
        assert argo.called("get") == 0

    def test_the_response_reports_the_queue(self, submit):
        assert not send(submit, files=recipe_files("Recipe 0", output="temporary")).get_json()["waits"]

        answer = send(submit, files=recipe_files("Recipe 1", output="temporary")).get_json()

        assert answer["message"].endswith("Waits for room: at most 1 run at a time.")
        assert answer["waits"]

    def test_the_job_reports_the_queue(self, submit, status):
        begin(submit, 0)
        packed = {"data": bundle(recipe_files("Ice", output="temporary")), "content_type": "application/gzip"}
        assert submit.post("/processes", **packed).status_code == 201

        job = submit.post("/processes/ice/execution", json={}).get_json()

        assert job["message"] == "Waits for room: at most 1 run at a time."
        assert status.get(f"/jobs/{job['jobID']}").get_json() == job
        assert [each["message"] for each in status.get("/jobs?limit=1").get_json()["jobs"]] == [
            job["message"]
        ]

    def test_the_etag_changes_with_the_position(self, submit, status):
        _first, second, third = (begin(submit, number) for number in range(3))
        tag = status.get(f"/runs/{third}").headers["ETag"]
        assert status.get(f"/runs/{third}", headers={"If-None-Match": tag}).status_code == 304

        submit.post(f"/runs/{second}/cancel", headers={"OGDC-User": "anna"})

        assert status.get(f"/runs/{third}", headers={"If-None-Match": tag}).status_code == 200

    def test_a_repeated_request_does_not_skip_the_queue(self, submit, argo: ArgoServer):
        begin(submit, 0)
        name = begin(submit, 1, Idempotency_Key="k")

        assert begin(submit, 1, Idempotency_Key="k") == name
        assert name not in argo.workflows

    def test_a_run_counts_with_its_maximum_number_of_tasks(self, environment, serve, argo: ArgoServer):
        environment.setenv("OGDC_RUNS_AT_ONCE", "0")
        environment.setenv("OGDC_TASKS_AT_ONCE", "2")
        submit, status = serve("submit"), serve("status")

        names = [begin(submit, number) for number in range(3)]  # each of one file, so of one task

        assert [*argo.workflows] == names[:2]
        assert all(each["spec"]["parallelism"] <= 2 for each in argo.workflows.values())
        assert shown(status, names[2])["message"] == "Waits for room: at most 2 tasks run at a time."

    def test_without_a_bound_nothing_waits(self, environment, serve, argo: ArgoServer):
        environment.setenv("OGDC_RUNS_AT_ONCE", "0")
        submit = serve("submit")

        names = [begin(submit, number) for number in range(3)]

        assert [*argo.workflows] == names

    def test_a_first_run_rejected_by_argo_leaves_nothing(self, submit, argo: ArgoServer):
        argo.faults["create"] = "reject"
        assert send(submit, files=recipe_files("Recipe 0", output="temporary")).status_code == 500
        argo.faults.clear()

        assert begin(submit, 1) in argo.workflows


class TestPriority:
    def test_a_low_priority_lets_other_runs_go_first(self, submit, argo_events, argo: ArgoServer):
        first, name = begin(submit, 0), None
        for number, priority in ((1, -5), (2, 0)):
            files = recipe_files(f"Recipe {number}", output="temporary")
            answer = send(submit, f"/submit?priority={priority}", files=files)
            name = answer.get_json()["recipe_workflow_name"]

        tell(argo_events, argo.advance(first, "Succeeded"))
        submit.post("/sweep")

        assert [*argo.workflows] == [first, name]

    def test_raising_the_priority_requires_an_admin(self, environment, serve, database):
        environment.setenv("ACCESS_MODE", "authenticated")
        submit, anna = serve("submit"), member(database, "anna")
        root = member(database, "root", role="admin")
        files = recipe_files(output="temporary")

        def priority(value: int, user: Any) -> int:
            sent = {"data": bundle(files), "content_type": "application/gzip", "headers": user.headers}
            return submit.post(f"/submit?priority={value}", **sent).status_code

        assert [priority(1, anna), priority(1, root), priority(-1, anna)] == [403, 200, 200]
        assert priority(101, root) == 400


class TestTheEndOfAnother:
    def test_the_end_of_a_run_wakes_the_sweep_which_releases_the_next(
        self, submit, argo_events, argo: ArgoServer
    ):
        first, second = begin(submit, 0), begin(submit, 1)
        ended = argo.advance(first, "Succeeded")

        reply = argo_events.post("/", json=ended, headers=event_headers(ended))
        assert reply.headers["ce-type"] == "org.ogdc.sweep_requested"

        assert submit.post("/sweep").get_json()["sent"] == [second]
        assert second in argo.workflows

    def test_the_end_of_a_run_wakes_no_sweep_without_waiting_runs(
        self, submit, argo_events, argo: ArgoServer
    ):
        ended = argo.advance(begin(submit, 0), "Succeeded")

        assert argo_events.post("/", json=ended, headers=event_headers(ended)).status_code == 204

    def test_the_sweep_releases_runs_even_without_an_event(
        self, environment, submit, serve, argo: ArgoServer
    ):
        first, second = begin(submit, 0), begin(submit, 1)
        argo.advance(first, "Failed")
        environment.setenv("OGDC_STALE_SECONDS", "0")

        assert serve("submit").post("/sweep").get_json()["sent"] == [second]

    def test_a_cancel_releases_the_next_run_immediately(self, submit, argo: ArgoServer):
        first, second = begin(submit, 0), begin(submit, 1)

        assert submit.post(f"/runs/{first}/cancel", headers={"OGDC-User": "anna"}).status_code == 200

        assert second in argo.workflows

    def test_a_cancel_of_an_ended_run_releases_the_next_run(self, submit, argo: ArgoServer):
        first, second = begin(submit, 0), begin(submit, 1)
        argo.advance(first, "Succeeded")

        assert submit.post(f"/runs/{first}/cancel", headers={"OGDC-User": "anna"}).status_code == 409

        assert second in argo.workflows

    def test_several_sweeps_at_once_start_one(self, submit, argo_events, argo: ArgoServer):
        first, *others = [begin(submit, number, user=f"user-{number}") for number in range(4)]
        tell(argo_events, argo.advance(first, "Succeeded"))
        contexts = [Context(Settings.from_env()) for _ in range(4)]

        with ThreadPoolExecutor(4) as threads:
            done = list(threads.map(sweep_once, contexts))

        for context in contexts:
            context.close()
        assert [name for each in done for name in each.sent] == others[:1]
        assert [*argo.workflows] == [first, others[0]]


class TestFailures:
    def test_after_a_crash_before_the_handover_the_sweep_continues(
        self, submit, argo_events, argo: ArgoServer, database
    ):
        first, second, third = (begin(submit, number) for number in range(3))
        tell(argo_events, argo.advance(first, "Succeeded"))
        argo.faults["create"] = "refuse"
        assert submit.post("/sweep").get_json()["left"] == [second]
        argo.faults.clear()
        assert submit.post("/sweep").get_json()["sent"] == []  # it may be on its way

        assert submit.post("/sweep?unsent_for=0").get_json()["sent"] == [second]
        assert third not in argo.workflows

    def test_a_run_rejected_by_argo_ends_and_frees_its_turn(
        self, submit, status, argo_events, argo: ArgoServer
    ):
        first, second, third = (begin(submit, number) for number in range(3))
        tell(argo_events, argo.advance(first, "Succeeded"))
        argo.faults["create"] = "reject"

        submit.post("/sweep")
        argo.faults.clear()

        assert shown(status, second)["status"] == "Error"
        assert "cannot be accepted" in shown(status, second)["message"]
        assert submit.post("/sweep").get_json()["sent"] == [third]

    def test_a_waiting_run_is_cancelled_without_argo(self, submit, status, argo: ArgoServer):
        begin(submit, 0)
        name = begin(submit, 1)
        argo.faults["get"] = argo.faults["create"] = "refuse"

        answer = submit.post(f"/runs/{name}/cancel", headers={"OGDC-User": "anna"})

        assert answer.get_json()["status"] == "Error"
        assert answer.get_json()["cancelled_at"] is not None
        assert shown(status, name)["message"] == "Cancelled while it waited for its turn."
        assert argo.called("get") == 0

    def test_a_retry_over_the_limit_is_rejected(self, submit, argo_events, argo: ArgoServer):
        first = begin(submit, 0)
        tell(argo_events, argo.advance(first, "Failed"))
        second = begin(submit, 1)

        refused = submit.post(f"/runs/{first}/retry", headers={"OGDC-User": "anna"})
        assert refused.status_code == 429
        tell(argo_events, argo.advance(second, "Succeeded"))

        assert submit.post(f"/runs/{first}/retry", headers={"OGDC-User": "anna"}).status_code == 200

    def test_without_a_limit_all_waiting_runs_start(self, environment, submit, serve, argo: ArgoServer):
        names = [begin(submit, number) for number in range(3)]
        environment.setenv("OGDC_RUNS_AT_ONCE", "0")

        serve("submit").post("/sweep")

        assert {*argo.workflows} == {*names}
