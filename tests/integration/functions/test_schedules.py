"""Scheduled triggers: one run for each time, if a watched location changed and nothing prevents it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from time import monotonic, sleep
from typing import Any

import pytest
from flask.testing import FlaskClient

from ogdc_shared.config import DatabaseSettings, Settings
from ogdc_shared.context import Context
from ogdc_shared.db.database import Database
from ogdc_shared.layout import plan_key
from ogdc_shared.plan import Plan
from ogdc_shared.runs import submit as submit_module
from ogdc_shared.sweep import sweep as sweep_once
from ogdc_shared.triggers.schedule_record import claim_start
from ogdc_shared.triggers.scheduled import start_scheduled
from support.accounts import member
from support.argo_server import ArgoServer
from support.http import Answer, FileServer, Request
from support.runs import bundle, recipe_files, started, tell

Add = Callable[..., dict[str, Any]]
IN_TRANSACTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
"""
"""How many other connections are in transactions."""


@pytest.fixture
def site(tmp_path: Path):
    """Where recipes are fetched from, and what triggers watch."""
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "r.tar.gz").write_bytes(bundle(recipe_files(output="temporary")))
    with FileServer(directory) as server:
        yield server


@pytest.fixture
def add(submit: FlaskClient, site: FileServer) -> Add:
    """Add a trigger that is due every night."""

    def add(**asked: Any) -> dict[str, Any]:
        asked = {"name": "nightly", "schedule": "0 3 * * *", "recipe_path": f"{site.url}/r.tar.gz"} | asked
        response = submit.post("/triggers", json=asked, headers={"OGDC-User": "anna"})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.get_json()
        return answer

    return add


def come_due(database: Database, *, ago: str = "1 second") -> None:
    """Have the time of all triggers come."""
    with database.autocommit() as conn:
        conn.execute("UPDATE triggers SET due_at = now() - %s::interval", (ago,))


def sweep(submit: FlaskClient, database: Database) -> list[str]:
    """Names of the runs that a sweep starts, long after the one before."""
    with database.autocommit() as conn:
        conn.execute("UPDATE scheduled_starts SET tried_at = now() - interval '1 hour'")
    return triggered(submit)


def triggered(submit: FlaskClient) -> list[str]:
    """Names of the runs that a sweep starts."""
    names: list[str] = submit.post("/sweep").get_json()["triggered"]
    return names


def starts(status: FlaskClient, name: str = "nightly") -> list[str]:
    """What became of a trigger's starts, newest first."""
    return [each["outcome"] for each in status.get(f"/triggers/{name}").get_json()["starts"]]


def test_a_trigger_that_could_only_be_refused_is_not_added(
    add: Add, submit: FlaskClient, site: FileServer, argo_events: FlaskClient, argo: ArgoServer
) -> None:
    (site.directory / "p.tar.gz").write_bytes(bundle(recipe_files(output="pvc")))
    asked = {"name": "again", "schedule": "0 3 * * *", "recipe_path": f"{site.url}/p.tar.gz"}
    assert submit.post("/triggers", json=asked).status_code == 200
    name = started(submit, files=recipe_files(output="pvc"))
    tell(argo_events, argo.advance(name, "Succeeded"))
    refused = submit.post("/triggers", json=asked | {"name": "late"})
    assert (refused.status_code, f"by run {name!r}" in refused.get_json()["detail"]) == (409, True)
    add(recipe_path=asked["recipe_path"], overwrite=True)


