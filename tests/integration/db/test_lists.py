from datetime import timedelta
from uuid import RFC_4122

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.db import runs
from ogdc_shared.db.runs import claim_refresh, find_run, get_run, list_runs, runs_to_reconcile
from ogdc_shared.db.submissions import record_handover
from ogdc_shared.db.users import NewUser, add_user, ensure_user
from ogdc_shared.db.workflow_state import record_absence, record_state
from ogdc_shared.errors import InvalidRequestError, UnknownRunError
from ogdc_shared.workflow.names import workflow_name
from support.records import LONG_AGO, state, submit


@pytest.fixture
def conn(database):
    with database.transaction() as conn:
        yield conn


def names(page):
    return [run.name for run in page.runs]


def pages(conn, **filters):
    """Every page of a list, by following its cursors."""
    found = [list_runs(conn, **filters)]
    while found[-1].next:
        found.append(list_runs(conn, **filters, before=found[-1].next))
    return found


def ago(conn, name, seconds, column="submitted_at"):
    conn.execute(
        f"UPDATE runs SET {column} = now() - make_interval(secs => %s) WHERE name = %s", (seconds, name)
    )


def test_an_unknown_run_is_named_in_the_error(conn):
    assert find_run(conn, "nobody's") is None
    with pytest.raises(UnknownRunError, match="nobody's"):
        get_run(conn, "nobody's")


@pytest.mark.parametrize("name", ["a\0", "\ud800", "' OR true --", "%", "x" * 100_000, ""])
def test_any_name_can_be_looked_up(conn, name):
    submit(conn, "a")
    assert find_run(conn, name) is None


def test_an_empty_record_has_an_empty_list(conn):
    assert list_runs(conn) == ([], None)


def test_runs_come_newest_first(conn):
    for age, name in enumerate(("c-1", "a-1", "b-1")):
        submit(conn, name)
        ago(conn, name, age)
    assert names(list_runs(conn)) == ["c-1", "a-1", "b-1"]


def test_runs_can_be_filtered(conn):
    submit(conn, "a-1", user="anna", recipe_id="a", recipe_name="A")
    submit(conn, "b-1", user="bert", recipe_id="b", recipe_name="B")
    submit(conn, "b-2", user="anna", recipe_id="b", recipe_name="B", output_type="temporary")
    record_state(conn, state("b-1", phase="Failed"))
    assert set(names(list_runs(conn, recipe_id="b"))) == {"b-1", "b-2"}
    assert set(names(list_runs(conn, submitted_by="anna"))) == {"a-1", "b-2"}
    assert set(names(list_runs(conn, status="Failed"))) == {"b-1"}
    assert set(names(list_runs(conn, status="Pending", recipe_id="b", submitted_by="anna"))) == {"b-2"}
    assert names(list_runs(conn, status="no such status")) == []


def test_users_with_the_same_name_are_distinguished_by_issuer(conn):
    submit(conn, "a-1", user="anna")
    submit(conn, "b-1", submitted_by=ensure_user(conn, "anna", issuer="https://login.example").id)
    assert names(list_runs(conn, submitted_by="anna", issuer="open")) == ["a-1"]
    with pytest.raises(InvalidRequestError, match="Several users"):
        list_runs(conn, submitted_by="anna")
    assert names(list_runs(conn, submitted_by="anna", issuer="https://login.example")) == ["b-1"]
    assert list_runs(conn, submitted_by="anna", issuer="https://other.example") == ([], None)
    assert list_runs(conn, submitted_by="nobody") == ([], None)


def test_users_are_found_by_their_display_name_if_it_is_unique(conn):
    issuer = "https://login.example"
    for subject, name in (("1", "Anna"), ("2", "Anna"), ("3", "Bert"), ("Bert", "4")):
        user = add_user(conn, NewUser(issuer, subject, name))
        submit(conn, f"r-{subject.lower()}", submitted_by=user.id)

    assert names(list_runs(conn, submitted_by="Bert", issuer=issuer)) == ["r-bert"], "a subject goes first"
    assert names(list_runs(conn, submitted_by="4")) == ["r-bert"]
    assert names(list_runs(conn, submitted_by="1")) == ["r-1"]
    with pytest.raises(InvalidRequestError, match="Several users"):
        list_runs(conn, submitted_by="Anna")


