"""Recording the states that Argo reports, in any order and with any repetitions."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import zip_longest
from typing import NamedTuple

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.argo.state import WorkflowState
from ogdc_shared.db.database import Database
from ogdc_shared.db.runs import Run, get_run, get_warnings
from ogdc_shared.db.submissions import record_handover
from ogdc_shared.db.tasks import list_tasks
from ogdc_shared.db.users import ensure_user
from ogdc_shared.db.workflow_state import EventRef, record_absence, record_state, record_stop
from ogdc_shared.phases import TERMINAL_PHASES
from ogdc_shared.run_warnings import RunWarnings, one_warning
from support.records import LONG_AGO, state, submit, task

NAME = "seal-tags-1"
UID = f"uid-of-{NAME}"
PHASES = ("Pending", "Running", "Succeeded", "Failed", "Error")


@pytest.fixture
def conn(database):
    with database.transaction() as conn:
        submit(conn, NAME)
        yield conn


# --- single rules ---


def test_a_state_is_recorded_whole(conn):
    news = state(
        NAME,
        7,
        phase="Failed",
        message="command 3 of 4 failed",
        progress="2/4",
        finished_at=LONG_AGO + timedelta(minutes=5),
        tasks=(task("n-1", phase="Failed", exit_code=1, finished_at=LONG_AGO), task("n-2"), task("n-3")),
    )
    assert record_state(conn, news).after
    run = get_run(conn, NAME)
    assert (run.status, run.message, run.progress) == ("Failed", "command 3 of 4 failed", "2/4")
    assert (run.started_at, run.finished_at) == (news.started_at, news.finished_at)
    assert (run.workflow_uid, run.resource_version) == (UID, 7)
    assert run.task_counts == {"Failed": 1, "Running": 2}
    assert list_tasks(conn, run.id) == list(news.tasks)


def test_an_event_about_a_run_proves_that_argo_has_it(conn):
    record_state(conn, state(NAME))
    run = get_run(conn, NAME)
    assert run.handed_over_at is not None
    assert run.applied_at is not None


EVENT = EventRef("https://10.96.0.1:443", "e-1", "dev.knative.apiserver.resource.update", None)


@pytest.mark.parametrize(
    ("phase", "how", "waits"),
    [
        ("Running", {"event_ref": EVENT}, "off"),
        ("Running", {"event_ref": EVENT, "gone": True}, "on"),
        ("Succeeded", {"event_ref": EVENT}, "on"),
        ("Running", {}, "on"),
    ],
)
def test_only_intermediate_states_are_committed_without_waiting_for_the_disk(database, phase, how, waits):
    with database.transaction() as conn:
        submit(conn, NAME)
    with database.transaction() as conn:
        assert record_state(conn, state(NAME, phase=phase), **how).after
        assert conn.execute("SHOW synchronous_commit").fetchone() == (waits,)
    with database.autocommit() as conn:
        assert conn.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert get_run(conn, NAME).resource_version == 1


def test_recording_the_handover_does_not_wait_for_the_disk(database):
    with database.transaction() as conn:
        submit(conn, NAME)
        assert conn.execute("SHOW synchronous_commit").fetchone() == ("on",)
    with database.transaction() as conn:
        assert record_handover(conn, NAME, uid=UID)
        assert conn.execute("SHOW synchronous_commit").fetchone() == ("off",)


@pytest.mark.parametrize("version", [6, 7])
def test_a_state_that_is_not_newer_changes_nothing(conn, version):
    record_state(conn, state(NAME, 7, phase="Succeeded", tasks=(task("n-1"),)))
    before = get_run(conn, NAME)
    assert record_state(conn, state(NAME, version, phase="Running", tasks=(task("n-2"),))).after is None
    assert get_run(conn, NAME) == before


def test_a_workflow_of_another_uid_changes_nothing(conn):
    record_handover(conn, NAME, uid=UID)
    before = get_run(conn, NAME)
    other = state(NAME, 99, uid="another", phase="Succeeded", tasks=(task("n-1"),))
    assert record_state(conn, other).after is None
    assert record_state(conn, other, gone=True).after is None
    assert get_run(conn, NAME) == before


def test_a_workflow_without_a_run_changes_nothing(conn):
    assert record_state(conn, state("nobodys", tasks=(task("n-1"),))).after is None
    assert record_state(conn, state("nobodys"), gone=True).after is None
    assert record_absence(conn, "nobodys").after is None


def test_a_retry_reopens_an_ended_run(conn):
    record_state(conn, state(NAME, 7, phase="Failed", message="x", finished_at=LONG_AGO))
    record_state(conn, state(NAME, 8, phase="Running"))
    run = get_run(conn, NAME)
    assert (run.status, run.message, run.finished_at) == ("Running", None, None)


def test_tasks_removed_by_a_retry_are_removed_from_the_record(conn):
    record_state(conn, state(NAME, 7, tasks=(task("n-1"), task("n-2"))))
    record_state(conn, state(NAME, 8, tasks=(task("n-2"), task("n-3"))))
    assert [t.node_id for t in list_tasks(conn, get_run(conn, NAME).id)] == ["n-2", "n-3"]


def test_tasks_missing_in_an_event_are_read_later_from_the_same_version(conn):
    assert record_state(conn, state(NAME, 7, tasks=())).after
    assert record_state(conn, state(NAME, 7, tasks=(task("n-1"),))).after
    assert record_state(conn, state(NAME, 7, tasks=(task("n-1"),))).after is None
    assert get_run(conn, NAME).task_counts == {"Running": 1}


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_workflow_deleted_before_its_end_is_an_error_with_a_reason(conn, phase):
    assert record_state(conn, state(NAME, 7, phase=phase), gone=True).after
    run = get_run(conn, NAME)
    assert (run.status, run.message) == ("Error", "The workflow was deleted before it ended.")
    assert run.finished_at == run.deleted_at is not None


@pytest.mark.parametrize("phase", sorted(TERMINAL_PHASES))
def test_a_workflow_deleted_after_its_end_keeps_its_status(conn, phase):
    record_state(conn, state(NAME, 7, phase=phase, message="m", finished_at=LONG_AGO))
    assert record_state(conn, state(NAME, 8, phase=phase, message="m", finished_at=LONG_AGO), gone=True).after
    run = get_run(conn, NAME)
    assert (run.status, run.message, run.finished_at) == (phase, "m", LONG_AGO)


def test_a_late_end_replaces_the_error_of_a_missing_workflow(conn):
    record_state(conn, state(NAME, 7))
    assert record_absence(conn, NAME).after
    assert get_run(conn, NAME).status == "Error"
    assert record_state(conn, state(NAME, 8, phase="Succeeded")).after
    assert get_run(conn, NAME).status == "Succeeded"


def test_a_run_that_was_not_handed_over_is_not_reported_missing(conn):
    assert record_absence(conn, NAME).after is None
    assert get_run(conn, NAME).status == "Pending"


@pytest.mark.parametrize(
    "text", ["a\0b", 'say "\\u0000"', "\ud800", "'); DROP TABLE runs; --", "{{=1+1}}", "%s %(x)s"]
)
def test_any_text_a_task_leaves_is_recorded(conn, text):
    news = state(NAME, phase="Failed", message=text, tasks=(task("n-1", message=text),))
    assert record_state(conn, news).after
    message = get_run(conn, NAME).message
    assert message == text.replace("\0", "\ufffd").encode(errors="replace").decode()


def test_the_difference_from_the_state_before_gives_the_newer_state(database):
    many = [task(f"n-{number}", partition=number) for number in range(1000)]
    first = state(NAME, 1, tasks=tuple(many))
    second = state(NAME, 2, tasks=(*many[1:-1], many[-1]._replace(phase="Failed"), task("new")))
    with database.transaction() as conn:
        submit(conn, NAME)
        record_state(conn, first)
        record_state(conn, second, base=first)
        run = get_run(conn, NAME)
        assert set(list_tasks(conn, run.id)) == set(second.tasks)
        assert run.task_counts == {"Running": 999, "Failed": 1}


# --- all rules, in any order ---


class Applied(NamedTuple):
    """One thing that reaches the record."""

    how: str
    """`state`, `deletion` or `absence`."""
    state: WorkflowState | None = None


@st.composite
def histories(draw: st.DrawFn) -> list[Applied]:
    """A workflow's states by version, perhaps its deletion, and what a namesake and a lost workflow add."""
    applied = []
    for version in range(1, draw(st.integers(1, 6)) + 1):
        nodes = draw(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(PHASES), max_size=4))
        tasks = tuple(task(node, phase=phase) for node, phase in nodes.items())
        phase = draw(st.sampled_from(PHASES))
        finished_at = LONG_AGO if phase in TERMINAL_PHASES else None
        news = state(NAME, version, phase=phase, message=f"v{version}", finished_at=finished_at, tasks=tasks)
        applied.append(Applied("state", news))
    if draw(st.booleans()):
        applied.append(Applied("deletion", news._replace(resource_version=version + 1)))
    if draw(st.booleans()):
        applied.append(Applied("absence"))
    if draw(st.booleans()):
        applied.append(Applied("state", state(NAME, 99, uid="another", phase="Error")))
    return applied


