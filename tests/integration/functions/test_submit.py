"""POST /submit: accepted and rejected requests, and what an outage leaves behind."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ogdc_shared.db.database import Database
from ogdc_shared.db.runs import get_run, list_runs
from ogdc_shared.layout import plan_key
from ogdc_shared.plan import Plan
from support.argo_server import ArgoServer
from support.disk_log import DiskLog
from support.packs import stored_partition
from support.runs import bundle, recipe_files, send, started, tell


def stored(artifacts: Path, folder: str = "runs") -> list[Path]:
    return [path for path in (artifacts / folder).rglob("*") if path.is_file()]


def recorded(database: Database) -> list[str]:
    with database.transaction() as conn:
        return [run.name for run in list_runs(conn).runs]


def test_a_submitted_bundle_becomes_a_recorded_run_at_argo(submit, argo: ArgoServer, database: Database):
    response = send(submit, OGDC_User="anna")

    answer = response.get_json()
    name = answer["recipe_workflow_name"]
    assert response.status_code == 200
    assert name in answer["message"]
    assert argo.workflows[name]["metadata"]["labels"]["ogdc/recipe-id"] == "seal-tags"
    with database.transaction() as conn:
        run = get_run(conn, name)
    assert (str(run.id), run.status, run.submitted_by) == (answer["run_id"], "Pending", "anna")
    assert run.recipe_path is None
    assert run.workflow_uid == argo.workflows[name]["metadata"]["uid"]


def test_a_submission_stores_the_artifacts_that_tasks_read(submit, artifacts: Path, argo: ArgoServer):
    name = started(submit)

    plan = Plan.from_json((artifacts / plan_key(name)).read_bytes())
    partition = stored_partition(artifacts, name)
    process = next(t for t in argo.workflows[name]["spec"]["templates"] if t["name"] == "process")
    snapshot = next(a["s3"]["key"] for a in process["inputs"]["artifacts"] if a["name"] == "recipe")
    assert [command.text for command in plan.commands] == ["cp /input_dir/data.csv /output_dir/"]
    assert [(file.source, file.kind) for file in partition.files] == [("data.csv", "recipe")]
    assert (artifacts / snapshot).is_file()


def test_a_run_is_recorded_after_its_artifacts_are_on_disk(
    submit, artifacts: Path, database: Database, monkeypatch: pytest.MonkeyPatch
):
    log, synced = DiskLog(monkeypatch), os.fsync
    recorded_at_sync: list[list[str]] = []

    def sync(descriptor: int) -> None:
        recorded_at_sync.append(recorded(database))
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    name = started(submit)

    assert recorded(database) == [name]
    assert {*map(tuple, recorded_at_sync)} == {()}
    files = [*stored(artifacts), *stored(artifacts, "recipes")]
    assert len(files) == 4
    for path in files:
        assert log.has(log.sync(path), log.rename(path), log.sync(path.parent))
    assert log.has(log.sync(artifacts / "runs"))


def test_equal_recipes_share_one_snapshot(submit, artifacts: Path):
    started(submit, files=recipe_files(output="temporary"))
    started(submit, files=recipe_files(output="temporary"))

    assert len(stored(artifacts, "recipes")) == 1


def test_a_location_is_read_where_the_deployment_allows_it(
    serve, environment, tmp_path: Path, database: Database
):
    environment.setenv("OGDC_ALLOW_LOCAL_RECIPES", "true")
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    for file, text in recipe_files().items():
        (recipe / file).write_text(text)

    response = serve("submit").post("/submit", json={"recipe_path": str(recipe), "overwrite": False})

    assert response.status_code == 200
    with database.transaction() as conn:
        assert get_run(conn, response.get_json()["recipe_workflow_name"]).recipe_path == str(recipe)


@pytest.mark.parametrize(
    ("query", "body", "overwrite"),
    [
        ("?overwrite=true", {}, True),
        ("?overwrite=true", {"overwrite": True}, True),
        ("", {"overwrite": True}, True),
        ("?overwrite=false", {}, False),
        ("", {}, False),
    ],
)
def test_overwrite_is_accepted_in_query_and_body(
    serve, environment, tmp_path: Path, argo: ArgoServer, query: str, body: dict, overwrite: bool
):
    environment.setenv("OGDC_ALLOW_LOCAL_RECIPES", "true")
    for file, text in recipe_files().items():
        (tmp_path / file).write_text(text)

    response = serve("submit").post(f"/submit{query}", json={"recipe_path": str(tmp_path)} | body)

    publish = argo.workflows[response.get_json()["recipe_workflow_name"]]["spec"]["templates"][-1]
    assert ("--overwrite" in publish["container"]["args"]) is overwrite


@pytest.mark.parametrize("query", ["overwrite=true", "overwrite=maybe"])
def test_overwrite_that_contradicts_itself_is_refused(submit, query: str):
    asked = {"recipe_path": "github://o:r@main/x", "overwrite": False}
    response = submit.post(f"/submit?{query}", json=asked)

    assert response.status_code == 400
    assert "overwrite" in response.get_json()["detail"]


def test_a_directory_of_the_service_is_not_read(submit, tmp_path: Path):
    response = submit.post("/submit", json={"recipe_path": str(tmp_path)})

    assert response.status_code == 403
    assert str(tmp_path) in response.get_json()["detail"]


def test_a_leading_api_and_a_trailing_slash_make_no_difference(submit):
    assert send(submit, "/api/submit/").status_code == 200


@pytest.mark.parametrize("compression", ["application/gzip", "application/x-gzip", "application/gzip; x=y"])
def test_all_content_types_of_bundles_are_accepted(submit, compression: str):
    response = submit.post("/submit", data=bundle(recipe_files()), content_type=compression)

    assert response.status_code == 200


def test_a_bundle_may_have_one_top_level_directory(submit):
    assert (
        send(submit, files={f"recipe/{name}": text for name, text in recipe_files().items()}).status_code
        == 200
    )


class TestRefusals:
    """Clear 4xx, and nothing left behind."""

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, submit, artifacts: Path, argo: ArgoServer, database: Database):
        yield
        assert stored(artifacts) == []
        assert recorded(database) == []
        assert argo.workflows == {}

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            (b"", "JSON"),
            (b"{", "JSON"),
            (b"[]", "recipe_path"),
            (b"[" * 60_000, "JSON"),
            (b"\xff", "JSON"),
            (b"{}", "recipe_path"),
            (b'{"recipe_path": null}', "recipe_path"),
            (b'{"recipe_path": 5}', "recipe_path"),
            (b'{"recipe_path": ""}', "location"),
            (b'{"recipe_path": "a\\u0000b"}', "location"),
            (b'{"recipe_path": "github://o:r@main/x", "overwrite": "yes"}', "overwrite"),
            (b'{"recipe_path": "github://o:r@main/x", "overwite": true}', "overwrite"),
        ],
    )
    def test_an_unreadable_body_is_rejected(self, submit, body: bytes, named: str):
        response = submit.post("/submit", data=body, content_type="application/json")

        assert response.status_code == 400
        assert named in response.get_json()["detail"]

    def test_an_unsupported_content_type_is_rejected(self, submit):
        response = submit.post("/submit", data=b"x", content_type="text/plain")

        assert response.status_code == 400
        assert "application/gzip" in response.get_json()["detail"]

    @pytest.mark.parametrize("data", [b"", b"no archive", bundle({})[:20], bundle({"../x": "y"})])
    def test_a_bundle_that_cannot_be_unpacked_is_rejected(self, submit, data: bytes):
        response = submit.post("/submit", data=data, content_type="application/gzip")

        assert response.status_code == 422

    def test_a_bundle_that_is_too_large_is_rejected(self, submit):
        response = submit.post("/submit", data=bytes((64 << 20) + 1), content_type="application/gzip")

        assert response.status_code == 413
        assert response.get_json()["detail"]

    def test_json_that_is_too_large_is_rejected(self, submit):
        response = submit.post("/submit", data=b'"' + b"x" * 70_000 + b'"', content_type="application/json")

        assert response.status_code == 413

    @pytest.mark.parametrize(
        ("files", "status", "named"),
        [
            (recipe_files(meta_yml=None), 404, "meta.yml"),
            (recipe_files(meta_yml=""), 422, "meta.yml"),
            (recipe_files(meta_yml="- a"), 422, "meta.yml"),
            (recipe_files(recipe_sh=None), 422, "recipe.sh"),
            (recipe_files(recipe_sh="for x in a; do\n"), 422, "line 1"),
            (recipe_files(data_csv=None), 422, "data.csv"),
            (recipe_files("no; rm -rf /"), 422, "name"),
            (recipe_files(output="nowhere"), 422, "output"),
            (recipe_files(output="dataone"), 422, "the recipe has no `metadata`"),
        ],
    )
    def test_a_recipe_that_cannot_run_is_rejected(
        self, submit, files: dict[str, str], status: int, named: str
    ):
        response = send(submit, files=files)

        assert response.status_code == status
        assert named in response.get_json()["detail"]

    @pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
    def test_an_invalid_idempotency_key_is_rejected(self, submit, key: str):
        assert send(submit, Idempotency_Key=key).status_code == 400

    @pytest.mark.parametrize("user", ["", " ", "x" * 129, "tab\there", "\xe9"])
    def test_an_empty_user_name_is_rejected(self, submit, user: str):
        assert send(submit, OGDC_User=user).status_code == 400


class TestConflicts:
    """Answered from the record, at once, with 409."""

    def test_a_recipe_runs_once_at_a_time(self, submit, artifacts: Path, argo: ArgoServer):
        name = started(submit)
        before = stored(artifacts)

        response = send(submit)

        assert response.status_code == 409
        assert name in response.get_json()["detail"]
        assert stored(artifacts) == before
        assert argo.called("create") == 1

    def test_published_data_are_replaced_only_with_overwrite_set(self, submit, argo_events, argo: ArgoServer):
        name = started(submit)
        tell(argo_events, argo.advance(name, "Succeeded"))

        refused = send(submit)
        replaced = send(submit, "/submit?overwrite=true")

        assert refused.status_code == 409
        assert "overwrite" in refused.get_json()["detail"]
        assert replaced.status_code == 200
        publish = argo.workflows[replaced.get_json()["recipe_workflow_name"]]["spec"]["templates"][-1]
        assert "--overwrite" in publish["container"]["args"]

    def test_two_runs_with_a_temporary_output_may_be_active_at_once(self, submit):
        files = recipe_files(output="temporary")

        assert started(submit, files=files) != started(submit, files=files)

    def test_two_names_do_not_share_an_id(self, submit):
        started(submit, files=recipe_files("Seal tags"))

        response = send(submit, files=recipe_files("seal-tags"))

        assert response.status_code == 409
        assert "Seal tags" in response.get_json()["detail"]

    def test_one_of_many_concurrent_submissions_is_started(self, submit, argo: ArgoServer):
        with ThreadPoolExecutor(6) as pool:
            answers = [r.status_code for r in pool.map(lambda _: send(submit), range(6))]

        assert sorted(answers) == [200, 409, 409, 409, 409, 409]
        assert len(argo.workflows) == 1


class TestIdempotencyKey:
    """A repeated request is answered with the first one's run."""

    def test_a_repeated_request_gets_the_first_response(self, submit, argo: ArgoServer):
        first = send(submit, Idempotency_Key="k1")
        again = send(submit, Idempotency_Key="k1")

        assert again.get_json() == first.get_json()
        assert argo.called("create") == 1

    def test_a_repeated_request_gets_the_same_advice(self, submit, artifacts: Path):
        files = recipe_files(recipe_sh="curl -fO https://example.org/x\n")
        first = send(submit, files=files, Idempotency_Key="k1")
        again = send(submit, files=files, Idempotency_Key="k1")

        assert "takes a network" in first.get_json()["advice"][0]
        assert again.get_json() == first.get_json()

    def test_a_repeated_request_is_answered_without_its_snapshot(self, submit, artifacts: Path):
        first = send(submit, Idempotency_Key="k1")
        for snapshot in stored(artifacts, "recipes"):
            snapshot.unlink()

        assert send(submit, Idempotency_Key="k1").get_json()["run_id"] == first.get_json()["run_id"]

    def test_concurrent_repeated_requests_create_one_run(self, submit, argo: ArgoServer, artifacts: Path):
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: send(submit, Idempotency_Key="k1"), range(6)))

        assert {r.status_code for r in answers} == {200}
        assert len({r.get_json()["run_id"] for r in answers}) == 1
        assert len(argo.workflows) == 1
        assert {path.relative_to(artifacts / "runs").parts[0] for path in stored(artifacts)} == set(
            argo.workflows
        )

    def test_another_request_under_the_same_key_is_refused(self, submit):
        send(submit, Idempotency_Key="k1")

        other = send(submit, "/submit?overwrite=true", Idempotency_Key="k1")

        assert other.status_code == 400
        assert "Idempotency-Key" in other.get_json()["detail"]

    def test_two_callers_may_use_one_key(self, submit):
        files = recipe_files(output="temporary")
        anna = send(submit, files=files, Idempotency_Key="k1", OGDC_User="anna")
        bert = send(submit, files=files, Idempotency_Key="k1", OGDC_User="bert")

        assert anna.get_json()["run_id"] != bert.get_json()["run_id"]