@pytest.mark.parametrize("prefix", ["a%", "a_", "a\\\\", "\\\\a", "%", "_", "a"])
def test_a_prefix_is_taken_literally(conn, prefix):
    submit(conn, "a-1")
    submit(conn, "b-1")
    assert names(list_runs(conn, name_prefix=prefix)) == (["a-1"] if prefix == "a" else [])


def test_both_queries_by_prefix_list_the_same_runs(conn, monkeypatch):
    """Recipes whose ids begin alike or have the same slug; prefixes of names, and some that no name has."""
    ids = ["a", "a-b", "a.b", "a-bc", "ab", f"a-{'x' * 60}.y", f"a-{'x' * 60}.z", "b"]
    for number in range(16):
        recipe = ids[number % len(ids)]
        submit(conn, workflow_name(recipe), recipe_id=recipe, recipe_name=recipe, output_type="temporary")
    everyone = names(list_runs(conn))
    prefixes = {name[:length] for name in everyone[:8] for length in (1, 2, 3, 4, 53)}
    for most in (100, 0):
        monkeypatch.setattr(runs, "_MAX_RECIPES", most)
        for prefix in [*prefixes, "a-b-2", "b-a", "c-"]:
            found = [name for page in pages(conn, name_prefix=prefix, limit=5) for name in names(page)]
            assert found == [name for name in everyone if name.startswith(prefix)], prefix


MANY = 10_000


def test_rare_values_are_found_by_index_and_not_by_a_scan_of_all_runs(conn):
    """What PostgreSQL reads is counted in its pages; the runs themselves are some hundreds of these."""
    run = submit(conn, "a-1")
    submit(conn, "many-0", recipe_id="many", recipe_name="Many")
    rare = ensure_user(conn, "bert").id
    for first in range(1, MANY, 2_000):
        conn.execute(
            "INSERT INTO runs (name, recipe_id, snapshot, output_type, overwrite, partitions, submitted_by, "
            " submitted_at, manifest, phase) "
            "SELECT 'many-' || n, 'many', snapshot, 'temporary', false, 1, submitted_by, "
            " submitted_at + make_interval(secs => n), '{}', 'Succeeded' "
            "FROM runs, generate_series(%s::integer, %s::integer) AS n WHERE runs.id = %s",
            (first, first + 1_999, run.id),
        )
    for name in ("many-5", "many-500"):
        conn.execute("UPDATE runs SET phase = 'Error', submitted_by = %s WHERE name = %s", (rare, name))
    conn.execute("ANALYZE runs")
    for filters, found in (
        ({"submitted_by": "bert"}, ["many-500", "many-5"]),
        ({"submitted_by": "nobody"}, []),
        ({"status": "Error"}, ["many-500", "many-5"]),
        ({"name_prefix": "a-"}, ["a-1"]),
        ({"name_prefix": "nothing-begins-so"}, []),
        ({"name_prefix": "many-", "limit": 2}, [f"many-{MANY}", f"many-{MANY - 1}"]),
        ({"recipe_id": "no-such"}, []),
        ({"limit": 2}, [f"many-{MANY}", f"many-{MANY - 1}"]),
        ({"submitted_by": "anna", "limit": 1}, [f"many-{MANY}"]),
    ):
        before = pages_read(conn)
        assert names(list_runs(conn, **filters)) == found
        assert pages_read(conn) - before < 100, filters


def pages_read(conn) -> int:
    query = (
        "SELECT pg_stat_get_xact_blocks_fetched(oid) "
        "+ (SELECT sum(pg_stat_get_xact_blocks_fetched(indexrelid)) FROM pg_index WHERE indrelid = oid) "
        "FROM pg_class WHERE relname = 'runs'"
    )
    (pages,) = conn.execute(query).fetchone()
    return int(pages)


