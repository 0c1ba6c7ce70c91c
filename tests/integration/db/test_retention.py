"""Which runs are marked for removal, and which are always kept."""

from __future__ import annotations

import pytest

from ogdc_shared.db.retention import mark_of_next_recipe, marked_runs, record_taken, runs_taking
from ogdc_shared.db.runs import get_run
from ogdc_shared.db.submissions import claim_retry
from ogdc_shared.errors import RunStateError
from ogdc_shared.layout import REUSE_TASK
from ogdc_shared.retention_settings import RetentionSettings
from support.records import submit

TAKES = {"metadata": {}, "spec": {"templates": [{"name": "main"}, {"name": REUSE_TASK}]}}


@pytest.fixture
def conn(database):
    with database.transaction() as conn:
        yield conn


def run(conn, name, *, days, phase="Succeeded", **fields):
    """Record a run of one recipe that ended so many days ago, an hour after it was submitted."""
    submit(conn, name, **{"recipe_id": "r", "recipe_name": "R", "overwrite": True} | fields)
    conn.execute(
        "UPDATE runs SET phase = %(phase)s,"
        " submitted_at = now() - make_interval(days => %(days)s, hours => 1),"
        " finished_at = CASE WHEN %(phase)s <> 'Running' THEN now() - make_interval(days => %(days)s) END"
        " WHERE name = %(name)s",
        {"name": name, "days": days, "phase": phase},
    )


def marked(conn, *, limit=100, **kept):
    """Names of the runs that are marked, with what is to be removed of them."""
    for _turn in range(4):  # more than there are recipes
        mark_of_next_recipe(conn, RetentionSettings(**kept), limit=limit, again_after=-1.0)
    return {each.name: each.removing for each in marked_runs(conn, limit=1000)}


def test_nothing_is_marked_without_a_retention_setting(conn):
    run(conn, "old", days=9999, phase="Failed")
    assert not RetentionSettings().removes_anything
    assert marked(conn) == {}


def test_old_runs_are_marked_except_the_newest_success_of_each_output_type(conn):
    for name, days, phase, output in (
        ("first", 400, "Succeeded", "pvc"),
        ("published", 300, "Succeeded", "pvc"),
        ("zip", 250, "Succeeded", "temporary"),
        ("failed", 200, "Failed", "pvc"),
        ("running", 150, "Running", "temporary"),
        ("young", 99, "Error", "pvc"),
    ):
        run(conn, name, days=days, phase=phase, output_type=output)
    run(conn, "elsewhere", days=400, recipe_id="s", recipe_name="S")
    assert marked(conn, run_days=100) == {"first": "run", "failed": "run"}


def test_a_run_published_as_a_package_is_kept(conn):
    for name, days in (("sent", 90), ("newer", 1)):
        run(conn, name, days=days)
    conn.execute("UPDATE runs SET package = '{}' WHERE name = 'sent'")
    assert marked(conn, run_days=30) == {}


def test_runs_beyond_the_newest_of_their_recipe_are_marked(conn):
    for number in range(6):
        run(conn, f"r-{number}", days=number, phase="Failed")
    run(conn, "other", days=50, phase="Failed", recipe_id="s", recipe_name="S")
    assert marked(conn, runs_per_recipe=4) == {"r-4": "run", "r-5": "run"}


def test_small_steps_mark_the_same_runs(conn):
    for number in range(9):
        run(conn, f"r-{number}", days=10 + number, phase="Failed")
    assert mark_of_next_recipe(conn, RetentionSettings(run_days=5), limit=4, again_after=3600) == 4
    assert {each.name for each in marked_runs(conn, limit=9)} == {"r-5", "r-6", "r-7", "r-8"}
    assert mark_of_next_recipe(conn, RetentionSettings(run_days=5), limit=4, again_after=3600) == 4
    assert mark_of_next_recipe(conn, RetentionSettings(run_days=5), limit=4, again_after=3600) == 1
    assert mark_of_next_recipe(conn, RetentionSettings(run_days=5), limit=4, again_after=3600) is None


def test_two_sweeps_share_the_recipes(database):
    with database.transaction() as conn:
        for recipe in "rs":
            run(conn, f"{recipe}-1", days=50, phase="Failed", recipe_id=recipe, recipe_name=recipe)
    kept = RetentionSettings(run_days=5)
    with database.transaction() as one, database.transaction() as other:
        assert mark_of_next_recipe(one, kept, limit=9, again_after=3600) == 1
        assert mark_of_next_recipe(other, kept, limit=9, again_after=3600) == 1
        assert mark_of_next_recipe(other, kept, limit=9, again_after=3600) is None
    with database.autocommit() as conn:
        assert {each.name for each in marked_runs(conn, limit=9)} == {"r-1", "s-1"}


def test_a_run_is_kept_as_long_as_a_run_that_reused_its_results(conn):
    run(conn, "source", days=90)
    run(conn, "between", days=80)
    run(conn, "taker", days=1, manifest=TAKES)
    kept = {"run_days": 30, "task_days": 20}

    assert marked(conn, **kept) == {}, "nobody knows yet what was taken"

    (unread,) = runs_taking(conn, limit=9)
    record_taken(conn, unread[0], ["source"])
    assert runs_taking(conn, limit=9) == []
    assert marked(conn, **kept) == {"between": "run"}

    conn.execute("DELETE FROM runs WHERE name = 'taker'")
    run(conn, "newest", days=1)
    assert marked(conn, **kept) == {"between": "run", "source": "run"}


def test_a_run_with_pending_notifications_is_kept(conn):
    run(conn, "old", days=90, phase="Failed")
    owed = {"id": get_run(conn, "old").id}
    conn.execute("INSERT INTO deliveries (run_id, outcome, run) VALUES (%(id)s, 'failed', '{}')", owed)
    assert marked(conn, run_days=30) == {}
    conn.execute("UPDATE deliveries SET due_at = NULL")
    assert marked(conn, run_days=30) == {"old": "run"}


def test_tasks_and_logs_have_separate_retention_periods(conn):
    for name, days in (("a", 90), ("b", 40), ("c", 15), ("d", 5)):
        run(conn, name, days=days)
    assert marked(conn, run_days=60, task_days=30, log_days=10) == {"a": "run", "b": "tasks", "c": "logs"}


def test_a_run_being_removed_cannot_be_retried(conn):
    run(conn, "old", days=90, phase="Failed")
    assert marked(conn, run_days=30) == {"old": "run"}
    with pytest.raises(RunStateError, match="being removed"):
        claim_retry(conn, "old")