class TestArgoAway:
    """What certainly did not get to Argo leaves nothing behind; what may have stays and is finished."""

    def test_a_refused_connection_leaves_nothing_behind(
        self, serve, environment, argo: ArgoServer, artifacts: Path, database: Database
    ):
        environment.setenv("ARGO_WORKFLOWS_SERVICE_URL", "http://127.0.0.1:9")

        response = send(serve("submit"))

        assert response.status_code == 503
        assert response.headers["Retry-After"].isdecimal()
        assert recorded(database) == []
        assert stored(artifacts) == []

    def test_a_workflow_that_argo_does_not_take_leaves_nothing_behind(
        self, submit, argo: ArgoServer, artifacts: Path, database: Database
    ):
        argo.faults["create"] = "reject"

        response = send(submit)

        assert response.status_code == 500
        assert "cannot be accepted" not in response.text
        assert recorded(database) == []
        assert stored(artifacts) == []

    @pytest.mark.parametrize("fault", ["drop", "hang", "refuse"])
    def test_a_run_that_may_have_reached_argo_is_kept_and_reported(
        self, serve, environment, argo: ArgoServer, database: Database, artifacts: Path, fault: str
    ):
        argo.faults["create"] = fault
        if fault == "hang":
            environment.setenv("ARGO_TIMEOUT", "1")

        response = send(serve("submit"))

        assert response.status_code == 503
        (name,) = recorded(database)
        assert name in response.get_json()["detail"]
        assert (artifacts / plan_key(name)).is_file()

    @pytest.mark.parametrize("fault", ["drop", "refuse"])
    def test_a_repeated_request_completes_the_handover(
        self, submit, argo: ArgoServer, database: Database, fault: str
    ):
        argo.faults["create"] = fault
        send(submit, Idempotency_Key="k1")
        argo.faults.clear()

        response = send(submit, Idempotency_Key="k1")

        assert response.status_code == 200
        assert recorded(database) == [response.get_json()["recipe_workflow_name"]] == list(argo.workflows)

    def test_the_sweep_completes_the_handover(self, submit, argo: ArgoServer, database: Database):
        argo.faults["create"] = "refuse"
        send(submit)
        argo.faults.clear()

        swept = submit.post("/sweep?unsent_for=0").get_json()

        assert swept == {
            "sent": recorded(database),
            "refreshed": [],
            "expired": [],
            "triggered": [],
            "notified": [],
            "removed": [],
            "left": [],
        }
        assert list(argo.workflows) == swept["sent"]
        assert submit.post("/sweep?unsent_for=0").get_json()["sent"] == []