class TestWhenItIsDue:
    def test_a_run_is_started_once(self, add, submit, status, argo: ArgoServer, database, artifacts: Path):
        added = add(time_zone="America/Anchorage")
        assert sweep(submit, database) == []
        come_due(database)

        (name,) = sweep(submit, database)

        assert sweep(submit, database) == []
        assert list(argo.workflows) == [name]
        shown = status.get("/triggers/nightly").get_json()
        assert shown["next_start_at"] == added["next_start_at"]
        assert [(start["outcome"], start["run"]) for start in shown["starts"]] == [("started", name)]
        run = status.get(f"/runs/{name}").get_json()
        assert run["submitted_by"] == "anna"
        assert run["trigger"] == {
            "name": "nightly",
            "upload": None,
            "scheduled_for": shown["starts"][0]["scheduled_for"],
        }
        plan = Plan.from_json((artifacts / plan_key(name)).read_text())
        assert dict(plan.variables)["TRIGGER_NAME"] == "nightly"

    def test_missed_times_start_one_run(self, add, submit, status, database):
        add(schedule="* * * * *")
        come_due(database, ago="3 days")

        assert len(sweep(submit, database)) == 1
        assert starts(status) == ["started"]
        next_start = datetime.fromisoformat(status.get("/triggers/nightly").get_json()["next_start_at"])
        assert next_start - datetime.now(UTC) <= timedelta(minutes=1)

    def test_triggers_due_together_start_in_parallel(self, add, submit, site, database):
        recipe = (site.directory / "r.tar.gz").read_bytes()
        both = Barrier(2, timeout=20)

        def answer(_: Request) -> Answer:
            both.wait()
            return Answer(body=recipe)

        for number in range(2):
            add(name=f"t-{number}")
        site.routes["/r.tar.gz"] = answer
        come_due(database)

        assert len(triggered(submit)) == 2

    def test_triggers_due_together_leave_connections_to_others(self, add, submit, database, monkeypatch):
        connections = DatabaseSettings().pool_size
        taken: list[int] = []

        def store_artifacts(*args: Any, **fields: Any) -> None:
            if not taken:  # all others have the same recipe, and begin their transactions behind this one
                sleep(0.3)
                with database.autocommit() as conn:
                    taken.append(conn.execute(IN_TRANSACTIONS).fetchone()[0])
            store(*args, **fields)

        store = submit_module.store_artifacts
        monkeypatch.setattr(submit_module, "store_artifacts", store_artifacts)
        for number in range(connections):
            add(name=f"t-{number}")
        come_due(database)

        assert len(triggered(submit)) == connections
        assert 0 < taken[0] < connections

    def test_several_sweeps_at_once_start_one(self, add, environment, argo: ArgoServer, database):
        for number in range(3):
            add(name=f"t-{number}")
        come_due(database)
        contexts = [Context(Settings.from_env()) for _ in range(4)]

        with ThreadPoolExecutor(4) as threads:
            done = list(threads.map(sweep_once, contexts))

        for context in contexts:
            context.close()
        assert len(argo.workflows) == 3
        assert sorted(name for each in done for name in each.triggered) == sorted(argo.workflows)

    def test_a_crash_between_the_run_and_its_note_starts_no_second_run(self, add, submit, status, database):
        add()
        come_due(database)
        (name,) = sweep(submit, database)
        with database.autocommit() as conn:
            conn.execute("UPDATE scheduled_starts SET outcome = 'waiting', run_id = NULL")

        sweep(submit, database)

        shown = status.get("/triggers/nightly").get_json()["starts"]
        assert [start["run"] for start in shown] == [name]

    def test_a_trigger_has_one_attempt_at_a_time(self, add, submit, status, argo: ArgoServer, database):
        add()
        argo.faults["create"] = "refuse"
        for _ in range(2):
            come_due(database)
            sweep(submit, database)
        assert starts(status) == ["waiting", "waiting"]

        with database.autocommit() as conn:
            conn.execute("UPDATE scheduled_starts SET tried_at = NULL")
            first, other = (claim_start(conn, untried_for=60) for _ in range(2))

        assert other is None
        shown = status.get("/triggers/nightly").get_json()["starts"]
        assert first.due_at == datetime.fromisoformat(shown[-1]["scheduled_for"])

    def test_without_argo_it_waits(self, add, submit, status, argo: ArgoServer, database):
        add()
        come_due(database)
        argo.faults["create"] = "refuse"
        assert triggered(submit) == []
        assert starts(status) == ["waiting"]
        argo.faults.clear()

        assert len(triggered(submit)) == 1  # by the very next sweep, so soon after Argo is back

    def test_waiting_triggers_are_tried_after_new_ones(self, add, submit, argo: ArgoServer, database):
        add()
        argo.faults["create"] = "refuse"
        come_due(database, ago="1 hour")
        triggered(submit)
        argo.faults.clear()
        add(name="hourly")
        with database.autocommit() as conn:
            conn.execute("UPDATE triggers SET due_at = now() WHERE name = 'hourly'")
        triggered(submit)

        with database.autocommit() as conn:
            found = conn.execute("SELECT trigger_name FROM scheduled_starts ORDER BY tried_at").fetchall()
        assert found == [("hourly",), ("nightly",)]

    def test_a_recipe_that_is_gone_is_reported(self, add, submit, status, site: FileServer, database):
        add()
        (site.directory / "r.tar.gz").unlink()
        come_due(database)

        assert sweep(submit, database) == []

        (start,) = status.get("/triggers/nightly").get_json()["starts"]
        assert start["outcome"] == "refused"
        assert "404" in start["message"]

    def test_a_removed_trigger_starts_nothing(self, add, submit, database):
        add()
        come_due(database)
        submit.delete("/triggers/nightly", headers={"OGDC-User": "anna"})

        assert sweep(submit, database) == []

    def test_a_trigger_whose_owner_may_not_submit_starts_nothing(self, environment, serve, site, database):
        environment.setenv("ACCESS_MODE", "authenticated")
        submit, anna = serve("submit"), member(database, "anna")
        asked = {"name": "nightly", "schedule": "0 3 * * *", "recipe_path": f"{site.url}/r.tar.gz"}
        assert submit.post("/triggers", json=asked, headers=anna.headers).status_code == 200
        with database.autocommit() as conn:
            conn.execute("UPDATE users SET disabled_at = now() WHERE name = 'anna'")
        come_due(database)

        assert sweep(submit, database) == []


