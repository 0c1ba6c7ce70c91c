from __future__ import annotations

import threading

import pytest

from ogdc_functions.http import readiness
from ogdc_functions.http.readiness import Readiness
from ogdc_shared.errors import DatabaseBusyError, DatabaseUnavailableError


class Database:
    """Answers `error`, once it has been let."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0
        self.answers = threading.Event()
        self.answers.set()

    def check(self) -> None:
        self.asked += 1
        self.answers.wait(300)
        if self.error is not None:
            raise self.error


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for an answer, however slow the machine."""
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 300)


@pytest.fixture
def database() -> Database:
    return Database()


def test_a_positive_probe_is_cached(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(readiness, "READY_SECONDS", 600)
    ready = Readiness(database.check)

    assert [ready.problem() for _ in range(100)] == [None] * 100
    assert database.asked == 1
    monkeypatch.setattr(readiness, "READY_SECONDS", 0)
    assert ready.problem() is None
    assert database.asked == 2


def test_a_negative_probe_is_cached_for_less_time(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog
):
    monkeypatch.setattr(readiness, "UNREADY_SECONDS", 600)
    monkeypatch.setattr(readiness, "READY_SECONDS", 1200)
    database.error = DatabaseUnavailableError("away")
    ready = Readiness(database.check)

    assert {ready.problem() for _ in range(100)} == {"away"}
    assert database.asked == 1
    monkeypatch.setattr(readiness, "UNREADY_SECONDS", 0)
    database.error = None
    assert ready.problem() is None


def test_a_change_is_logged_and_nothing_else(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(readiness, "UNREADY_SECONDS", 0)
    monkeypatch.setattr(readiness, "READY_SECONDS", 0)
    ready = Readiness(database.check)

    with caplog.at_level("INFO"):
        for error in (None, None, DatabaseUnavailableError("away"), DatabaseUnavailableError("away"), None):
            database.error = error
            ready.problem()

    assert caplog.messages == ["not ready: away", "ready again"]


def test_the_log_says_why_a_database_is_away_and_the_answer_does_not(
    database: Database, caplog: pytest.LogCaptureFixture
):
    database.error = DatabaseUnavailableError("The database does not answer.")
    database.error.__cause__ = RuntimeError('password authentication failed for user "ogdc"')

    problem = Readiness(database.check).problem()

    assert problem == "The database does not answer."
    assert caplog.messages == [
        'not ready: The database does not answer. (password authentication failed for user "ogdc")'
    ]


def test_probes_do_not_wait_for_a_silent_database(database: Database, monkeypatch: pytest.MonkeyPatch):
    database.answers.clear()
    ready = Readiness(database.check)

    with monkeypatch.context() as impatient:
        impatient.setattr(readiness, "PATIENCE_SECONDS", 0.1)
        problems = [ready.problem() for _ in range(3)]
    assert all(problem and "has not answered" in problem for problem in problems)
    assert database.asked == 1

    database.answers.set()
    assert ready.problem() is None


def test_busy_connections_do_not_make_a_service_unready(database: Database):
    database.error = DatabaseBusyError("busy")

    assert Readiness(database.check).problem() is None


def test_an_unexpected_error_makes_a_service_unready_and_is_logged(
    database: Database, caplog: pytest.LogCaptureFixture
):
    database.error = RuntimeError("secret")

    problem = Readiness(database.check).problem()

    assert problem is not None
    assert "secret" not in problem
    assert "secret" in caplog.text
