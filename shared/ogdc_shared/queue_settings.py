"""Settings that limit how much work runs concurrently; the rest is queued."""

from typing import Annotated, NamedTuple

from ogdc_shared.variables import Variable, number

_READERS = "submit, upload, status, argo_events"


class QueueSettings(NamedTuple):
    """The bounds of what runs at once; 0: none."""

    runs: Annotated[
        int,
        Variable(
            "OGDC_RUNS_AT_ONCE",
            number(0),
            "So many runs are under way at once on this deployment, others wait for their turn; 0: no bound.",
            readers=_READERS,
        ),
    ] = 0
    tasks: Annotated[
        int,
        Variable(
            "OGDC_TASKS_AT_ONCE",
            number(0),
            "Likewise of runs that have so many tasks at once together; none is given more. 0: no bound.",
            readers=_READERS,
        ),
    ] = 0
    user_runs: Annotated[
        int,
        Variable(
            "OGDC_USER_RUNS_AT_ONCE",
            number(0),
            "Likewise of the runs of one user; 0: no bound.",
            readers=_READERS,
        ),
    ] = 0

    @property
    def is_bounded(self) -> bool:
        """Whether runs take turns at all."""
        return any(self)