@pytest.fixture(scope="module")
def module_connection(postgres_server) -> Iterator[psycopg.Connection]:
    """A connection in a transaction that each example rolls back to its start."""
    database_settings = postgres_server.make_database()
    database = Database(database_settings)
    with database.transaction() as conn:
        submit(conn, NAME)
        record_handover(conn, NAME, uid=UID)
        yield conn
    database.close()
    postgres_server.drop_database(database_settings)


def record(
    conn: psycopg.Connection, applied: list[Applied], bases: Sequence[WorkflowState | None] = ()
) -> tuple[Run, set]:
    """Apply everything to a new run and return what the record then says, apart from when it was recorded.

    `bases` are what the record is guessed to show each time; without them all is sent.
    """
    with conn.transaction(force_rollback=True):
        for (how, news), base in zip_longest(applied, bases):
            if news is None:
                record_absence(conn, NAME)
            else:
                record_state(conn, news, gone=how == "deletion", base=base)
        run = get_run(conn, NAME)
        return run, set(list_tasks(conn, run.id))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_order_and_any_repetition_ends_in_the_same_record(module_connection, data):
    history = data.draw(histories())
    again = data.draw(st.lists(st.sampled_from(history), max_size=4))
    shuffled = data.draw(st.permutations(history + again))
    assert record(module_connection, shuffled) == record(module_connection, history)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_wrong_guess_about_the_record_does_not_change_the_result(module_connection, data):
    history = data.draw(histories())
    shuffled = data.draw(st.permutations(history))
    states = [news for _, news in history if news is not None and news.uid == UID]
    bases = [data.draw(st.none() | st.sampled_from(states)) for _ in shuffled]
    assert record(module_connection, shuffled, bases) == record(module_connection, history)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_record_shows_the_newest_state_and_the_newest_tasks(module_connection, data):
    history = data.draw(histories())
    shuffled = data.draw(st.permutations(history))
    run, tasks = record(module_connection, shuffled)

    states = [news for _, news in history if news is not None and news.uid == UID]
    newest = max(states, key=lambda news: news.resource_version)
    naming = [news for news in states if news.tasks]
    gone = any(how in ("deletion", "absence") for how, _ in history)
    lost = gone and newest.phase not in TERMINAL_PHASES
    assert run.status == ("Error" if lost else newest.phase)
    assert run.message == ("The workflow was deleted before it ended." if lost else newest.message)
    assert (run.deleted_at is not None) == gone
    assert run.resource_version == newest.resource_version
    assert tasks == set(max(naming, key=lambda news: news.resource_version).tasks if naming else ())
    assert sum(run.task_counts.values()) == len(tasks)


