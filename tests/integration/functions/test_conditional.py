"""Repeated requests for runs: unchanged responses are 304, and changes are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from ogdc_functions import status as service
from ogdc_shared.argo.state import TaskState
from ogdc_shared.db import submissions, users
from ogdc_shared.db import workflow_state as reports
from ogdc_shared.db.database import Database
from ogdc_shared.db.workflow_state import record_state
from ogdc_shared.run_warnings import RunWarning, RunWarnings
from ogdc_shared.triggers.record import NewTrigger, add_trigger
from support.records import state, submit, task

RUN = "seals-1"
PATHS = (f"/runs/{RUN}", f"/runs/{RUN}?task_limit=0", "/runs", "/runs?status=Running")
OBJECT = (
    '{"bucket": "uploads", "key": "a.tif", "size": 1, "etag": null, "version": null, "source": "s",'
    ' "event_id": "1", "time": null, "how": "put", "store": "s3"}'
)
WARNINGS = RunWarnings(1, (RunWarning("no_data", "All of it is empty."),))


def ended(node: str) -> TaskState:
    return task(node, phase="Succeeded", progress="3/3")


def refuse(conn: Connection) -> None:
    submit(conn, "refused")
    submissions.record_refusal(conn, "refused", message="Argo does not want it.")


def start_by_upload(conn: Connection) -> None:
    """As a crash leaves it, whose upload gets to know its run long after that has been recorded."""
    trigger = NewTrigger("tiles", "uploads", "**", [], None, False, True, None)
    add_trigger(conn, trigger, owner=users.ensure_user(conn, "anna").id)
    conn.execute(
        "INSERT INTO uploads (trigger_name, bucket, key, source, event_id, object, outcome, run_id)"
        " SELECT 'tiles', 'uploads', 'a.tif', 's', '1', %s, 'started', id FROM runs WHERE name = %s",
        (OBJECT, RUN),
    )


def rename_user(conn: Connection) -> None:
    conn.execute("UPDATE users SET display_name = 'Anna B.' WHERE name = 'anna'")


CHANGES: dict[str, Callable[[Connection], object]] = {
    "begins": lambda conn: record_state(conn, state(RUN, 2, tasks=(task("a"),), progress="0/9")),
    "progress": lambda conn: record_state(conn, state(RUN, 3, tasks=(task("a"),), progress="1/9")),
    "a task's progress": lambda conn: record_state(conn, state(RUN, 4, tasks=(task("a", progress="2/3"),))),
    "a state without tasks": lambda conn: record_state(conn, state(RUN, 9, message="waits")),
    "older tasks": lambda conn: record_state(conn, state(RUN, 8, tasks=(ended("a"), task("b", partition=1)))),
    "warnings": lambda conn: record_state(conn, state(RUN, 10, warnings=WARNINGS)),
    "its user's name": rename_user,
    "its upload": start_by_upload,
    "ends": lambda conn: record_state(conn, state(RUN, 11, phase="Failed", tasks=(ended("a"), ended("b")))),
    "is retried": lambda conn: record_state(conn, state(RUN, 12, tasks=(ended("a"), task("b")))),
    "its workflow goes": lambda conn: reports.record_absence(conn, RUN),
    "another run": lambda conn: submit(conn, "seals-2"),
    "one that is refused": refuse,
}


@pytest.fixture
def status(serve: Callable[[str], FlaskClient], database: Database) -> FlaskClient:
    with database.transaction() as conn:
        submit(conn, RUN)
    return serve("status")


def answers(status: FlaskClient) -> Iterator[tuple[str, str, Any]]:
    for path in PATHS:
        response = status.get(path)
        assert response.status_code == 200
        yield path, response.headers["ETag"], response.get_json()


def test_an_unchanged_response_is_304_and_a_changed_one_is_sent(
    status: FlaskClient, database: Database
) -> None:
    unchanged = 0
    for change, make in CHANGES.items():
        known = list(answers(status))
        with database.transaction() as conn:
            make(conn)
        assert [each[2] for each in known] != [each[2] for each in answers(status)], change
        for path, tag, before in known:
            response = status.get(path, headers={"If-None-Match": tag})
            if response.status_code == 304:
                assert status.get(path).get_json() == before, (change, path)
                assert (response.data, response.headers["ETag"]) == (b"", tag)
                unchanged += 1
            else:
                assert response.headers["ETag"] != tag, (change, path)
    assert unchanged


def test_a_304_needs_only_the_row_of_the_run(status: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {path: tag for path, tag, _ in answers(status)}
    monkeypatch.setattr(service.read, "get_tasks", None)
    monkeypatch.setattr(service, "run_view", None)
    for path, tag in tags.items():
        for sent in (tag, f'W/"other", {tag}', tag.removeprefix("W/"), "*"):
            assert status.get(path, headers={"If-None-Match": sent}).status_code == 304


def test_a_requested_stop_does_not_change_the_etag_of_a_run(status: FlaskClient, database: Database) -> None:
    with database.autocommit() as conn:
        tag = status.get(f"/runs/{RUN}").headers["ETag"]
        reports.record_stop(conn, RUN, reason="somebody stops it")
    assert status.get(f"/runs/{RUN}", headers={"If-None-Match": tag}).status_code == 304
