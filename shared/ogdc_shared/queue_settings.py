"""Settings that limit how much work runs concurrently; the rest is queued."""

from typing import Annotated, NamedTuple

from ogdc_shared.variables import Variable, number

_READERS = "submit, upload, status, argo_events"


class QueueSettings(NamedTuple):
    """Limits on concurrent work; 0 means no limit."""

    runs: Annotated[
        int,
        Variable(
            "OGDC_RUNS_AT_ONCE",
            number(0),
            "Maximum number of concurrent runs of the deployment; others are queued. 0: no limit.",
            readers=_READERS,
        ),
    ] = 0
    tasks: Annotated[
        int,
        Variable(
            "OGDC_TASKS_AT_ONCE",
            number(0),
            "Maximum number of concurrent tasks of all runs together; others are queued. 0: no limit.",
            readers=_READERS,
        ),
    ] = 0
    user_runs: Annotated[
        int,
        Variable(
            "OGDC_USER_RUNS_AT_ONCE",
            number(0),
            "Maximum number of concurrent runs of a user; others are queued. 0: no limit.",
            readers=_READERS,
        ),
    ] = 0

    @property
    def is_bounded(self) -> bool:
        """Whether there is any limit, so that runs are queued."""
        return any(self)