def test_a_submission_succeeds_even_if_the_handover_cannot_be_recorded(
    submit, argo: ArgoServer, database: Database
):
    def lose_the_table() -> None:
        with database.transaction() as conn:
            conn.execute("ALTER TABLE runs RENAME TO lost")

    argo.after_create = lose_the_table
    response = send(submit)
    with database.transaction() as conn:
        conn.execute("ALTER TABLE lost RENAME TO runs")

    assert response.status_code == 200
    assert recorded(database) == list(argo.workflows)
    assert submit.post("/sweep?unsent_for=0").get_json()["sent"] == recorded(database)
    assert submit.post("/sweep?unsent_for=0").get_json()["sent"] == []


def test_without_a_database_nothing_is_started(serve, environment, argo: ArgoServer, artifacts: Path):
    environment.setenv("OGDC_DB_HOST", str(artifacts.parent))

    response = send(serve("submit"))

    assert response.status_code == 503
    assert "Retry-After" in response.headers
    assert "database" in response.get_json()["detail"]
    assert stored(artifacts) == []
    assert argo.workflows == {}


def test_without_space_for_artifacts_no_run_is_started(
    submit, argo: ArgoServer, artifacts: Path, database: Database
):
    artifacts.mkdir()
    (artifacts / "runs").write_text("a file where a directory has to be")

    response = send(submit)

    assert response.status_code == 503
    assert str(artifacts) not in response.text
    assert recorded(database) == []
    assert argo.workflows == {}


