"""Aggregating the facts of a run's tasks in bounded memory: tables on disk, samples in memory."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.layout import RESULT
from ogdc_shared.provenance import uris
from ogdc_shared.provenance.executions import Execution, Executions, execution_of
from ogdc_shared.provenance.tables import EXECUTION_COLUMNS, EXECUTIONS, FILE_COLUMNS, FILES, Table
from ogdc_shared.provenance.task_facts import Fact, TaskRecord, read_facts
from ogdc_shared.provenance.values import checksum_of, text_of, whole_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ogdc_shared.provenance.description import RunDescription

INLINE = 200
"""Maximum number of inputs, outputs or commands in the metadata; more of a kind are only in a table."""


_SECTIONS = frozenset({"fetched", "read", "ran", "wrote"})


class FileFact(NamedTuple):
    """An input or an output of a run."""

    path: str
    """Relative to the input or output directory; for a file on a volume, its path in the task's container."""
    size: int | None
    checksum: str | None
    """Such as `sha256:9f86…`, or None."""
    source: str | None = None
    """Of an input: its URL, or its path in the recipe or on a volume."""
    url: str | None = None
    """Final URL after redirects, if it differs."""
    task: tuple[str, int] = ("", 0)
    """Stage and partition of the task that read or wrote it."""


class Sample:
    """Files of one kind: their number and size, and the first of them."""

    def __init__(self) -> None:
        self.first: list[FileFact] = []
        self.count = 0
        self.bytes = 0

    @property
    def is_whole(self) -> bool:
        """Whether `first` has all of them."""
        return self.count <= INLINE

    def add(self, file: FileFact) -> None:
        """Count a file."""
        self.count += 1
        self.bytes += file.size or 0
        if self.count <= INLINE:
            self.first.append(file)


class Gathering:
    """The facts of a run's tasks.

    Attributes:
        inputs: Files that they fetched or read on volumes.
        outputs: Files that they wrote and that are part of the result.
        executions: Their executions of commands.
        software: Names and versions of the software.
        images: The container image of each stage, if its tasks ran in one.
        problems: Sentences about what is unknown.
        reused: Number of tasks with completely or partly reused results, by run.
    """

    def __init__(self, run: RunDescription) -> None:
        """Start without facts."""
        self.inputs, self.outputs = Sample(), Sample()
        self.executions = Executions(INLINE)
        self.software: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.problems: list[str] = []
        self.reused: Counter[str] = Counter()
        self._last = run.stages[-1].name if run.stages else ""
        self._known = {(stage.name, each.number) for stage in run.stages for each in stage.commands}
        self._with_results = {stage.name for stage in run.stages if stage.has_results}

    def gather(self, tasks: Iterable[TaskRecord], directory: str) -> None:
        """Read the facts of tasks, and write the tables.

        Raises:
            OSError: they cannot be written.
        """
        with ExitStack() as stack:
            self._files = stack.enter_context(Table(directory, FILES, FILE_COLUMNS))
            self._ran = stack.enter_context(Table(directory, EXECUTIONS, EXECUTION_COLUMNS))
            for task in tasks:
                self._take(task)

    def _take(self, task: TaskRecord) -> None:
        where = f"partition {task.partition} of {task.stage}"
        if not task.succeeded:
            self.executions.fail(task)
        if task.facts is None:
            self._note(f"What {where} did is not known: its task left nothing.")
            return
        try:
            for fact in read_facts(task.facts, _SECTIONS):
                self._take_fact(task, fact)
        except (OSError, ValueError) as exc:
            self._note(f"What {where} did is known in part: {exc}.")

    def _note(self, problem: str) -> None:
        if len(self.problems) < INLINE:
            self.problems.append(problem)

    def _take_fact(self, task: TaskRecord, fact: Fact) -> None:
        if fact.section == "head":
            self._take_head(task, fact.value)
        elif fact.section == "ran":
            self._add_execution(task, execution_of(fact.value))
        elif fact.section == "wrote":
            self._add_output(task, fact.value)
        else:
            self._add_input(task, fact.value)

    def _take_head(self, task: TaskRecord, head: dict[str, Any]) -> None:
        if image := text_of(head.get("image")):
            self.images.setdefault(task.stage, image)
        reused = head.get("reused")
        if isinstance(reused, dict) and (run := text_of(reused.get("run"))[:63]):
            self.reused[run] += 1
        software = head.get("software")
        for name, version in software.items() if isinstance(software, dict) else ():
            if len(self.software) < 20:
                self.software.setdefault(text_of(name)[:100], text_of(version)[:100])

    def _add_execution(self, task: TaskRecord, execution: Execution) -> None:
        if (task.stage, execution.number) not in self._known:
            raise ValueError(f"it ran command {execution.number}, which does not exist")
        self.executions.add(task, execution)
        self._ran.add(
            *(task.stage, task.partition, execution.number, execution.line),
            *(uris.path_uri(execution.file), execution.started_at, execution.exit_code),
            *(str(execution.failed).lower(), execution.seconds, execution.cpu_seconds),
            *(execution.max_memory, str(execution.timed_out).lower()),
        )

    def _add_input(self, task: TaskRecord, value: dict[str, Any]) -> None:
        source = text_of(value.get("source"))
        file = FileFact(
            path=text_of(value.get("name")) or source,
            size=whole_of(value.get("size")),
            checksum=checksum_of(value.get("checksum")),
            source=source,
            url=text_of(value.get("url")) or None,
            task=(task.stage, task.partition),
        )
        self.inputs.add(file)
        self._add_row("input", task, file)

    def _add_output(self, task: TaskRecord, value: dict[str, Any]) -> None:
        path = text_of(value.get("name"))
        if task.stage != self._last:
            if task.stage not in self._with_results or not path.startswith(f"{RESULT}/"):
                return
            path = path.removeprefix(f"{RESULT}/")
        checksum = checksum_of(value.get("checksum"))
        file = FileFact(path, whole_of(value.get("size")), checksum, task=(task.stage, task.partition))
        self.outputs.add(file)
        self._add_row("output", task, file)

    def _add_row(self, role: str, task: TaskRecord, file: FileFact) -> None:
        source, found = (uris.url(text) if text else None for text in (file.source, file.url))
        where = (role, task.stage, task.partition)
        self._files.add(*where, uris.path_uri(file.path), source, found, file.size, file.checksum)