def test_a_run_ended_by_deletion_is_listed_by_its_status(conn):
    submit(conn, "a-1")
    record_state(conn, state("a-1", phase="Running"))
    record_absence(conn, "a-1")
    assert names(list_runs(conn, status="Error")) == ["a-1"]
    assert names(list_runs(conn, status="Running")) == []


def test_the_last_page_has_no_cursor(conn):
    for name in ("a-1", "b-1"):
        submit(conn, name)
    assert list_runs(conn, limit=2).next is None
    assert list_runs(conn, limit=1).next is not None


def test_pages_contain_every_run_once_even_if_many_have_the_same_time(conn):
    everyone = [f"r{number}-1" for number in range(23)]
    for number, name in enumerate(everyone):
        submit(conn, name, user="anna" if number % 3 else "bert")
        conn.execute(
            "UPDATE runs SET submitted_at = %s WHERE name = %s",
            (LONG_AGO + timedelta(microseconds=number // 10), name),
        )
    for limit in (1, 2, 7, 23, 50):
        found = pages(conn, limit=limit)
        listed = [run for page in found for run in page.runs]
        assert sorted(run.name for run in listed) == sorted(everyone)
        assert listed == sorted(listed, key=lambda run: (run.submitted_at, run.id), reverse=True)
        assert [len(page.runs) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert sum(len(page.runs) for page in pages(conn, limit=3, submitted_by="bert")) == 8


def test_new_runs_do_not_shift_the_next_page(conn):
    for age, name in enumerate(("a-1", "b-1", "c-1", "d-1")):
        submit(conn, name)
        ago(conn, name, 10 + age)
    first = list_runs(conn, limit=2)
    submit(conn, "new-1")
    assert names(list_runs(conn, limit=2, before=first.next)) == ["c-1", "d-1"]


@settings(max_examples=100, deadline=None)
@given(cursor=st.one_of(st.text(min_size=1), st.binary(min_size=1).map(lambda data: data.hex())))
def test_an_invalid_cursor_is_rejected(cursor):
    with pytest.raises(InvalidRequestError):
        list_runs(None, before=cursor)  # refused before anything is asked


# --- whom to ask Argo about ---


def test_stale_runs_are_found(conn):
    for name in ("silent-1", "asked-1", "applied-1", "ended-1", "unsent-1"):
        submit(conn, name)
        ago(conn, name, 60)
        if name != "unsent-1":
            record_handover(conn, name, uid=f"uid-of-{name}")
            ago(conn, name, 60, "handed_over_at")
    record_state(conn, state("applied-1"))
    record_state(conn, state("ended-1", phase="Succeeded"))
    claim_refresh(conn, "asked-1", silent_for=30)
    assert runs_to_reconcile(conn, silent_for=30) == ["silent-1"]
    assert runs_to_reconcile(conn, silent_for=90) == []


def test_only_one_of_several_readers_asks_argo(conn):
    submit(conn, "a-1")
    assert not claim_refresh(conn, "a-1", silent_for=30)
    ago(conn, "a-1", 31)
    assert get_run(conn, "a-1").silent_seconds == pytest.approx(31)
    assert claim_refresh(conn, "a-1", silent_for=30)
    assert not claim_refresh(conn, "a-1", silent_for=30)
    assert get_run(conn, "a-1").silent_seconds == 0


def test_ended_runs_are_never_reconciled(conn):
    submit(conn, "a-1")
    record_state(conn, state("a-1", phase="Succeeded"))
    assert not claim_refresh(conn, "a-1", silent_for=-1)


def test_ids_sort_by_time(conn):
    before, *ids, after = conn.execute(
        "SELECT clock_timestamp(), ordered_uuid(), ordered_uuid(), clock_timestamp() + interval '1 ms'"
    ).fetchone()

    assert {(made.version, made.variant) for made in ids} == {(7, RFC_4122)}
    assert ids[0] != ids[1]
    for made in ids:
        assert int(1000 * before.timestamp()) <= made.int >> 80 <= int(1000 * after.timestamp())
    assert submit(conn, "a").id.version == 7