class TestLateness:
    def test_scheduled_runs_start_within_half_a_minute_even_after_an_outage(
        self, add, environment, argo_events, argo, database
    ):
        """By a clock of the test's own: sweeps once a minute, and for forty minutes none."""
        add(schedule="*/20 * * * *")
        context = Context(Settings.from_env())
        begin = datetime(2031, 3, 1, 12, 0, 5, tzinfo=UTC)
        with database.autocommit() as conn:
            conn.execute("UPDATE triggers SET due_at = %s", (begin.replace(minute=20, second=0),))
        begun: list[datetime] = []
        for minute in range(180):
            if 70 <= minute < 110:
                continue  # the outage
            now = begin + timedelta(minutes=minute, seconds=minute % 20)
            for name in start_scheduled(context, deadline=monotonic() + 60, now=now):
                begun.append(now)
                tell(argo_events, argo.advance(name, "Succeeded"))
        context.close()

        with database.autocommit() as conn:
            found = conn.execute("SELECT due_at FROM scheduled_starts ORDER BY due_at").fetchall()
        due = [time for (time,) in found]
        assert [(time - begin.replace(second=0)) // timedelta(minutes=1) for time in due] == [
            *(20, 40, 60),
            80,  # with that of 100, once the outage is over
            *(120, 140, 160),
        ]
        late = [(at - time).total_seconds() for at, time in zip(begun, due, strict=True)]
        assert late.pop(3) == pytest.approx(30 * 60 + 15)
        assert max(late) <= 30


