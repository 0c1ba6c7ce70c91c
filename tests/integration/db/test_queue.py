"""Who has their turn: within the bounds, users and recipes after each other, before whom nobody passes."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg import Connection

from ogdc_shared.config import QueueSettings
from ogdc_shared.db.database import Database
from ogdc_shared.db.queue import anybody_waits, places, release, require_turn
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
    def test_users_take_turns_whoever_came_first(self, conn):
        for number in range(3):
            queue(conn, f"a{number}")
        for number in range(2):
            queue(conn, f"b{number}", user="bert")
        queue(conn, "c0", user="carl")

        assert one_after_the_other(conn, 6) == ["a0", "b0", "c0", "a1", "b1", "a2"]

    def test_so_do_the_recipes_of_a_user(self, conn):
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

    def test_who_has_fewer_under_way_comes_first(self, conn):
        bounds = QueueSettings(runs=4)
        for number in range(6):
            queue(conn, f"a{number}")
        assert len(release(conn, bounds)) == 4
        for number in range(3):
            queue(conn, f"b{number}", user="bert")
        for number in range(3):
            end(conn, f"a{number}")

        assert sorted(release(conn, bounds)) == ["a4", "b0", "b1"]

    def test_what_waits_for_room_is_not_passed_by_what_is_smaller(self, conn):
        bounds = QueueSettings(tasks=10)
        queue(conn, "a", tasks=6)
        queue(conn, "large", user="bert", tasks=8)
        queue(conn, "small", user="carl", tasks=1)
        assert release(conn, bounds) == ["a"]

        end(conn, "a")

        assert sorted(release(conn, bounds)) == ["large", "small"]

    def test_what_is_larger_than_the_bound_runs_alone(self, conn):
        bounds = QueueSettings(tasks=10)
        queue(conn, "a", tasks=1)
        queue(conn, "huge", tasks=50)
        assert release(conn, bounds) == ["a"]
        end(conn, "a")

        assert release(conn, bounds) == ["huge"]

    def test_who_has_as_many_as_one_may_holds_up_nobody(self, conn):
        bounds = QueueSettings(runs=3, user_runs=1)
        queue(conn, "a0")
        queue(conn, "a1", priority=5)
        queue(conn, "b0", user="bert")

        assert sorted(release(conn, bounds)) == ["a1", "b0"]
        found = places(conn, ["a0", "b0"], bounds)
        assert [*found] == ["a0"]
        assert found["a0"].held


class TestRelease:
    def test_places_tell_how_many_come_before(self, conn):
        for number in range(4):
            queue(conn, f"a{number}")
        release(conn, ONE)

        found = places(conn, ["a1", "a3"], ONE)

        assert [(each.name, each.before, each.tasks_alone) for each in found.values()] == [
            ("a1", 0, False),
            ("a3", 2, False),
        ]

    def test_without_a_bound_all_that_wait_are_released(self, conn):
        for number in range(3):
            queue(conn, f"a{number}")
        assert anybody_waits(conn)

        assert len(release(conn, QueueSettings())) == 3
        assert not anybody_waits(conn)

    def test_runs_of_before_there_was_a_bound_count(self, conn):
        submit(conn, "before")
        queue(conn, "a")

        assert release(conn, ONE) == []

    def test_one_that_was_cancelled_has_no_turn(self, conn):
        queue(conn, "a")
        assert record_refusal(conn, "a", message="cancelled", only_waiting=True)

        assert release(conn, ONE) == []

    def test_one_that_has_its_turn_does_not_wait_any_more(self, conn):
        queue(conn, "a")
        assert get_run(conn, "a").waits
        release(conn, ONE)

        assert not get_run(conn, "a").waits
        assert not record_refusal(conn, "a", message="cancelled", only_waiting=True)

    def test_a_crash_before_argo_is_found_by_its_turn_and_not_while_it_waits(self, conn):
        queue(conn, "a")
        conn.execute("UPDATE runs SET submitted_at = now() - interval '1 day'")
        assert unsent_runs(conn, older_than=60) == []
        release(conn, ONE)
        assert unsent_runs(conn, older_than=60) == []

        conn.execute("UPDATE runs SET released_at = now() - interval '2 minutes'")

        assert unsent_runs(conn, older_than=60) == ["a"]

    def test_many_at_once_release_none_twice_and_none_too_many(self, database, conn):
        for number in range(20):
            queue(conn, f"a{number}", user=f"user-{number % 3}")

        def once(_: int) -> list[str]:
            with database.transaction() as own:
                return release(own, QueueSettings(runs=7))

        with ThreadPoolExecutor(8) as threads:
            done = [name for names in threads.map(once, range(16)) for name in names]

        assert len(done) == len({*done}) == 7

    def test_a_retry_needs_room(self, conn):
        queue(conn, "a")
        release(conn, ONE)
        end(conn, "a")
        require_turn(conn, "a", ONE)
        queue(conn, "b", user="bert")
        release(conn, ONE)

        with pytest.raises(LimitError, match="1 runs are under way"):
            require_turn(conn, "a", ONE)
        require_turn(conn, "a", QueueSettings(runs=2))
        require_turn(conn, "a", QueueSettings())


class _Known(NamedTuple):
    user: str
    recipe: str
    priority: int
    tasks: int


class Queue(RuleBasedStateMachine):
    """A deployment whose runs come, have their turn, end and are cancelled, in any order."""

    def __init__(self, conn: Connection) -> None:
        super().__init__()
        self.conn = conn
        self.waiting: dict[str, _Known] = {}
        self.under_way: dict[str, _Known] = {}
        self.count = 0
        self.served: list[str] = []
        conn.execute("DELETE FROM runs")

    @initialize(runs=st.integers(0, 4), tasks=st.integers(0, 8), user_runs=st.integers(0, 3))
    def bound(self, runs: int, tasks: int, user_runs: int) -> None:
        self.bounds = QueueSettings(runs, tasks, user_runs)

    @rule(
        user=st.sampled_from(["anna", "bert", "carl"]),
        recipe=st.sampled_from(["r", "s"]),
        priority=st.sampled_from([-1, 0, 0, 1]),
        tasks=st.integers(1, 9),
    )
    def submit(self, user: str, recipe: str, priority: int, tasks: int) -> None:
        name = f"run-{self.count}"
        self.count += 1
        queue(self.conn, name, user=user, recipe=recipe, priority=priority, tasks=tasks)
        self.waiting[name] = _Known(user, recipe, priority, tasks)

    @rule(number=st.integers(0, 30))
    def end(self, number: int) -> None:
        if self.under_way:
            name = sorted(self.under_way)[number % len(self.under_way)]
            end(self.conn, name)
            del self.under_way[name]

    @rule(number=st.integers(0, 30))
    def cancel(self, number: int) -> None:
        if self.waiting:
            name = sorted(self.waiting)[number % len(self.waiting)]
            assert record_refusal(self.conn, name, message="cancelled", only_waiting=True)
            del self.waiting[name]

    @rule()
    def give_turns(self) -> None:
        released = release(self.conn, self.bounds)
        self.served = released
        for name in released:
            self.under_way[name] = self.waiting.pop(name)
        self.check_fairness(released)
        assert places(self.conn, [*self.waiting], self.bounds).keys() == self.waiting.keys()

    def check_fairness(self, released: list[str]) -> None:
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

    @invariant()
    def within_bounds(self) -> None:
        if not hasattr(self, "bounds"):
            return
        runs, tasks, user_runs = self.bounds
        known = [*self.under_way.values()]
        assert not runs or len(known) <= runs
        assert not tasks or sum(min(each.tasks, tasks) for each in known) <= tasks
        assert not user_runs or all(
            count <= user_runs for count in Counter(each.user for each in known).values()
        )

    def teardown(self) -> None:
        """Once nothing more comes, everything has its turn: nobody waits for ever."""
        for _ in range(len(self.waiting) + 1):
            for name in [*self.under_way]:
                end(self.conn, name)
                del self.under_way[name]
            self.give_turns()
            self.within_bounds()
        assert self.waiting == {}


def test_whatever_comes_turns_are_fair_and_within_the_bounds(conn):
    run_state_machine_as_test(
        lambda: Queue(conn), settings=settings(max_examples=10, stateful_step_count=25, deadline=None)
    )
