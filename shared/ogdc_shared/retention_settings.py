"""Settings of retention: what is kept for how long."""

from typing import Annotated, NamedTuple

from ogdc_shared.variables import Variable, number


class RetentionSettings(NamedTuple):
    """What the sweep removes from the record and the artifact store; 0 means never.

    Published data are never removed. The newest successful run of each recipe and output type is kept, and so
    is a run with results that another existing run has reused.
    """

    run_days: Annotated[
        int,
        Variable(
            "OGDC_RUN_DAYS",
            number(0),
            "Days that a run is kept after its end, with its tasks, logs, facts and artifacts; 0: forever.",
        ),
    ] = 0
    runs_per_recipe: Annotated[
        int,
        Variable(
            "OGDC_RUNS_PER_RECIPE",
            number(0),
            "Number of runs of a recipe to keep, the newest; older ones are removed after their end; 0: all.",
        ),
    ] = 0
    task_days: Annotated[
        int,
        Variable(
            "OGDC_TASK_DAYS",
            number(0),
            "Days that tasks are kept after their run's end, with facts and logs; their counts stay "
            "with the run; 0: as long as the run.",
        ),
    ] = 0
    log_days: Annotated[
        int,
        Variable(
            "OGDC_LOG_DAYS",
            number(0),
            "Days that logs of tasks are kept after their run's end; 0: as long as the tasks.",
        ),
    ] = 0
    event_days: Annotated[
        int,
        Variable(
            "OGDC_EVENT_DAYS",
            number(1),
            "Days that ids of applied events are kept, to recognize repeated events.",
        ),
    ] = 7
    delivery_days: Annotated[
        int,
        Variable(
            "OGDC_DELIVERY_DAYS",
            number(1),
            "Days that records of webhook deliveries and scheduled starts are kept.",
        ),
    ] = 30

    @property
    def removes_runs(self) -> bool:
        """Whether runs are removed."""
        return bool(self.run_days or self.runs_per_recipe)

    @property
    def removes_anything(self) -> bool:
        """Whether anything of runs is removed."""
        return bool(self.removes_runs or self.task_days or self.log_days)