class TestTheRunBefore:
    def test_a_start_is_skipped_if_the_previous_run_has_not_ended(
        self, add, submit, status, argo_events, argo, database
    ):
        add()
        come_due(database)
        (name,) = sweep(submit, database)
        come_due(database)

        assert sweep(submit, database) == []
        assert starts(status) == ["skipped", "started"]

        tell(argo_events, argo.advance(name, "Succeeded"))
        come_due(database)
        assert len(sweep(submit, database)) == 1

    def test_with_queue_one_start_waits_for_the_previous_run(
        self, add, submit, status, argo_events, argo, database
    ):
        add(queues=True)
        come_due(database)
        (name,) = sweep(submit, database)
        for _ in range(3):
            come_due(database)
            assert sweep(submit, database) == []
        assert starts(status) == ["skipped", "skipped", "waiting", "started"]

        tell(argo_events, argo.advance(name, "Failed"))

        assert len(sweep(submit, database)) == 1
        assert starts(status) == ["skipped", "skipped", "started", "started"]


class TestWhatIsWatched:
    @pytest.fixture
    def watched(self, site: FileServer) -> str:
        (site.directory / "data.csv").write_text("x\n1\n")
        return f"{site.url}/data.csv"

    def ended(self, submit, argo_events, argo: ArgoServer, database) -> None:
        come_due(database)
        (name,) = sweep(submit, database)
        tell(argo_events, argo.advance(name, "Succeeded"))

    def test_nothing_has_changed(self, add, submit, status, argo_events, argo, database, watched: str):
        add(watched=[watched])
        self.ended(submit, argo_events, argo, database)
        come_due(database)

        assert sweep(submit, database) == []
        assert starts(status) == ["unchanged", "started"]

    def test_nothing_has_changed_since_a_run_that_failed(
        self, add, submit, status, argo_events, argo, database, watched: str
    ):
        add(watched=[watched])
        come_due(database)
        (name,) = sweep(submit, database)
        tell(argo_events, argo.advance(name, "Failed"))
        come_due(database)

        assert sweep(submit, database) == []
        assert (
            f"ogdc-runner retry {name}" in status.get("/triggers/nightly").get_json()["starts"][0]["message"]
        )

        submit.post(f"/runs/{name}/retry", headers={"OGDC-User": "anna"})
        tell(argo_events, argo.advance(name, "Succeeded"))
        come_due(database)
        assert sweep(submit, database) == []
        assert status.get("/triggers/nightly").get_json()["starts"][0]["message"] is None

    def test_a_change_after_an_interrupted_start_starts_a_run(
        self, add, submit, status, argo_events, argo, database, watched: str, site: FileServer
    ):
        add(watched=[watched])
        self.ended(submit, argo_events, argo, database)
        with database.autocommit() as conn:
            conn.execute("UPDATE scheduled_starts SET outcome = 'waiting', run_id = NULL")
            conn.execute("UPDATE triggers SET seen = DEFAULT")
        (site.directory / "data.csv").write_text("x\n1\n2\n")
        sweep(submit, database)
        assert starts(status) == ["started"]
        come_due(database)

        assert len(sweep(submit, database)) == 1
        assert len(argo.workflows) == 2

    def test_a_change_of_one_watched_location_starts_a_run(
        self, add, submit, argo_events, argo, database, site: FileServer, watched: str
    ):
        (site.directory / "other.csv").write_text("x\n1\n")
        add(watched=[watched, f"{site.url}/other.csv"])
        self.ended(submit, argo_events, argo, database)
        (site.directory / "other.csv").write_text("x\n1\n2\n")
        come_due(database)

        assert len(sweep(submit, database)) == 1
        assert sweep(submit, database) == []

    def test_without_an_etag_last_modified_is_compared(
        self, add, submit, status, argo_events, argo, database, site
    ):
        headers = {"Last-Modified": "Fri, 27 Nov 2026 10:00:00 GMT"}
        site.routes["/old"] = lambda request: Answer(headers=headers)
        add(watched=[f"{site.url}/old"])
        self.ended(submit, argo_events, argo, database)
        come_due(database)
        assert sweep(submit, database) == []
        headers["Last-Modified"] = "Fri, 27 Nov 2026 11:00:00 GMT"
        come_due(database)

        assert len(sweep(submit, database)) == 1

    @pytest.mark.parametrize(
        ("answer", "outcome", "message"),
        [
            (Answer(status=503), "waiting", "503"),
            (Answer(status=404), "refused", "404"),
            (Answer(), "refused", "neither ETag"),
        ],
    )
    def test_an_undetectable_change_is_reported(
        self, add, submit, status, database, site: FileServer, answer: Answer, outcome: str, message: str
    ):
        site.routes["/x"] = lambda request: answer
        add(watched=[f"{site.url}/x"])
        come_due(database)

        assert sweep(submit, database) == []

        (start,) = status.get("/triggers/nightly").get_json()["starts"]
        assert start["outcome"] == outcome
        assert message in start["message"]

    def test_watching_sends_no_requests_to_private_networks(
        self, environment, serve, database, site: FileServer, watched: str
    ):
        with FileServer(site.directory) as other:
            environment.setenv("OGDC_ALLOWED_NETWORKS", '["127.0.0.1/32"]')
            submit = serve("submit")
            inside = other.url.replace("127.0.0.1", "127.0.0.2")
            asked = {"name": "nightly", "schedule": "0 3 * * *", "recipe_path": f"{site.url}/r.tar.gz"}
            answer = submit.post("/triggers", json=asked | {"watched": [f"{inside}/data.csv"]})
            assert answer.status_code == 200, answer.text
            come_due(database)

            assert sweep(submit, database) == []
            assert other.requests == []


