"""Entities of commands: their definition, each execution, and the runner as their agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.layout import task_name
from ogdc_shared.provenance import entities as make
from ogdc_shared.provenance import uris
from ogdc_shared.provenance.entities import entity, ref, refs

if TYPE_CHECKING:
    from typing import Any

    from ogdc_shared.provenance.collection import Collection
    from ogdc_shared.provenance.description import RunDescription, StageCommand, StageDescription
    from ogdc_shared.provenance.executions import Total
    from ogdc_shared.provenance.files import Added
    from ogdc_shared.provenance.gathering import Gathering


class Line(NamedTuple):
    """A command line of a stage."""

    stage: StageDescription
    command: StageCommand

    @property
    def tool(self) -> str:
        """Its id as a tool."""
        return f"#{self.stage.name}-tool-{self.command.number}"

    @property
    def title(self) -> str:
        """Its title for readers."""
        return f"command {self.command.number} of {len(self.stage.commands)} of {self.stage.name}"

    @property
    def is_last(self) -> bool:
        """Whether it is the last of its stage."""
        return self.command.number == len(self.stage.commands)


class Actions:
    """Adds the executions of commands to a crate.

    Attributes:
        tools: Ids of the commands that ran, as tools.
        steps: Ids of the same commands, as steps of the workflow.
    """

    def __init__(
        self, run: RunDescription, gathered: Gathering, collection: Collection, *, workflow: str, agent: str
    ) -> None:
        self._run = run
        self._gathered = gathered
        self._collection = collection
        self._workflow = workflow
        self._agent = agent
        lines = [Line(stage, command) for stage in run.stages for command in stage.commands]
        self._lines = {(line.stage.name, line.command.number): line for line in lines}
        self.tools: list[str] = []
        self.steps: list[str] = []

    def add(self, inputs: Added, outputs: Added) -> list[str]:
        """Add all executions, given the run's files, and return the ids of their control actions."""
        totals = self._gathered.executions.totals()
        ran = {(total.stage, total.number) for total in totals}
        for position, (key, line) in enumerate(self._lines.items(), 1):
            if key in ran:
                self._add_tool(line, position)
        return [self._add_action(total, inputs, outputs) for total in totals]

    def _add_tool(self, line: Line, position: int) -> None:
        software = sorted(self._gathered.software.items())
        needs = [self._collection.add(make.software(*each)) for each in software]
        tool = entity(
            line.tool,
            "SoftwareApplication",
            name=line.title,
            description=line.command.text,
            softwareVersion=self._run.content or self._run.snapshot,
            softwareRequirements=refs(needs) if needs else None,
        )
        step = entity(
            self._step(line),
            "HowToStep",
            name=f"Line {line.command.line} of the recipe's commands",
            position=str(position),
            workExample=ref(line.tool),
        )
        self._collection.add(tool, step)
        self.tools.append(line.tool)
        self.steps.append(self._step(line))

    def _step(self, line: Line) -> str:
        return f"{self._workflow}#{line.stage.name}-{line.command.number}"

    def _add_action(self, total: Total, inputs: Added, outputs: Added) -> str:
        """Add the execution of a command and its control action, and return the id of the latter."""
        line = self._lines[total.stage, total.number]
        where = total.stage if total.partition is None else f"{total.stage}-{total.partition}"
        name = f"#{where}-command-{total.number}"
        used = [self._collection.add(each) for each in make.usage(total, name)]
        partition = "" if total.partition is None else f", partition {total.partition}"
        self._collection.mentions.append(name)
        self._collection.add(
            entity(
                name,
                "CreateAction",
                name=f"{line.title}{partition}",
                description=f"{line.command.text}{_counted(total)}",
                instrument=ref(line.tool),
                object=self._object(line, total, inputs),
                result=None if total.is_failed else self._result(line, total, outputs),
                startTime=total.started_at,
                endTime=total.ended_at,
                agent=ref(self._agent),
                actionStatus=make.status(total.is_failed),
                error=total.message if total.is_failed else None,
                containerImage=self._image(line.stage),
                resourceUsage=refs(used),
                additionalProperty=ref(self._collection.add(make.exit_code(total, name))),
            )
        )
        about = {"instrument": ref(self._step(line)), "object": ref(name)}
        control = entity(f"{name}-control", "ControlAction", name=f"Had {line.title} run", **about)
        return self._collection.add(control)

    def _object(self, line: Line, total: Total, inputs: Added) -> Any:
        if total.number > 1:
            return ref(self._between(line.stage, total.partition, total.number - 1))
        before = self._run.stages.index(line.stage) - 1
        if before >= 0:
            return ref(self._left(self._run.stages[before]))
        names = inputs.of(total.stage, total.partition)
        return refs(names) if names else None

    def _result(self, line: Line, total: Total, outputs: Added) -> Any:
        if not line.is_last:
            return ref(self._between(line.stage, total.partition, total.number))
        names = outputs.of(total.stage, total.partition)
        if line.stage == self._run.stages[-1]:
            return refs(names) if names else None
        left = self._left(line.stage)
        return refs([left, *names]) if line.stage.has_results else ref(left)

    def _between(self, stage: StageDescription, partition: int | None, number: int) -> str:
        """Add a placeholder for what one command left for the next, which is not kept."""
        task = task_name(stage.name, partition)
        return self._add_passing(f"{task}/{number}", f"What command {number} of {task} left for the next")

    def _left(self, stage: StageDescription) -> str:
        """Add a placeholder for what a stage left for the next, which is not kept."""
        return self._add_passing(stage.name, f"What the stage {stage.name} left for the next")

    def _add_passing(self, place: str, title: str) -> str:
        name = uris.run_uri(self._run.run_id, f"intermediate/{place}/")
        return self._collection.add_part(entity(name, "Dataset", name=title, description="It was not kept."))

    def _image(self, stage: StageDescription) -> Any:
        reference = self._gathered.images.get(stage.name)
        return ref(self._collection.add(make.image(reference))) if reference else None


def _counted(total: Total) -> str:
    if total.count == 1:
        return ""
    failures = f", {total.failures} of them without success" if total.failures else ""
    return f" (ran {total.count} times{failures})"
