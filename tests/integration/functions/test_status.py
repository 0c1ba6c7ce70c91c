"""GET: reading runs, and reconciling runs without recent reports."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ogdc_shared.db.database import Database
from ogdc_shared.layout import output_key, plan_key
from ogdc_shared.sweep import PATIENCE_SECONDS
from support.argo_server import ArgoServer
from support.runs import bundle, recipe_files, send, started, tell


@pytest.fixture
def impatient(environment: pytest.MonkeyPatch) -> None:
    """Every run that has not ended counts as silent."""
    environment.setenv("OGDC_STALE_SECONDS", "0")


def node(number: int, phase: str = "Running", **fields: object) -> dict[str, object]:
    return {
        "id": f"node-{number}",
        "type": "Pod",
        "displayName": f"process({number}:{number})",
        "templateName": "process",
        "phase": phase,
        "inputs": {"parameters": [{"name": "partition", "value": str(number)}]},
    } | fields


class TestStatus:
    def test_status_returns_the_recorded_state(self, submit, status, argo_events, argo: ArgoServer):
        name = started(submit)
        for phase in ("Pending", "Running", "Succeeded"):
            tell(argo_events, argo.advance(name, phase))

            answer = status.get(f"/status/{name}").get_json()

            assert answer["recipe_workflow_name"] == name
            assert answer["status"] == phase
            assert datetime.fromisoformat(answer["timestamp"]).tzinfo is not None
        assert argo.called("get") == 0

    @pytest.mark.parametrize(
        "name",
        ["no-such-run", "UPPER", "a" * 64, "a b", "'; DROP TABLE runs; --", "{{x}}", "%00", "%ff", "."],
    )
    @pytest.mark.parametrize("path", ["/status/{}", "/output/{}", "/runs/{}", "/runs/{}/logs"])
    def test_an_unknown_run_is_404(self, status, path: str, name: str):
        response = status.get(path.format(name))

        assert response.status_code == 404
        assert "There is no" in response.get_json()["detail"]

    def test_without_a_database_it_is_503(self, serve, environment, tmp_path: Path):
        environment.setenv("OGDC_DB_HOST", str(tmp_path))

        response = serve("status").get("/status/some-run")

        assert response.status_code == 503
        assert response.headers["Retry-After"].isdecimal()
        assert str(tmp_path) not in response.text

    def test_an_error_about_missing_tables_reveals_no_details(
        self, serve, environment, empty_database_settings, caplog
    ):
        environment.setenv("OGDC_DB_NAME", str(empty_database_settings.name))

        response = serve("status").get("/status/some-run")

        assert response.status_code == 500
        detail = response.get_json()["detail"]
        assert "Internal error" in detail
        assert "schema" not in detail
        assert "schema" in caplog.text
        assert detail.split()[-1].rstrip(".") in caplog.text


class TestMending:
    """A run of which nothing was reported for a while is asked about at Argo."""

    pytestmark = pytest.mark.usefixtures("impatient")

    def test_reconciling_finds_changes_without_events(self, submit, status, argo: ArgoServer):
        name = started(submit)
        argo.advance(name, "Succeeded")

        assert status.get(f"/status/{name}").get_json()["status"] == "Succeeded"

    def test_a_run_that_has_ended_is_not_asked_about(self, submit, status, argo: ArgoServer):
        name = started(submit)
        argo.advance(name, "Failed")
        status.get(f"/status/{name}")
        asked = argo.called("get")

        status.get(f"/status/{name}")

        assert argo.called("get") == asked

    def test_a_run_whose_workflow_is_missing_becomes_an_error(self, submit, status, argo: ArgoServer):
        name = started(submit)
        argo.workflows.clear()

        answer = status.get(f"/runs/{name}").get_json()

        assert answer["status"] == "Error"
        assert "deleted" in answer["message"]

    @pytest.mark.parametrize("fault", ["refuse", "drop", "reject"])
    def test_without_argo_the_recorded_state_is_returned(self, submit, status, argo: ArgoServer, fault: str):
        name = started(submit)
        argo.faults["get"] = fault

        response = status.get(f"/status/{name}")

        assert response.status_code == 200
        assert response.get_json()["status"] == "Pending"

    def test_with_a_hanging_argo_the_recorded_state_is_returned(
        self, submit, serve, argo: ArgoServer, environment
    ):
        name = started(submit)
        argo.faults["get"] = "hang"
        environment.setenv("ARGO_TIMEOUT", "1")

        response = serve("status").get(f"/status/{name}")

        assert response.status_code == 200
        assert response.get_json()["status"] == "Pending"

    def test_a_run_not_yet_handed_over_is_not_an_error(self, submit, status, argo: ArgoServer):
        argo.faults["create"] = "refuse"
        name = send(submit).get_json()["detail"].split()[5].rstrip(".")

        assert status.get(f"/status/{name}").get_json()["status"] == "Pending"
        assert argo.called("get") == 0

    def test_the_sweep_reconciles_stale_runs(self, submit, status, argo: ArgoServer, environment):
        name = started(submit)
        argo.advance(name, "Running")

        swept = submit.post("/sweep").get_json()

        assert swept["refreshed"] == [name]

    def test_the_sweep_continues_after_a_run_that_cannot_be_reconciled(self, submit, argo: ArgoServer):
        files = recipe_files(output="temporary")
        names = [started(submit, files=files) for _ in range(3)]
        argo.workflows[names[1]]["status"] = {"phase": "Sideways"}

        swept = submit.post("/sweep").get_json()

        assert (swept["refreshed"], swept["left"]) == ([names[0], names[2]], [names[1]])

    def test_the_sweep_leaves_runs_beyond_its_time_limit_to_the_next_one(self, submit, environment):
        names = [started(submit, files=recipe_files(output="temporary")) for _ in range(3)]
        begun, first = 0.0, PATIENCE_SECONDS
        times = iter((begun, first))
        with environment.context() as clock:
            clock.setattr("ogdc_shared.sweep.monotonic", lambda: next(times, PATIENCE_SECONDS + 1))
            swept = submit.post("/sweep").get_json()

        assert (swept["refreshed"], swept["left"]) == (names[:1], names[1:])
        assert submit.post("/sweep").get_json()["left"] == []


def test_many_readers_of_a_stale_run_reconcile_it_once(
    serve, environment, submit, argo: ArgoServer, database: Database
):
    name = started(submit)
    with database.transaction() as conn:
        conn.execute(
            "UPDATE runs SET submitted_at = now() - interval '1 hour', handed_over_at = submitted_at"
        )
        conn.execute("UPDATE runs SET handed_over_at = submitted_at")
    status = serve("status")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: status.get(f"/status/{name}").status_code, range(32)))

    assert set(answers) == {200}
    assert argo.called("get") == 1


class TestRun:
    def test_everything_about_a_run(self, submit, status, argo_events, argo: ArgoServer):
        name = started(submit)
        nodes = [
            node(0, "Succeeded", progress="2/2", outputs={"exitCode": "0"}),
            node(
                1,
                "Failed",
                message="main: Error (exit code 1): command 2 of 2 failed",
                outputs={"exitCode": "1"},
            ),
        ]
        status_fields = {
            "nodes": {n["id"]: n for n in nodes},
            "progress": "1/2",
            "startedAt": "2026-11-01T10:00:00Z",
        }
        tell(argo_events, argo.advance(name, "Running", **status_fields))

        run = status.get(f"/runs/{name}").get_json()

        assert run["name"] == name
        assert (run["recipe_id"], run["recipe_name"], run["submitted_by"]) == (
            "seal-tags",
            "Seal tags",
            "anonymous",
        )
        assert (run["status"], run["progress"], run["started_at"]) == (
            "Running",
            "1/2",
            "2026-11-01T10:00:00+00:00",
        )
        assert len(run["snapshot"]) == 64
        assert run["task_counts"] == {"Succeeded": 1, "Failed": 1}
        assert [(t["partition"], t["phase"], t["exit_code"]) for t in run["tasks"]] == [
            (0, "Succeeded", 0),
            (1, "Failed", 1),
        ]
        assert run["tasks"][1]["message"] == "command 2 of 2 failed"
        assert "output" not in run["links"]

    def test_many_tasks_come_in_pages(self, submit, status, argo_events, argo: ArgoServer):
        name = started(submit)
        tell(argo_events, argo.advance(name, "Running", nodes={f"node-{i}": node(i) for i in range(1500)}))

        first = status.get(f"/runs/{name}").get_json()
        rest = status.get(f"/runs/{name}?task_offset=1000").get_json()
        none = status.get(f"/runs/{name}?task_limit=0").get_json()

        assert [t["partition"] for t in first["tasks"] + rest["tasks"]] == list(range(1500))
        assert none["tasks"] == []
        assert none["task_counts"] == {"Running": 1500}


class TestRuns:
    def test_runs_are_listed_newest_first_page_by_page(self, submit, status):
        names = [started(submit, files=recipe_files(output="temporary")) for _ in range(5)]
        seen: list[str] = []
        query = "limit=2"
        while query:
            page = status.get(f"/runs?{query}").get_json()
            seen += [run["name"] for run in page["runs"]]
            query = f"limit=2&before={page['next']}" if page["next"] else ""

        assert seen == names[::-1]

    def test_filters_select_runs_and_are_not_sql(self, submit, status, argo_events, argo: ArgoServer):
        seals = started(submit, files=recipe_files("Seals"))
        whales = started(submit, files=recipe_files("Whales"))
        tell(argo_events, argo.advance(whales, "Running"))

        def found(query: str) -> list[str]:
            return [run["name"] for run in status.get(f"/runs?{query}").get_json()["runs"]]

        assert found("recipe_id=seals") == [seals]
        assert found("status=Running") == [whales]
        assert found("submitted_by=anonymous") == [whales, seals]
        assert found("submitted_by=' OR 1=1 --") == []
        assert found("recipe_id=%00") == []

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=201", "limit=x", "limit=²", "status=running", "before=x", "before=%00", "limit="],
    )
    def test_a_query_out_of_range_is_400(self, status, query: str):
        response = status.get(f"/runs?{query}")

        assert response.status_code == 400
        assert response.get_json()["detail"]


class TestOutput:
    @pytest.fixture
    def name(self, submit) -> str:
        return started(submit, files=recipe_files(output="temporary"))

    @pytest.fixture
    def succeed(self, argo_events, argo: ArgoServer, artifacts: Path):
        def end(name: str, *, finished: str | None = None, keep: bool = True) -> None:
            when = finished or datetime.now().astimezone().isoformat(timespec="seconds")
            if keep:
                zip_file = artifacts / output_key(name, "seal-tags")
                zip_file.parent.mkdir(parents=True)
                zip_file.write_bytes(b"zip")
            tell(argo_events, argo.advance(name, "Succeeded", finishedAt=when))

        return end

    def test_an_output_link_has_a_path_ending_in_zip(self, status, name: str, succeed):
        succeed(name)

        response = status.get(f"/output/{name}")

        assert response.status_code == 200
        assert urlsplit(response.get_json()["data_url"]).path.endswith(f"/{name}/output/seal-tags.zip")
        assert status.get(f"/runs/{name}").get_json()["links"]["output"] == f"/output/{name}"

    def test_the_output_of_an_unfinished_run_is_409(self, status, name: str):
        response = status.get(f"/output/{name}")

        assert response.status_code == 409
        assert "Pending" in response.get_json()["detail"]

    @pytest.mark.parametrize("phase", ["Failed", "Error"])
    def test_the_output_of_a_failed_run_is_409_with_the_reason(
        self, status, argo_events, argo: ArgoServer, name: str, phase: str
    ):
        tell(argo_events, argo.advance(name, phase, message="command 1 of 1 failed"))

        response = status.get(f"/output/{name}")

        assert response.status_code == 409
        assert "command 1 of 1 failed" in response.get_json()["detail"]

    def test_the_output_of_a_run_that_publishes_to_the_volume_is_404(self, submit, status):
        response = status.get(f"/output/{started(submit)}")

        assert response.status_code == 404
        assert "seal-tags/" in response.get_json()["detail"]

    def test_an_output_that_was_removed_is_410(self, status, name: str, succeed):
        succeed(name, keep=False)

        assert status.get(f"/output/{name}").status_code == 410

    def test_an_expired_output_is_410(self, status, name: str, succeed):
        succeed(name, finished="2026-01-01T00:00:00Z")

        response = status.get(f"/output/{name}")

        assert response.status_code == 410
        assert "7 days" in response.get_json()["detail"]

    def test_the_sweep_removes_what_has_expired(self, submit, status, name: str, succeed, artifacts: Path):
        succeed(name, finished="2026-01-01T00:00:00Z")

        assert submit.post("/sweep").get_json()["expired"] == [name]
        assert not (artifacts / output_key(name, "seal-tags")).exists()
        assert (artifacts / plan_key(name)).exists()
        assert status.get(f"/output/{name}").status_code == 410
        assert submit.post("/sweep").get_json()["expired"] == []

    def test_the_sweep_keeps_outputs_that_have_not_expired(self, submit, status, name: str, succeed):
        succeed(name)

        assert submit.post("/sweep").get_json()["expired"] == []
        assert status.get(f"/output/{name}").status_code == 200


class TestLogs:
    def test_log_lines_have_the_name_of_their_task(self, submit, status, argo: ArgoServer):
        name = started(submit)
        argo.logs[name] = [(f"{name}-process-1", "first"), (f"{name}-process-1", "zweite Zeile ü")]

        response = status.get(f"/runs/{name}/logs")

        assert response.text == "[process-1] first\n[process-1] zweite Zeile ü\n"
        assert response.content_type == "text/plain; charset=utf-8"

    def test_only_the_last_lines_are_returned_if_requested(self, submit, status, argo: ArgoServer):
        name = started(submit)
        argo.logs[name] = [(f"{name}-process-1", str(number)) for number in range(100)]

        assert status.get(f"/runs/{name}/logs?tail=2").text == "[process-1] 98\n[process-1] 99\n"

    def test_the_logs_of_a_run_without_output_are_empty(self, submit, status):
        response = status.get(f"/runs/{started(submit)}/logs")

        assert (response.status_code, response.text) == (200, "")

    def test_the_logs_of_a_deleted_workflow_are_410(self, submit, status, argo_events, argo: ArgoServer):
        name = started(submit)
        tell(argo_events, argo.advance(name, "Succeeded"), kind="delete")

        assert status.get(f"/runs/{name}/logs").status_code == 410

    def test_the_logs_are_503_without_argo(self, submit, status, argo: ArgoServer):
        name = started(submit)
        argo.faults["log"] = "refuse"

        assert status.get(f"/runs/{name}/logs").status_code == 503


class TestAccessModes:
    def test_everybody_may_read_a_read_only_deployment(self, serve, environment):
        environment.setenv("ACCESS_MODE", "read_only")

        assert serve("status").get("/runs").status_code == 200

    @pytest.mark.parametrize("path", ["/runs", "/status/x", "/output/x"])
    def test_logging_in_is_not_offered_yet(self, serve, environment, path: str):
        environment.setenv("ACCESS_MODE", "authenticated")

        assert serve("status").get(path).status_code == 401

    @pytest.mark.parametrize("path", ["/version", "/healthz", "/openapi.json", "/"])
    def test_service_information_is_public(self, serve, environment, path: str):
        environment.setenv("ACCESS_MODE", "authenticated")

        assert serve("status").get(path).status_code == 200


def test_the_service_says_its_version(status):
    assert status.get("/version").get_json()["ogdc_runner_version"]


def test_a_head_request_is_a_get_without_a_body(status):
    response = status.head("/version")

    assert (response.status_code, response.data) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/runs", 405),
        ("PROPFIND", "/runs", 405),
        ("GET", "/submit", 405),
        ("DELETE", "/runs/x/cancel", 405),
        ("GET", "/nothing", 404),
        ("GET", "/robots.txt", 404),
        ("POST", "/favicon.ico", 404),
        ("GET", "/runs/a%0Ab", 404),
        ("GET", "/%00", 404),
    ],
)
def test_what_is_not_offered_is_refused_as_json(status, method: str, path: str, code: int):
    response = status.open(path, method=method)

    assert response.status_code == code
    assert response.get_json()["detail"]


def test_unexpected_bodies_are_limited(status):
    response = status.get("/version", data=bytes(2 << 20), content_type="application/gzip")

    assert response.status_code == 413
    assert response.get_json()["detail"]


def test_responses_follow_the_openapi_document(submit, status, argo_events, argo: ArgoServer):
    import jsonschema

    name = started(submit)
    tell(argo_events, argo.advance(name, "Running", nodes={"n": node(0)}))
    document = status.get("/openapi.json").get_json()

    def check(path: str, response) -> None:
        operation = document["paths"][path][response.request.method.lower()]
        described = operation["responses"][str(response.status_code)]["content"]["application/json"]["schema"]
        jsonschema.validate(response.get_json(), described | {"components": document["components"]})

    check("/status/{name}", status.get(f"/status/{name}"))
    check("/runs/{name}", status.get(f"/runs/{name}"))
    check("/runs", status.get("/runs"))
    check("/runs", status.get("/runs?limit=x"))
    check("/output/{name}", status.get(f"/output/{name}"))
    check("/version", status.get("/version"))
    check("/healthz", status.get("/healthz"))
    check("/submit", send(submit, files=recipe_files("Other")))
    check("/submit", submit.post("/submit", data=b"x"))
    check("/validate", submit.post("/validate", data=bundle(recipe_files()), content_type="application/gzip"))
    check("/runs/{name}/cancel", submit.post(f"/runs/{name}/cancel"))
    check("/runs/{name}/retry", submit.post(f"/runs/{name}/retry"))
    check("/sweep", submit.post("/sweep"))
