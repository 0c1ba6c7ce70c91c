# ruff: noqa: PT012  a transaction is more than one statement

from concurrent.futures import ThreadPoolExecutor

import pytest

from ogdc_shared.db.events import forget_events
from ogdc_shared.db.runs import get_run
from ogdc_shared.db.users import ensure_user
from ogdc_shared.db.workflow_state import Applied, EventRef, record_reference, record_state
from support.records import state, submit

EVENT = EventRef("/k8s/qgnet", "e-1", "dev.knative.apiserver.resource.update", "a-1")


def test_a_user_seen_again_is_the_same_user(database):
    with database.transaction() as conn:
        anna = ensure_user(conn, "anna")
        assert (anna.name, anna.issuer) == ("anna", "open")
        assert ensure_user(conn, "anna") == anna


def test_one_name_from_two_issuers_is_two_users(database):
    with database.transaction() as conn:
        assert ensure_user(conn, "anna").id != ensure_user(conn, "anna", issuer="https://id.example.org").id


def test_a_user_seen_many_times_at_once_is_one_user(database):
    def see(_: int):
        with database.transaction() as conn:
            return ensure_user(conn, "anna")

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(see, range(16)))) == 1


@pytest.fixture
def run(database):
    with database.transaction() as conn:
        return submit(conn, "a-1")


def events(database) -> int:
    with database.autocommit() as conn:
        [count] = conn.execute("SELECT count(*) FROM events").fetchone()
        return count


def apply_state(conn, name, *, event_ref):
    return record_state(conn, state(name), event_ref=event_ref)


def test_an_event_and_its_content_are_recorded_atomically(database, run):
    with pytest.raises(ZeroDivisionError), database.transaction() as conn:
        assert record_state(conn, state(run.name), event_ref=EVENT).after == "Running"
        raise ZeroDivisionError
    assert events(database) == 0
    with database.transaction() as conn:
        assert get_run(conn, run.name).status == "Pending"
        assert record_state(conn, state(run.name), event_ref=EVENT).after == "Running"
    assert events(database) == 1


def test_a_repeated_event_is_ignored(database, run):
    with database.autocommit() as conn:
        assert record_reference(conn, run.name, event_ref=EVENT).after
        assert record_reference(conn, run.name, event_ref=EVENT).after is None
        assert record_reference(conn, run.name, event_ref=EVENT._replace(source="elsewhere")).after


@pytest.mark.parametrize("record", [record_reference, apply_state])
def test_one_event_delivered_many_times_at_once_counts_once(database, run, record):
    def deliver(_: int):
        with database.autocommit() as conn:
            return record(conn, run.name, event_ref=EVENT).after is not None

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(deliver, range(16))) == 1
    assert events(database) == 1


def test_an_event_about_no_run_is_not_remembered(database):
    with database.transaction() as conn:
        assert record_state(conn, state("nobodys"), event_ref=EVENT) == Applied(None, None)
        assert record_reference(conn, "nobodys", event_ref=EVENT) == Applied(None, None)
    assert events(database) == 0


def test_old_events_are_deleted(database, run):
    with database.transaction() as conn:
        record_state(conn, state(run.name), event_ref=EVENT)
        conn.execute("UPDATE events SET received_at = now() - interval '2 days'")
        record_reference(conn, run.name, event_ref=EVENT._replace(id="e-2"))
        assert forget_events(conn, older_than=86400, limit=10) == 1
        assert record_reference(conn, run.name, event_ref=EVENT._replace(id="e-2")).after is None
