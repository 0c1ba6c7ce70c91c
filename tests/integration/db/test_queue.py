"""The queue: limits are kept, users and recipes take turns, and no run overtakes a waiting one."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings
from psycopg import Connection

from ogdc_shared.config import QueueSettings
from ogdc_shared.db.database import Database
from ogdc_shared.db.queue import Place, QueueOrder, anybody_waits, release, require_turn
from ogdc_shared.db.runs import get_run
from ogdc_shared.db.submissions import record_handover, record_refusal, unsent_runs
from ogdc_shared.db.workflow_state import record_state
from ogdc_shared.errors import LimitError
from support.records import state, submit

ONE = QueueSettings(runs=1)


@pytest.fixture
def conn(database: Database):
    with database.autocommit() as conn:
        yield conn


def queue(
    conn: Connection, name: str, *, user: str = "anna", recipe: str = "r", priority: int = 0, tasks: int = 1
) -> None:
    """Record a run that waits."""
    submit(
        conn,
        name,
        user=user,
        recipe_id=recipe,
        recipe_name=recipe,
        output_type="temporary",
        priority=priority,
        parallelism=tasks,
        queued=True,
    )


def places(conn: Connection, names: list[str], bounds: QueueSettings) -> dict[str, Place]:
    return QueueOrder().of(conn, names, bounds)


def end(conn: Connection, name: str) -> None:
    record_handover(conn, name, uid=f"uid-of-{name}")
    assert record_state(conn, state(name, 10, phase="Succeeded")).after == "Succeeded"


def one_after_the_other(conn: Connection, count: int, bounds: QueueSettings = ONE) -> list[str]:
    """Names in the order in which they have their turn, where each has ended before the next begins."""
    begun = []
    for _ in range(count):
        (name,) = release(conn, bounds)
        end(conn, name)
        begun.append(name)
    assert release(conn, bounds) == []
    return begun


class TestOrder:
    def test_users_take_turns_independent_of_arrival(self, conn):
        for number in range(3):
            queue(conn, f"a{number}")
        for number in range(2):
            queue(conn, f"b{number}", user="bert")
        queue(conn, "c0", user="carl")

        assert one_after_the_other(conn, 6) == ["a0", "b0", "c0", "a1", "b1", "a2"]

    def test_recipes_of_a_user_take_turns(self, conn):
        for number in range(3):
            queue(conn, f"r{number}", recipe="r")
        queue(conn, "s0", recipe="s")
        queue(conn, "s1", recipe="s")

        assert one_after_the_other(conn, 5) == ["r0", "s0", "r1", "s1", "r2"]

    def test_a_higher_priority_comes_first(self, conn):
        queue(conn, "low", priority=-1)
        queue(conn, "a", user="bert")
        queue(conn, "b", user="bert")
        queue(conn, "urgent", user="bert", recipe="s", priority=5)

        assert one_after_the_other(conn, 4) == ["urgent", "a", "b", "low"]

    def test_the_user_with_fewer_active_runs_comes_first(self, conn):
        bounds = QueueSettings(runs=4)
        for number in range(6):
            queue(conn, f"a{number}")
        assert len(release(conn, bounds)) == 4
        for number in range(3):
            queue(conn, f"b{number}", user="bert")
        for number in range(3):
            end(conn, f"a{number}")

        assert sorted(release(conn, bounds)) == ["a4", "b0", "b1"]

    def test_a_waiting_run_is_not_overtaken_by_a_smaller_one(self, conn):
        bounds = QueueSettings(tasks=10)
        queue(conn, "a", tasks=6)
        queue(conn, "large", user="bert", tasks=8)
        queue(conn, "small", user="carl", tasks=1)
        assert release(conn, bounds) == ["a"]

        end(conn, "a")

        assert sorted(release(conn, bounds)) == ["large", "small"]

    def test_a_run_larger_than_the_limit_runs_alone(self, conn):
        bounds = QueueSettings(tasks=10)
        queue(conn, "a", tasks=1)
        queue(conn, "huge", tasks=50)
        assert release(conn, bounds) == ["a"]
        end(conn, "a")

        assert release(conn, bounds) == ["huge"]

    def test_a_user_at_their_limit_does_not_block_others(self, conn):
        bounds = QueueSettings(runs=2, user_runs=1)
        queue(conn, "a0", priority=5)
        queue(conn, "a1", priority=5)
        queue(conn, "b0", user="bert")

        assert sorted(release(conn, bounds)) == ["a0", "b0"]
        found = places(conn, ["a1", "b0"], bounds)
        assert [*found] == ["a1"]
        assert found["a1"].held


class TestRelease:
    def test_a_position_counts_the_runs_before_it(self, conn):
        for number in range(4):
            queue(conn, f"a{number}")
        release(conn, ONE)

        found = places(conn, ["a1", "a3"], ONE)

        assert [(each.name, each.before, each.tasks_alone) for each in found.values()] == [
            ("a1", 0, False),
            ("a3", 2, False),
        ]

    def test_without_a_limit_all_waiting_runs_are_released(self, conn):
        for number in range(3):
            queue(conn, f"a{number}")
        assert anybody_waits(conn)

        assert len(release(conn, QueueSettings())) == 3
        assert not anybody_waits(conn)

    def test_runs_from_before_the_limit_count(self, conn):
        submit(conn, "before")
        queue(conn, "a")

        assert release(conn, ONE) == []

    def test_a_cancelled_run_gets_no_turn(self, conn):
        queue(conn, "a")
        assert record_refusal(conn, "a", message="cancelled", only_waiting=True)

        assert release(conn, ONE) == []

    def test_a_run_with_its_turn_is_no_longer_queued(self, conn):
        queue(conn, "a")
        assert get_run(conn, "a").waits
        release(conn, ONE)

        assert not get_run(conn, "a").waits
        assert not record_refusal(conn, "a", message="cancelled", only_waiting=True)

    def test_a_crash_before_the_handover_is_found_only_after_the_turn(self, conn):
        queue(conn, "a")
        conn.execute("UPDATE runs SET submitted_at = now() - interval '1 day'")
        assert unsent_runs(conn, older_than=60) == []
        release(conn, ONE)
        assert unsent_runs(conn, older_than=60) == []

        conn.execute("UPDATE runs SET released_at = now() - interval '2 minutes'")

        assert unsent_runs(conn, older_than=60) == ["a"]

    def test_concurrent_releases_release_no_run_twice_and_not_too_many(self, database, conn):
        for number in range(20):
            queue(conn, f"a{number}", user=f"user-{number % 3}")

        def once(_: int) -> list[str]:
            with database.transaction() as own:
                return release(own, QueueSettings(runs=7))

        with ThreadPoolExecutor(8) as threads:
            done = [name for names in threads.map(once, range(16)) for name in names]

        assert len(done) == len({*done}) == 7

    def test_releasing_waits_for_a_concurrent_release(self, database, conn):
        queue(conn, "a")
        with ThreadPoolExecutor(1) as threads:
            with database.transaction() as first:
                assert release(first, ONE) == ["a"]
                queue(conn, "urgent", priority=5)

                def second() -> list[str]:
                    with database.transaction() as own:
                        return release(own, ONE)

                done = threads.submit(second)
                waits = """
                    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
                    WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
                """
                while conn.execute(waits).fetchone() == (0,) and not done.done():
                    time.sleep(0.01)
            assert done.result() == []

    def test_a_retry_needs_capacity(self, conn):
        queue(conn, "a")
        release(conn, ONE)
        end(conn, "a")
        require_turn(conn, "a", ONE)
        queue(conn, "b", user="bert")
        release(conn, ONE)

        with pytest.raises(LimitError, match="1 runs are active"):
            require_turn(conn, "a", ONE)
        require_turn(conn, "a", QueueSettings(runs=2))
        require_turn(conn, "a", QueueSettings())


class _Known(NamedTuple):
    user: str
    recipe: str
    priority: int
    tasks: int


class Deployment:
    """What a deployment's runs are to be, beside the record."""

    def __init__(self, conn: Connection, bounds: QueueSettings) -> None:
        self.conn = conn
        self.bounds = bounds
        self.waiting: dict[str, _Known] = {}
        self.under_way: dict[str, _Known] = {}
        self.count = 0
        self.order = QueueOrder()
        conn.execute("DELETE FROM runs")

    def submit(self, run: _Known) -> None:
        name = f"run-{self.count}"
        self.count += 1
        queue(self.conn, name, **run._asdict())
        self.waiting[name] = run

    def end(self, name: str) -> None:
        end(self.conn, name)
        del self.under_way[name]

    def cancel(self, name: str) -> None:
        assert record_refusal(self.conn, name, message="cancelled", only_waiting=True)
        del self.waiting[name]

    def give_turns(self) -> None:
        released = release(self.conn, self.bounds)
        for name in released:
            self.under_way[name] = self.waiting.pop(name)
        self.check_bounds()
        self.check_fairness(released)
        self.check_places()

    def check_places(self) -> None:
        """What is known of before is as right as what is worked out now."""
        found = self.order.of(self.conn, [*self.waiting, *self.under_way], self.bounds)
        assert found.keys() == self.waiting.keys()
        assert found == places(self.conn, [*self.waiting], self.bounds)

    def check_bounds(self) -> None:
        runs, tasks, user_runs = self.bounds
        known = [*self.under_way.values()]
        assert not runs or len(known) <= runs
        assert not tasks or sum(min(each.tasks, tasks) for each in known) <= tasks
        of_user = Counter(each.user for each in known)
        assert not user_runs or max(of_user.values(), default=0) <= user_runs
        free = [each for each in self.waiting.values() if not user_runs or of_user[each.user] < user_runs]
        assert not free or (runs and len(known) == runs) or tasks, "there is room, and somebody waits"

    def check_fairness(self, released: list[str]) -> None:
        """Who had a turn had it before nobody of a higher priority, or with less under way, or older."""
        of_user = Counter(each.user for each in self.under_way.values())
        for name in released:
            run = self.under_way[name]
            for other_name, other in self.waiting.items():
                free = not self.bounds.user_runs or of_user[other.user] < self.bounds.user_runs
                if free:
                    assert other.priority <= run.priority
                if free and other.priority == run.priority:
                    assert of_user[run.user] <= of_user[other.user] + 1
                same = (other.user, other.recipe) == (run.user, run.recipe)
                if same and other.priority >= run.priority:
                    assert int(other_name[4:]) > int(name[4:])


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    random=st.randoms(use_true_random=True),
    runs=st.integers(0, 4),
    tasks=st.sampled_from([0, 0, 8]),
    user_runs=st.integers(0, 3),
)
@example(random=Random(1), runs=3, tasks=0, user_runs=0)
@example(random=Random(2), runs=4, tasks=8, user_runs=2)
def test_any_sequence_of_operations_keeps_turns_fair_and_within_limits(conn, random, runs, tasks, user_runs):
    deployment = Deployment(conn, QueueSettings(runs, tasks, user_runs))
    for _ in range(30):
        step = random.random()
        if step < 0.5:
            user, recipe = random.choice(["anna", "anna", "bert", "carl"]), random.choice("rs")
            deployment.submit(_Known(user, recipe, random.choice([-1, 0, 0, 1]), random.randint(1, 9)))
        elif step < 0.65 and deployment.under_way:
            deployment.end(random.choice(sorted(deployment.under_way)))
        elif step < 0.7 and deployment.waiting:
            deployment.cancel(random.choice(sorted(deployment.waiting)))
        else:
            deployment.give_turns()
        if step > 0.4:
            deployment.check_places()
    while deployment.waiting:  # nobody waits for ever
        before = len(deployment.waiting)
        for name in [*deployment.under_way]:
            deployment.end(name)
        deployment.give_turns()
        assert len(deployment.waiting) < before