def test_warnings_are_counted_and_kept_whatever_comes_later(conn):
    news = one_warning("no_data", "all zero\x00").of_partition(3)
    record_state(conn, state(NAME, 7, phase="Succeeded", warnings=news))
    record_state(conn, state(NAME, 8, phase="Succeeded"))
    run = get_run(conn, NAME)
    assert (run.status, run.warning_count) == ("Succeeded", 1)
    assert get_warnings(conn, run.id) == news


def test_warnings_of_an_older_state_with_tasks_are_added(conn):
    record_state(conn, state(NAME, 9, phase="Succeeded"))
    record_state(conn, state(NAME, 8, tasks=(task("n-1"),), warnings=one_warning("no_data", "all zero")))
    assert get_run(conn, NAME).warning_count == 1


def test_a_run_has_no_warnings_until_one_is_reported(conn):
    assert get_run(conn, NAME).warning_count == 0
    assert get_warnings(conn, get_run(conn, NAME).id) == RunWarnings()


# --- why a run was ended ---


def test_the_last_reason_for_waiting_becomes_the_message_of_an_ended_run(conn):
    record_state(
        conn, state(NAME, 1, message="x waits to begin: no image", waiting="x waits to begin: no image")
    )
    assert get_run(conn, NAME).message == "x waits to begin: no image"
    news = state(NAME, 2, phase="Failed", message="The task did not begin in time.", cut_off=True)
    record_state(conn, news)
    record_state(conn, news)
    assert get_run(conn, NAME).message == "x waits to begin: no image. The task did not begin in time."


