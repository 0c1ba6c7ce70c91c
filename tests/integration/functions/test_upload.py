"""POST of events of object stores: one upload starts one run, with any number of events about it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from ogdc_shared.config import Settings
from ogdc_shared.context import Context
from ogdc_shared.db.database import Database
from ogdc_shared.db.runs import list_runs
from ogdc_shared.layout import plan_key
from ogdc_shared.plan import Plan
from ogdc_shared.sweep import sweep
from ogdc_shared.triggers.uploads import resume_uploads
from support import recipes, uploads
from support.accounts import Member, member
from support.argo_server import ArgoServer
from support.http import FileServer
from support.packs import stored_partition
from support.runs import bundle, recipe_files, send, tell
from support.uploads import SHAPES, Message, Object

RETRIED_BY_KNATIVE = {404, 408, 409, 429}


@pytest.fixture
def site(tmp_path: Path):
    """Where recipes are fetched from."""
    directory = tmp_path / "site"
    directory.mkdir()
    with FileServer(directory) as server:
        yield server


@pytest.fixture
def trigger(submit, site: FileServer) -> Callable[..., dict[str, Any]]:
    """Add a trigger of a recipe with temporary output, or of another."""

    def add(name: str = "new-data", *, files: dict[str, str] | None = None, **asked: Any) -> dict[str, Any]:
        (site.directory / f"{name}.tar.gz").write_bytes(bundle(files or recipe_files(output="temporary")))
        asked = {
            "name": name,
            "bucket": "uploads",
            "pattern": "incoming/**",
            "recipe_path": f"{site.url}/{name}.tar.gz",
        } | asked
        response = submit.post("/triggers", json=asked, headers={"OGDC-User": "anna"})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.get_json()
        return answer

    return add


def post(client: FlaskClient, message: Message, *, path: str = "/") -> TestResponse:
    return client.post(path, data=message.body, headers=message.headers | {"Accept": "application/json"})


def outcomes(response: TestResponse) -> list[str]:
    assert response.status_code == 200, response.text
    return [outcome["outcome"] for outcome in response.get_json()["uploads"]]


def runs(database: Database) -> list[str]:
    with database.transaction() as conn:
        return [run.name for run in list_runs(conn).runs]


def context_of(environment: pytest.MonkeyPatch) -> Context:
    return Context(Settings.from_env())


class TestOwners:
    """Where callers log in, what an upload starts is its trigger's owner's, as long as they may submit."""

    @pytest.fixture
    def environment(self, environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        environment.setenv("ACCESS_MODE", "authenticated")
        return environment

    @pytest.fixture
    def anna(self, database: Database, submit, site: FileServer) -> Member:
        """Somebody with a trigger."""
        (site.directory / "r.tar.gz").write_bytes(bundle(recipe_files(output="temporary")))
        anna = member(database, "anna")
        asked = {"name": "new-data", "bucket": "uploads", "recipe_path": f"{site.url}/r.tar.gz"}
        answer = submit.post("/triggers", json=asked | {"pass_object": False}, headers=anna.headers)
        assert answer.status_code == 200, answer.text
        return anna

    def change(self, database: Database, change: str) -> None:
        with database.autocommit() as conn:
            conn.execute(f"UPDATE users SET {change} WHERE name = 'anna'")

    def test_the_run_of_an_upload_belongs_to_the_owner_of_the_trigger(self, upload, status, anna):
        [outcome] = post(upload, uploads.minio(Object())).get_json()["uploads"]
        run = status.get(f"/runs/{outcome['run']}", headers=anna.headers).get_json()

        assert (outcome["outcome"], run["submitted_by"]) == ("started", "anna")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [("disabled_at = now()", "anna is disabled"), ("role = 'viewer'", "requires the role submitter")],
    )
    def test_an_owner_who_lost_the_permission_starts_nothing(
        self, upload, status, database, anna, change: str, reason: str
    ):
        self.change(database, change)
        other = member(database, "bert")
        [outcome] = post(upload, uploads.minio(Object())).get_json()["uploads"]
        [shown] = status.get("/triggers/new-data", headers=other.headers).get_json()["uploads"]

        assert (outcome["outcome"], shown["outcome"], shown["run"]) == ("refused", "refused", None)
        assert reason in shown["message"]
        assert runs(database) == []

    def test_an_unauthenticated_owner_starts_nothing(self, upload, database, anna):
        self.change(database, "issuer = 'open', role = NULL")
        [outcome] = post(upload, uploads.minio(Object())).get_json()["uploads"]

        assert outcome["outcome"] == "refused"
        assert "has no role" in outcome["message"]

    def test_an_upload_over_the_limit_waits(self, serve, database, environment, anna):
        environment.setenv("OGDC_MAX_QUEUED_RUNS", "1")
        upload_service = serve("upload")
        first, second = (
            post(upload_service, uploads.minio(Object(key=f"{number}.tif"))).get_json()["uploads"][0]
            for number in (1, 2)
        )
        assert (first["outcome"], second["outcome"]) == ("started", "waiting")
        assert "OGDC_MAX_QUEUED_RUNS" in second["message"]
        with database.autocommit() as conn:
            conn.execute("UPDATE runs SET phase = 'Succeeded'")

        context = context_of(environment)
        assert len(resume_uploads(context, deadline=float("inf"), untried_for=0)) == 1
        context.close()


class TestOneRun:
    @pytest.mark.parametrize("shape", [*SHAPES, "google", "camel"])
    def test_every_form_of_event_about_an_upload_starts_one_run(
        self, upload, trigger, argo: ArgoServer, shape: str
    ):
        trigger(base_url="https://data.example.org/uploads")
        message = {"google": uploads.google, "camel": uploads.camel, **SHAPES}[shape](Object())

        response = post(upload, message)

        (outcome,) = response.get_json()["uploads"]
        assert (outcome["trigger"], outcome["outcome"]) == ("new-data", "started")
        assert list(argo.workflows) == [outcome["run"]]

    @pytest.mark.parametrize("path", ["/", "/events/upload", "/api/events/upload"])
    def test_a_repeated_event_starts_one_run(self, upload, trigger, database: Database, path: str):
        trigger(pass_object=False)
        message = uploads.minio(Object())

        assert outcomes(post(upload, message, path=path)) == ["started"]
        assert outcomes(post(upload, message, path=path)) == ["known"]
        assert len(runs(database)) == 1

    def test_events_of_all_forms_about_one_upload_start_one_run(self, upload, trigger, database: Database):
        trigger(pass_object=False)
        message = [shape(Object(version="v1")) for shape in SHAPES.values()] * 2
        random.Random(7).shuffle(message)

        assert sorted(outcome for each in message for outcome in outcomes(post(upload, each))) == [
            *["known"] * (len(message) - 1),
            "started",
        ]

    def test_events_with_and_without_versions_start_one_run(self, upload, trigger):
        trigger(pass_object=False)
        thing = Object(version="v1")

        assert outcomes(post(upload, uploads.minio(thing))) == ["started"]
        assert outcomes(post(upload, uploads.triggermesh(thing._replace(version=None)))) == ["known"]

    def test_concurrent_events_start_one_run(self, upload, trigger, database: Database):
        trigger(pass_object=False)
        message = uploads.minio(Object())

        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda _: outcomes(post(upload, message)), range(12)))

        assert len(runs(database)) == 1
        assert {outcome for answer in answers for outcome in answer} == {"started", "known"}

    def test_an_upload_starts_a_run_for_each_trigger(self, upload, trigger, database: Database):
        trigger("one", pass_object=False)
        trigger("two", pass_object=False, files=recipe_files("Others", output="temporary"))

        assert outcomes(post(upload, uploads.minio(Object()))) == ["started"] * 2
        assert len(runs(database)) == 2

    def test_each_of_several_objects_starts_a_run(self, upload, trigger, database: Database):
        trigger(pass_object=False)
        records = [uploads.record(Object(key=f"incoming/{n}", etag=str(n))) for n in range(3)]

        assert outcomes(post(upload, uploads.plain({"Records": records}))) == ["started"] * 3

    @pytest.mark.parametrize(
        "again", [{"etag": "0" * 32}, {"version": "v2"}, {"key": "incoming/else.csv"}], ids=str
    )
    def test_another_upload_starts_another_run(self, upload, trigger, again: dict[str, str]):
        trigger(pass_object=False)
        first = Object(version="v1" if "version" in again else None)

        assert outcomes(post(upload, uploads.minio(first))) == ["started"]
        second = first._replace(**again, request="ANOTHER")
        assert outcomes(post(upload, uploads.minio(second))) == ["started"]

    def test_a_crash_between_the_run_and_its_note_starts_no_second_run(
        self, upload, trigger, database: Database
    ):
        trigger(pass_object=False)
        message = uploads.minio(Object())
        post(upload, message)
        with database.transaction() as conn:
            conn.execute("UPDATE uploads SET outcome = 'waiting', run_id = NULL")

        assert outcomes(post(upload, message)) == ["started"]
        assert len(runs(database)) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_repetition_starts_one_run_for_each_upload(
    upload, trigger, database: Database, data: st.DataObject
):
    with database.transaction() as conn:
        conn.execute("TRUNCATE triggers, uploads, runs CASCADE")
    trigger(pass_object=False)
    things = [
        Object(key=f"incoming/{key}", etag=etag, version=version, request=f"{key}{etag}{version}")
        for key in "ab"
        for etag, version in [("1" * 32, "v1"), ("2" * 32, "v2")]
    ]
    deliveries = data.draw(
        st.lists(st.tuples(st.sampled_from(things), st.sampled_from(sorted(SHAPES))), max_size=12)
    )

    for thing, shape in deliveries:
        post(upload, SHAPES[shape](thing))

    assert len(runs(database)) == len({thing for thing, _ in deliveries})


class TestWhatARunIsGiven:
    def test_a_run_gets_the_object_as_an_input(self, upload, trigger, artifacts: Path, argo: ArgoServer):
        trigger(base_url="https://data.example.org/uploads/")
        thing = Object(version="a b")

        post(upload, uploads.minio(thing))

        (name,) = argo.workflows
        own, given = stored_partition(artifacts, name).files
        assert own.kind == "recipe"
        assert given.source == (
            "https://data.example.org/uploads/incoming/2026/sea%20ice%2Bsnow.csv?versionId=a+b"
        )
        assert (given.kind, given.name, given.size) == ("url", "sea ice+snow.csv", 12)

    def test_a_run_gets_only_the_object(self, upload, trigger, submit, artifacts: Path, argo: ArgoServer):
        meta = json.loads(recipe_files(output="temporary")["meta.yml"])
        meta["input"] = {"params": [{"type": "upload"}]}
        files = recipe_files(output="temporary", meta_yml=json.dumps(meta))
        trigger(files=files, base_url="https://data.example.org")

        assert outcomes(post(upload, uploads.minio(Object()))) == ["started"]

        (name,) = argo.workflows
        (given,) = stored_partition(artifacts, name).files
        assert given.name == "sea ice+snow.csv"
        refused = send(submit, files=files)
        assert (refused.status_code, "triggers add" in refused.get_json()["detail"]) == (422, True)

    def test_a_run_gets_variables_about_its_upload(self, upload, trigger, artifacts: Path, argo: ArgoServer):
        trigger(pass_object=False)

        post(upload, uploads.aws_adapter(Object()))

        (name,) = argo.workflows
        assert dict(Plan.from_json((artifacts / plan_key(name)).read_bytes()).variables) == {
            "TRIGGER_NAME": "new-data",
            "TRIGGER_BUCKET": "uploads",
            "TRIGGER_KEY": "incoming/2026/sea ice+snow.csv",
            "TRIGGER_FILE": "sea ice+snow.csv",
            "TRIGGER_SIZE": "12",
            "TRIGGER_ETAG": "b1946ac92492d2347c6235b4d2611184",
            "TRIGGER_VERSION": "",
            "TRIGGER_TIME": "2026-03-01T12:00:00.000Z",
            "TRIGGER_SOURCE": "aws:s3.us-west-2.uploads",
            "TRIGGER_EVENT_ID": "C3D13FE58DE4C810.FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5",
        }

    @pytest.mark.parametrize(
        ("message", "url"),
        [
            (
                uploads.aws_notification(Object(key="incoming/a")),
                "https://s3.us-west-2.amazonaws.com/uploads/incoming/a",
            ),
            (
                uploads.google(Object(key="incoming/a", version="7")),
                "https://storage.googleapis.com/uploads/incoming/a?generation=7",
            ),
        ],
    )
    def test_a_public_object_is_read_from_the_url_of_its_store(
        self, upload, trigger, artifacts: Path, argo: ArgoServer, message: Message, url: str
    ):
        trigger()

        post(upload, message)

        (name,) = argo.workflows
        assert stored_partition(artifacts, name).files[1].source == url

    def test_a_run_has_the_owner_and_the_origin_of_the_upload(
        self, upload, trigger, status, argo: ArgoServer
    ):
        trigger(pass_object=False)
        post(upload, uploads.minio(Object()))

        (name,) = argo.workflows
        run = status.get(f"/runs/{name}").get_json()
        assert run["submitted_by"] == "anna"
        assert run["trigger"]["name"] == "new-data"
        assert run["trigger"]["upload"]["key"] == Object().key
        assert run["trigger"]["upload"]["event_id"].startswith("C3D13FE58DE4C810")


class TestUploadedRecipes:
    def test_a_bundle_is_submitted(self, upload, trigger, site: FileServer, status, argo: ArgoServer):
        trigger(recipe_path=None, base_url=site.url)
        (site.directory / "incoming").mkdir()
        (site.directory / "incoming" / "seals.tar.gz").write_bytes(bundle(recipe_files()))

        assert outcomes(post(upload, uploads.minio(Object(key="incoming/seals.tar.gz")))) == ["started"]

        (name,) = argo.workflows
        run = status.get(f"/runs/{name}").get_json()
        assert (run["recipe_id"], run["recipe_path"]) == ("seal-tags", f"{site.url}/incoming/seals.tar.gz")

    def test_the_directory_of_a_meta_yml_is_submitted(
        self, upload, trigger, site: FileServer, argo: ArgoServer
    ):
        trigger(recipe_path=None, base_url=site.url)
        site.listings = True
        directory = site.directory / "incoming" / "seals"
        directory.mkdir(parents=True)
        for name, text in recipe_files().items():
            (directory / name).write_text(text)

        assert outcomes(post(upload, uploads.minio(Object(key="incoming/seals/meta.yml")))) == ["started"]
        assert outcomes(post(upload, uploads.minio(Object(key="incoming/seals/recipe.sh")))) == []

    def test_an_invalid_uploaded_recipe_is_rejected_and_can_be_uploaded_again(
        self, upload, trigger, site: FileServer, status
    ):
        trigger(recipe_path=None, base_url=site.url)
        archive = site.directory / "incoming" / "a.zip"
        archive.parent.mkdir()
        archive.write_bytes(bundle(recipe_files(meta_yml="name: x")))
        message = uploads.minio(Object(key="incoming/a.zip"))

        assert outcomes(post(upload, message)) == ["refused"]
        (refused,) = status.get("/triggers/new-data").get_json()["uploads"]
        assert refused["outcome"] == "refused"
        assert "meta.yml" in refused["message"]

        archive.write_bytes(bundle(recipe_files()))
        assert outcomes(post(upload, message)) == ["started"]


class TestIgnored:
    @pytest.mark.parametrize(
        "thing",
        [
            Object(bucket="other"),
            Object(key="elsewhere/a.csv"),
            Object(key="incoming/folder/"),
        ],
    )
    def test_uploads_without_a_matching_trigger_are_ignored(
        self, upload, trigger, thing: Object, database: Database
    ):
        trigger(pass_object=False)

        assert outcomes(post(upload, uploads.minio(thing))) == []
        assert runs(database) == []

    def test_objects_created_in_other_ways_are_ignored(self, upload, trigger):
        trigger(pass_object=False, kinds=["copy", "multipart"])

        assert outcomes(post(upload, uploads.minio(Object()))) == []

    @pytest.mark.parametrize("key", ["runs/a/output/a.zip", "recipes/0.tar.gz", "incoming/a"])
    def test_uploads_to_our_own_bucket_are_ignored_despite_a_trigger(
        self, upload, trigger, database: Database, key: str
    ):
        trigger(pass_object=False, pattern="**")
        with database.transaction() as conn:
            conn.execute("UPDATE triggers SET bucket = 'argo-workflows'")

        assert outcomes(post(upload, uploads.minio(Object(bucket="argo-workflows", key=key)))) == []
        assert runs(database) == []


class TestWaiting:
    def test_an_upload_waits_for_argo(
        self, serve, trigger, argo: ArgoServer, environment, database: Database
    ):
        trigger(pass_object=False)
        message = uploads.minio(Object())
        environment.setenv("ARGO_WORKFLOWS_SERVICE_URL", "http://127.0.0.1:9")  # nobody listens there
        upload = serve("upload")
        assert outcomes(post(upload, message)) == ["waiting"]
        assert runs(database) == []
        environment.setenv("ARGO_WORKFLOWS_SERVICE_URL", argo.url)

        context = context_of(environment)
        (run,) = resume_uploads(context, deadline=float("inf"), untried_for=-1)
        context.close()

        assert runs(database) == [run]
        assert outcomes(post(upload, message)) == ["known"]

    def test_an_upload_waits_for_a_confirmation_by_argo(
        self, upload, trigger, argo: ArgoServer, database: Database
    ):
        trigger(pass_object=False)
        message = uploads.minio(Object())
        argo.faults["create"] = "refuse"
        assert outcomes(post(upload, message)) == ["waiting"]
        del argo.faults["create"]

        assert outcomes(post(upload, message)) == ["started"]
        assert runs(database) == list(argo.workflows)

    def test_an_upload_waits_for_a_run_of_its_recipe(
        self, upload, trigger, argo: ArgoServer, argo_events, environment, database: Database
    ):
        trigger(pass_object=False, overwrite=True, files=recipe_files())
        first, second = (uploads.minio(Object(etag=str(n) * 32, request=str(n))) for n in (1, 2))
        assert outcomes(post(upload, first)) == ["started"]
        assert outcomes(post(upload, second)) == ["waiting"]
        (name,) = runs(database)
        tell(argo_events, argo.advance(name, "Succeeded"))
        with database.transaction() as conn:
            conn.execute("UPDATE uploads SET tried_at = now() - interval '1 hour'")

        context = context_of(environment)
        swept = sweep(context)
        context.close()

        assert len(swept.triggered) == 1
        assert len(runs(database)) == 2

    def test_an_upload_waits_at_most_a_day(self, serve, trigger, environment, database: Database):
        trigger(pass_object=False)
        environment.setenv("ARGO_WORKFLOWS_SERVICE_URL", "http://127.0.0.1:9")  # nobody listens there
        upload = serve("upload")
        post(upload, uploads.minio(Object()))
        with database.transaction() as conn:
            conn.execute("UPDATE uploads SET received_at = now() - interval '25 hours'")

        assert outcomes(post(upload, uploads.minio(Object()))) == ["refused"]

    def test_a_bucket_without_a_known_address_is_reported(self, upload, trigger):
        trigger()

        response = post(upload, uploads.minio(Object()))

        assert outcomes(response) == ["refused"]
        assert "OGDC_UPLOAD_BUCKETS" in response.get_json()["uploads"][0]["message"]


class TestStatuses:
    def test_knative_is_answered_without_a_word(self, upload):
        message = uploads.ceph(Object())

        response = upload.post("/", data=message.body, headers=message.headers)

        assert (response.status_code, response.data) == (204, b"")

    def test_an_invalid_event_is_rejected_permanently(self, upload):
        response = upload.post("/", data=b"nonsense", content_type="application/json")

        assert response.status_code == 400
        assert response.status_code not in RETRIED_BY_KNATIVE

    def test_without_a_database_the_event_has_to_come_again(self, serve, environment, tmp_path: Path):
        environment.setenv("OGDC_DB_HOST", str(tmp_path))

        assert post(serve("upload"), uploads.minio(Object())).status_code == 503

    def test_a_body_that_is_too_large_is_rejected(self, upload):
        response = upload.post("/", data=bytes((32 << 20) + 1), content_type="application/json")

        assert response.status_code == 413

    def test_a_read_only_deployment_starts_nothing(self, serve, environment):
        environment.setenv("ACCESS_MODE", "read_only")

        assert post(serve("upload"), uploads.minio(Object())).status_code == 403

    def test_with_a_token_events_must_have_it(self, serve, environment):
        environment.setenv("OGDC_UPLOAD_TOKEN", "secret")
        upload, message = serve("upload"), uploads.minio(Object())

        assert post(upload, message).status_code == 401
        forged = message._replace(headers=message.headers | {"Authorization": "Bearer no"})
        assert post(upload, forged).status_code == 401
        good = message._replace(headers=message.headers | {"Authorization": "Bearer secret"})
        assert post(upload, good).status_code == 200

    def test_it_can_be_probed(self, upload):
        assert upload.get("/healthz").get_json() == {"status": "ok"}


class TestTriggers:
    def test_are_shown_as_they_were_added(self, trigger, status):
        added = trigger(kinds=["put"], overwrite=True, base_url="https://data.example.org/")

        assert added["owner"] == "anna"
        assert added["base_url"] == "https://data.example.org"
        assert status.get("/triggers").get_json() == {"triggers": [added]}
        assert status.get("/triggers/new-data").get_json() == added | {"uploads": [], "starts": []}

    def test_have_names_of_their_own(self, submit, trigger, status):
        added = trigger()

        again = submit.post("/triggers", json={"name": "new-data", "bucket": "b"})

        assert again.status_code == 409
        assert status.get("/triggers").get_json() == {"triggers": [added]}

    def test_can_be_removed_and_leave_their_runs(self, submit, trigger, status, upload, argo: ArgoServer):
        trigger(pass_object=False)
        post(upload, uploads.minio(Object()))

        assert submit.delete("/triggers/new-data").status_code == 200

        assert status.get("/triggers/new-data").status_code == 404
        assert submit.delete("/triggers/new-data").status_code == 404
        (name,) = argo.workflows
        assert status.get(f"/runs/{name}").get_json()["trigger"]["name"] == "new-data"
        assert outcomes(post(upload, uploads.minio(Object(key="incoming/b")))) == []

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": "Not A Name"},
            {"name": "x" * 64},
            {"name": 5},
            {"bucket": "a/b"},
            {"bucket": None},
            {"bucket": "argo-workflows"},
            {"pattern": ""},
            {"pattern": "x" * 513},
            {"kinds": ["deleted"]},
            {"kinds": "put"},
            {"recipe_path": 5},
            {"overwrite": "yes"},
            {"base_url": "file:///etc"},
            {"base_url": "https://user:pass@example.org"},
            {"base_url": "https://example.org/?a=b"},
            {"base_url": "http://["},
            {"more": 1},
        ],
        ids=json.dumps,
    )
    def test_that_cannot_be(self, submit, status, wrong: dict[str, Any]):
        response = submit.post("/triggers", json={"name": "a", "bucket": "b"} | wrong)

        assert response.status_code == 400, response.text
        assert next(iter(wrong)) in response.get_json()["detail"]
        assert status.get("/triggers").get_json() == {"triggers": []}

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"text"'])
    def test_that_are_none(self, submit, body: bytes):
        assert submit.post("/triggers", data=body, content_type="application/json").status_code == 400

    def test_a_trigger_for_a_recipe_with_required_parameters_is_rejected(self, submit, site: FileServer):
        files = {
            name: str(text) for name, text in recipes.recipe_files(parameters=[{"name": "YEAR"}]).items()
        }
        (site.directory / "asks.zip").write_bytes(bundle(files))
        asked = {"name": "a", "bucket": "b", "recipe_path": f"{site.url}/asks.zip"}

        answer = submit.post("/triggers", json=asked)

        assert answer.status_code == 400
        assert "parameter YEAR" in answer.get_json()["detail"]

    def test_a_trigger_for_a_missing_recipe_is_rejected(self, submit, site: FileServer):
        asked = {"name": "a", "bucket": "b", "recipe_path": f"{site.url}/nothing.zip"}

        assert submit.post("/triggers", json=asked).status_code == 404
