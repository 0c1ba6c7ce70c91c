"""The queue of runs, for deployments that limit concurrent work.

A run is queued from its submission (`queued_at`) until it is released (`released_at`). Then it is handed over
to Argo like any other (see `db.submissions`). Releasing takes a lock, so that limits are never exceeded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row

from ogdc_shared.db.queries import load_queries
from ogdc_shared.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ogdc_shared.queue_settings import QueueSettings

_LOCK = 0x6F67646371  # "ogdcq"; an advisory lock that nothing else in the database uses
_NO_BOUND = 2**31 - 1
_RETRY_SECONDS = 60


class Place(NamedTuple):
    """The position of a run in the queue."""

    name: str
    held: bool
    """Whether its user already has the maximum number of runs under way or ahead in the queue."""
    before: int
    """Number of runs ahead of it, counting only held runs if it is held, else only runs that are not."""
    tasks_alone: bool
    """Whether it waits only because of the limit on tasks."""


def release(conn: Connection, bounds: QueueSettings) -> list[str]:
    """Release the runs for which there is room, and return their names.

    The caller hands them over to Argo. After a crash in between, `unsent_runs` finds them.
    """
    conn.execute(_sql("lock_queue"), {"lock": _LOCK})
    most = _bounds(bounds)
    runs, tasks, _, _ = _under_way(conn, most)
    if runs >= most["runs"] or tasks >= most["tasks"]:
        return []  # the usual case in a busy deployment; computing the order of the queue costs more
    return [name for (name,) in conn.execute(_sql("queue") + b"\n" + _sql("release"), most)]


class QueueOrder:
    """Computes the positions in the queue, and caches them until the queue changes.

    Clients that follow a run or list poll often. For ten thousand queued runs, PostgreSQL takes ten times as
    long to order them as to detect that they have not changed.
    """

    def __init__(self) -> None:
        self._known: tuple[object, dict[str, Place]] | None = None

    def of(self, conn: Connection, names: Sequence[str], bounds: QueueSettings) -> dict[str, Place]:
        """Return the positions of runs by name; those that are not queued are left out."""
        digest = (conn.execute(_sql("digest")).fetchone(), bounds)
        known = self._known  # read once, since another thread may replace it
        if known is None or known[0] != digest:
            cursor = conn.cursor(row_factory=class_row(Place))
            found = cursor.execute(_sql("queue") + b"\n" + _sql("select_places"), _bounds(bounds))
            self._known = known = (digest, {each.name: each for each in found})
        return {name: known[1][name] for name in names if name in known[1]}


def anybody_waits(conn: Connection) -> bool:
    """Whether any run is queued."""
    return conn.execute(_sql("anybody_waits")).fetchone() == (True,)


def require_turn(conn: Connection, name: str, bounds: QueueSettings) -> None:
    """Check that there is room to restart a run; the answer holds until the transaction ends.

    Raises:
        LimitError: there is no room.
    """
    if not bounds.is_bounded:
        return
    conn.execute(_sql("lock_queue"), {"lock": _LOCK})
    most = _bounds(bounds)
    runs, tasks, of_user, own = _under_way(conn, most, but=name)
    if runs + 1 > most["runs"] or tasks + (own or 1) > most["tasks"] or of_user + 1 > most["user_runs"]:
        raise LimitError(
            f"There is no capacity for run {name!r}: {runs} runs are active, with up to {tasks} tasks, "
            f"{of_user} of them by the same user. At most {_listed(bounds)} run at a time. "
            "Try again when one has ended.",
            retry_after=_RETRY_SECONDS,
        )


def _under_way(conn: Connection, most: dict[str, Any], *, but: str = "") -> tuple[int, int, int, int | None]:
    """Count runs under way, their tasks, and runs of the user of run `but`, without it; and its tasks."""
    found = conn.execute(_sql("count_under_way"), most | {"name": but}).fetchone()
    assert found is not None
    return found[0], found[1], found[2], found[3]


def _listed(bounds: QueueSettings) -> str:
    known = {"runs": bounds.runs, "tasks": bounds.tasks, "runs of one user": bounds.user_runs}
    return " and ".join(f"{most} {what}" for what, most in known.items() if most)


def _bounds(bounds: QueueSettings) -> dict[str, Any]:
    return {field: most or _NO_BOUND for field, most in bounds._asdict().items()}


def _sql(name: str) -> bytes:
    return load_queries("queue")[name]
