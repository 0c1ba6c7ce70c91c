# ruff: noqa: PT012  a transaction is more than one statement

from concurrent.futures import ThreadPoolExecutor

import pytest

from ogdc_shared.db.events import forget_events, record_event
from ogdc_shared.db.runs import get_run, record_state
from ogdc_shared.db.users import ensure_user
from support.records import state, submit

EVENT = {
    "source": "/k8s/qgnet",
    "id": "e-1",
    "type": "dev.knative.apiserver.resource.update",
    "subject": "a-1",
}


def test_a_user_seen_again_is_the_same_user(database):
    with database.connection() as conn:
        anna = ensure_user(conn, "anna")
        assert (anna.name, anna.issuer) == ("anna", "open")
        assert ensure_user(conn, "anna") == anna


def test_one_name_from_two_issuers_is_two_users(database):
    with database.connection() as conn:
        assert ensure_user(conn, "anna").id != ensure_user(conn, "anna", issuer="https://id.example.org").id


def test_a_user_seen_many_times_at_once_is_one_user(database):
    def see(_: int):
        with database.connection() as conn:
            return ensure_user(conn, "anna")

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(see, range(16)))) == 1


def test_an_event_counts_once(database):
    with database.connection() as conn:
        assert record_event(conn, **EVENT)
        assert not record_event(conn, **EVENT)
        assert record_event(conn, **(EVENT | {"source": "elsewhere"}))


def test_an_event_that_could_not_be_applied_counts_again(database):
    with database.connection() as conn:
        submit(conn, "a-1")
    with pytest.raises(ZeroDivisionError), database.connection() as conn:
        assert record_event(conn, **EVENT)
        assert record_state(conn, state("a-1"))
        raise ZeroDivisionError
    with database.connection() as conn:
        assert get_run(conn, "a-1").status == "Pending"
        assert record_event(conn, **EVENT)


def test_one_event_delivered_many_times_at_once_counts_once(database):
    def deliver(_: int):
        with database.connection() as conn:
            return record_event(conn, **EVENT)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(deliver, range(16))) == 1


def test_old_events_are_forgotten(database):
    with database.connection() as conn:
        record_event(conn, **EVENT)
        conn.execute("UPDATE events SET received_at = now() - interval '2 days'")
        record_event(conn, **(EVENT | {"id": "e-2"}))
        assert forget_events(conn, older_than=86400) == 1
        assert not record_event(conn, **(EVENT | {"id": "e-2"}))