class TestValidate:
    def test_a_valid_recipe_is_described(self, submit, database: Database, argo: ArgoServer):
        response = send(submit, "/validate")

        assert response.status_code == 200
        assert response.get_json() == {
            "message": "Recipe seal-tags is valid.",
            "recipe_id": "seal-tags",
            "recipe_name": "Seal tags",
            "commands": 1,
            "advice": [],
        }
        assert recorded(database) == []
        assert argo.calls == []

    def test_every_problem_is_reported(self, submit):
        response = send(submit, "/validate", files=recipe_files(recipe_sh=None, data_csv=None))

        detail = response.get_json()["detail"]
        assert response.status_code == 422
        assert "recipe.sh" in detail
        assert "data.csv" in detail

    def test_validating_needs_no_database(self, serve, environment, tmp_path: Path):
        environment.setenv("OGDC_DB_HOST", str(tmp_path))

        assert send(serve("submit"), "/validate").status_code == 200


class TestAccessModes:
    def test_a_read_only_deployment_starts_nothing(self, serve, environment):
        environment.setenv("ACCESS_MODE", "read_only")
        submit = serve("submit")

        assert send(submit).status_code == 403
        assert submit.post("/sweep").status_code == 200
        assert send(submit, "/validate").status_code == 200

    def test_submissions_require_authentication(self, serve, environment):
        environment.setenv("ACCESS_MODE", "authenticated")

        response = send(serve("submit"))

        assert response.status_code == 401
        assert "You are not logged in, and this deployment requires it." in response.get_json()["detail"]
        assert response.headers["WWW-Authenticate"].startswith("Bearer resource_metadata=")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/submit", 405),
        ("POST", "/nothing", 404),
        ("GET", "/", 404),
        ("DELETE", "/runs/x/cancel", 405),
    ],
)
def test_what_is_not_offered_is_refused_as_json(submit: FlaskClient, method: str, path: str, status: int):
    response = submit.open(path, method=method)

    assert response.status_code == status
    assert json.loads(response.data)["detail"]
    assert (status == 405) == ("Allow" in response.headers)


def test_a_user_who_has_a_new_id_can_submit_again(submit, database: Database):
    assert send(submit, files={"meta.yml": ""}, OGDC_User="anna").status_code == 422
    with database.transaction() as conn:
        conn.execute("UPDATE users SET id = gen_random_uuid() WHERE name = 'anna'")

    answers = [send(submit, OGDC_User="anna") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 200]
