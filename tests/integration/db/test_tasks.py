import pytest

from ogdc_shared.db.queries import load_queries
from ogdc_shared.db.runs import get_run
from ogdc_shared.db.tasks import count_stages, list_tasks, partition_tasks
from ogdc_shared.db.workflow_state import record_state
from support.records import LONG_AGO, state, submit, task

MANY = 10_000


@pytest.fixture
def conn(database):
    with database.transaction() as conn:
        submit(conn, "a-1")
        yield conn


def written_by(database) -> int:
    """Rows of `tasks` written by the latest transaction that wrote any."""
    with database.autocommit() as conn:
        [count] = conn.execute(
            "SELECT count(*) FROM tasks GROUP BY xmin::text ORDER BY max(age(xmin)) LIMIT 1"
        ).fetchone()
        return count


def test_only_the_tasks_that_changed_are_written(database):
    tasks = [task(f"n-{number}", partition=number) for number in range(5)]
    with database.transaction() as conn:
        submit(conn, "a-1")
        record_state(conn, state("a-1", 1, tasks=tuple(tasks)))
    assert written_by(database) == 5
    tasks[2] = tasks[2]._replace(phase="Succeeded", progress="3/3")
    with database.transaction() as conn:
        record_state(conn, state("a-1", 2, tasks=tuple(tasks)))
        assert list_tasks(conn, get_run(conn, "a-1").id) == tasks
    assert written_by(database) == 1


def test_tasks_are_ordered_by_partition_then_start(conn):
    publish = task("n-0", template="publish", partition=None, started_at=None)
    retried = task("n-1", partition=1, started_at=LONG_AGO.replace(hour=13))
    first = task("n-2", partition=1)
    zero = task("n-3", partition=0)
    record_state(conn, state("a-1", tasks=(publish, retried, first, zero)))
    run_id = get_run(conn, "a-1").id
    assert list_tasks(conn, run_id) == [zero, first, retried, publish]
    assert list_tasks(conn, run_id, limit=2, offset=1) == [first, retried]


def test_stages_come_in_the_order_of_their_plans_whichever_started_first(conn):
    """`paint` and `top` may run concurrently; `run` takes the last one for the end of the result."""
    started = ("top", "process", "paint", "build")
    tasks = [
        task(f"n-{at}", template=stage, partition=0, started_at=LONG_AGO.replace(hour=at))
        for at, stage in enumerate(started)
    ]
    record_state(conn, state("a-1", tasks=tuple(tasks)))
    counted = count_stages(conn, get_run(conn, "a-1").id)
    assert [each.stage for each in counted] == ["process", "build", "paint", "top"]


def test_runs_keep_their_tasks_apart(conn):
    submit(conn, "b-1")
    record_state(conn, state("a-1", tasks=(task("n-1"),)))
    record_state(conn, state("b-1", tasks=(task("n-1", phase="Failed"),)))
    assert [t.phase for t in list_tasks(conn, get_run(conn, "a-1").id)] == ["Running"]


def test_ten_thousand_tasks_are_recorded_by_few_statements(conn, monkeypatch):
    executed: list[object] = []

    class Counting(conn.cursor_factory):
        def execute(self, query, *args, **kwargs):
            executed.append(query)
            return super().execute(query, *args, **kwargs)

        def executemany(self, query, params, **kwargs):
            raise AssertionError("a statement for each task")

    monkeypatch.setattr(conn, "cursor_factory", Counting)
    tasks = tuple(task(f"n-{number:05}", partition=number) for number in range(MANY))
    for version, phase in enumerate(("Pending", "Running", "Succeeded"), start=1):
        # Half of them change each time.
        changed = tuple(t._replace(phase=phase) if t.partition % 2 else t for t in tasks)
        executed.clear()
        record_state(conn, state("a-1", version, tasks=changed))
        assert 0 < len(executed) < 20
    run = get_run(conn, "a-1")
    assert run.task_counts == {"Running": MANY // 2, "Succeeded": MANY // 2}
    assert len(list_tasks(conn, run.id, limit=MANY)) == MANY


def test_partitions_are_counted_apart_from_other_tasks(conn):
    tasks = (
        task("n-1", partition=0, phase="Succeeded"),
        task("n-2", partition=1),
        task("n-3", template="publish", partition=None),
    )
    record_state(conn, state("a-1", tasks=tasks))
    run = get_run(conn, "a-1")
    assert run.task_counts == {"Succeeded": 1, "Running": 2}
    assert run.partition_counts == {"Succeeded": 1, "Running": 1}


def test_listed_partitions_are_recorded_once(conn):
    submit(conn, "b-1", partitions=None)
    run = get_run(conn, "b-1")
    assert (run.partitions, run.input_files, run.input_bytes) == (None, None, None)

    listing = (task("n-1", template="list", partition=None),)
    record_state(conn, state("b-1", 1, tasks=listing))
    assert get_run(conn, "b-1").partitions is None
    record_state(conn, state("b-1", 2, tasks=listing, partitions=3, input_files=7, input_bytes=0))
    record_state(conn, state("b-1", 3, tasks=listing))
    run = get_run(conn, "b-1")
    assert (run.partitions, run.input_files, run.input_bytes) == (3, 7, 0)


def test_tasks_of_some_partitions_are_read_by_their_numbers(conn):
    begun = tuple(task(f"n-{number}", partition=number) for number in (0, 2, 3, 5))
    record_state(conn, state("a-1", tasks=(*begun, task("n-9", template="publish", partition=None))))
    found = partition_tasks(conn, get_run(conn, "a-1").id, range(1, 5))
    assert {number: found[number].node_id for number in found} == {2: "n-2", 3: "n-3"}


def test_reading_a_run_reads_one_row_by_its_unique_name_and_no_task(conn):
    queries = load_queries("runs")
    conn.execute("SET LOCAL enable_seqscan = off")
    query = b"EXPLAIN " + queries["select_runs"] + b" " + queries["where_name"]
    plan = "\n".join(line for (line,) in conn.execute(query, {"name": "a-1"}))
    assert "Index Scan using runs_name_key on runs" in plan
    assert "tasks" not in plan.replace("tasks_version", "")