class TestAdding:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"schedule": "0 3 * *"}, "give minute, hour"),
            ({"schedule": "0 99 * * *"}, "Bad hour"),
            ({"schedule": "0 0 30 2 *"}, "Bad day"),
            ({"schedule": "* * */20 * 1L"}, "names no time"),
            ({"schedule": "@daily"}, "give minute, hour"),
            ({"schedule": 7}, "give strings"),
            ({"time_zone": "Mars/Olympus"}, "IANA"),
            ({"time_zone": "../../etc/passwd"}, "IANA"),
            ({"time_zone": ""}, "IANA"),
            ({"bucket": "uploads"}, "one of the two"),
            ({"schedule": None}, "one of the two"),
            ({"pattern": "x/*"}, "cannot be set for a trigger"),
            ({"recipe_path": None}, "recipe_path"),
            ({"watched": ["file:///etc/passwd"]}, "not an http or https URL"),
            ({"watched": "https://example.org/"}, "list"),
            ({"watched": ["s3://argo-workflows/x"]}, "artifact store's own"),
            ({"watched": ["s3:///x"]}, "no bucket"),
            ({"watched": ["github://o:r@" + "a" * 40]}, "a commit never changes"),
            ({"watched": ["git+https://user@example.org/r.git"]}, "does not name a ref"),
            ({"watched": ["git+file:///srv/r.git@main"]}, "not an http or https URL"),
            ({"watched": ["dataone:"]}, "names no data set"),
            ({"queues": "yes"}, "true or false"),
        ],
    )
    def test_that_cannot_be(self, submit, status, site: FileServer, wrong: dict[str, Any], message: str):
        asked = {"name": "nightly", "schedule": "0 3 * * *", "recipe_path": f"{site.url}/r.tar.gz"} | wrong

        answer = submit.post("/triggers", json=asked)

        assert answer.status_code == 400
        assert message in answer.get_json()["detail"]
        assert status.get("/triggers").get_json() == {"triggers": []}

    def test_a_bucket_trigger_accepts_no_schedule(self, submit):
        answer = submit.post("/triggers", json={"name": "x", "bucket": "uploads", "time_zone": "Europe/Oslo"})

        assert answer.status_code == 400
        assert "time_zone cannot be set" in answer.get_json()["detail"]