def test_a_past_reason_for_waiting_is_removed(conn):
    record_state(conn, state(NAME, 1, waiting="x waits to begin: no image"))
    record_state(conn, state(NAME, 2))
    record_state(
        conn, state(NAME, 3, phase="Failed", message="The run took longer than it may.", cut_off=True)
    )
    assert get_run(conn, NAME).message == "The run took longer than it may."


@pytest.mark.parametrize(
    ("shut_down", "left", "message"),
    [
        (True, None, "Cancelled by anna."),
        (True, "It was publishing.", "Cancelled by anna. It was publishing."),
        (False, "It was publishing.", "command 1 failed"),
    ],
)
def test_the_user_who_stopped_a_run_is_its_message_if_there_is_no_other(conn, shut_down, left, message):
    record_stop(conn, NAME, reason="Cancelled by anna.")
    news = state(NAME, 2, phase="Failed", message="command 1 failed", shut_down=shut_down, left=left)
    record_state(conn, news)
    assert get_run(conn, NAME).message == message


def test_a_run_that_somebody_stopped_is_cancelled_until_it_is_retried(conn):
    anna = ensure_user(conn, "anna").id
    record_stop(conn, NAME, reason="Cancelled by anna.", by=anna)
    assert get_run(conn, NAME).cancelled_at is None
    record_state(conn, state(NAME, 2, phase="Failed", shut_down=True))
    assert get_run(conn, NAME).cancelled_at is not None
    record_stop(conn, NAME, reason=None)
    record_state(conn, state(NAME, 3))
    assert get_run(conn, NAME).cancelled_at is None


@pytest.mark.parametrize(
    ("cancelled", "ended"),
    [
        (True, {"phase": "Failed"}),
        (True, {"phase": "Succeeded"}),
        (False, {"phase": "Failed", "shut_down": True}),
    ],
)
def test_a_run_that_ended_for_another_reason_is_not_cancelled(conn, cancelled, ended):
    by = ensure_user(conn, "anna").id if cancelled else None
    record_stop(conn, NAME, reason="It is to end.", by=by)
    record_state(conn, state(NAME, 2, **ended))
    assert get_run(conn, NAME).cancelled_at is None


# --- what contradicts an end ---


@pytest.mark.parametrize("ended", sorted(TERMINAL_PHASES))
@pytest.mark.parametrize("phase", PHASES)
def test_an_event_that_contradicts_an_end_is_checked_with_argo(conn, ended, phase):
    record_state(conn, state(NAME, 5, phase=ended, message="the true end"))
    forged = state(NAME, 9, phase=phase, message="forged")
    applied = record_state(conn, forged, event_ref=EventRef("s", "1", "t", None), believed=False)
    assert applied.doubted == (phase != ended)
    assert get_run(conn, NAME).status == ended
    assert get_run(conn, NAME).message == ("forged" if phase == ended else "the true end")
    record_state(conn, state(NAME, 10, phase=phase))
    assert get_run(conn, NAME).status == phase
