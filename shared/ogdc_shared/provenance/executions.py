"""Executions of commands: each one, and totals for each command and partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.provenance.values import number_of, shown, span_of, text_of, time_of, whole_of

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from ogdc_shared.provenance.task_facts import TaskRecord


class Execution(NamedTuple):
    """One execution of a command."""

    number: int
    """Which command of its stage, counting from 1."""
    line: int
    file: str
    """The item that it ran for; empty for the whole partition."""
    started_at: str | None
    exit_code: int
    failed: bool
    seconds: float
    cpu_seconds: float
    max_memory: int
    """Bytes."""
    timed_out: bool


class Total:
    """Totals of the executions of a command for one partition, or for all partitions.

    Attributes:
        stage: Stage of the command.
        number: Number of the command in its stage, counting from 1.
        partition: The partition, or None for all.
        count: How often the command ran.
        failures: How often it failed.
        exit_code: Exit code of the last execution.
        cpu_seconds: Sum of the CPU seconds.
        max_memory: Bytes of the largest process.
        is_failed: Whether a task failed because of it.
        message: Message of that task, or None.
    """

    def __init__(self, stage: str, number: int, partition: int | None) -> None:
        self.stage, self.number, self.partition = stage, number, partition
        self.count = self.failures = self.exit_code = self.max_memory = 0
        self.cpu_seconds = 0.0
        self._begin: datetime | None = None
        self._end: datetime | None = None
        self.is_failed = False
        self.message: str | None = None

    @property
    def started_at(self) -> str | None:
        """Time of the first start, or None if unknown."""
        return None if self._begin is None else shown(self._begin)

    @property
    def ended_at(self) -> str | None:
        """Time of the last end, or None if unknown."""
        return None if self._end is None else shown(self._end)

    def add(self, execution: Execution, span: tuple[datetime, datetime] | None) -> None:
        """Add an execution, and the time from its start to its end."""
        self.count += 1
        self.failures += execution.failed
        self.exit_code = execution.exit_code
        self.cpu_seconds += execution.cpu_seconds
        self.max_memory = max(self.max_memory, execution.max_memory)
        if span:
            self._begin = min(self._begin or span[0], span[0])
            self._end = max(self._end or span[1], span[1])

    def judge(self, failed: bool, message: str | None) -> None:
        """Record whether a failed task failed because of this command, judging by its latest execution."""
        self.is_failed = failed or (self.partition is None and self.is_failed)
        self.message = message if self.is_failed else None


class Executions:
    """The totals of a run's executions.

    Args:
        most: Maximum number of totals by command and partition; with more, there are only totals by command.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._each: dict[tuple[str, int, int], Total] | None = {}
        self._all: dict[tuple[str, int], Total] = {}
        self._failed: dict[tuple[str, int], str] = {}
        """Messages of failed tasks, by stage and partition."""
        self.count = 0

    @property
    def is_whole(self) -> bool:
        """Whether there are totals for each partition."""
        return self._each is not None

    def fail(self, task: TaskRecord) -> None:
        """Record the failure of a task, before its executions are added."""
        if len(self._failed) < self._most:
            self._failed[task.stage, task.partition] = task.message or ""

    def add(self, task: TaskRecord, execution: Execution) -> None:
        """Add an execution of a task."""
        self.count += 1
        command = (task.stage, execution.number)
        totals = [self._all.setdefault(command, Total(*command, None))]
        if self._each is not None:
            key = (task.stage, execution.number, task.partition)
            totals.append(self._each.setdefault(key, Total(*key)))
            if len(self._each) > self._most:
                self._each = None
        span = span_of(execution.started_at, seconds=execution.seconds)
        for total in totals:
            total.add(execution, span)
            if not task.succeeded:
                total.judge(execution.failed, self._failed.get((task.stage, task.partition)))

    def totals(self) -> list[Total]:
        """Return the totals by command and partition, or only by command if there are too many."""
        return list(self._all.values() if self._each is None else self._each.values())


def execution_of(value: dict[str, Any]) -> Execution:
    """Parse an execution from a task's facts."""
    return Execution(
        number=whole_of(value.get("number")) or 0,
        line=whole_of(value.get("line")) or 0,
        file=text_of(value.get("file")),
        started_at=time_of(value.get("started_at")),
        exit_code=whole_of(value.get("exit_code")) or 0,
        failed=value.get("failed") is True or bool(whole_of(value.get("exit_code"))),
        seconds=number_of(value.get("seconds")),
        cpu_seconds=number_of(value.get("cpu_seconds")),
        max_memory=whole_of(value.get("max_memory")) or 0,
        timed_out=value.get("timed_out") is True,
    )
