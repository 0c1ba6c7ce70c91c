"""Runs each command once for every item of a partition, as the plan of a parallel recipe asks for.

An item is a file with its companion files, or a directory (see `items`). A command may write anything and may
be killed at any time. So that outputs of different items are never mixed up, each item's outputs are moved to
a directory of their own, and merged when the command has run for all. The checkpoint has these parts of a
command:

- `chose [...]`: the items it runs for, and the other files, which are carried along.
- `ran 7`: it has run for item 7, counting from 0; `kept 7`: its outputs are in `results/7`.
- `ran for all`, if failures are allowed: failed items are not tried again.

With a single item nothing needs to be kept apart, and the command runs like any other.

If the plan allows failures, an item for which a command fails is left out of later commands and recorded by
`missing_items`. Until the command has run for all items, a retry of the task tries it again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ogdc_shared.errors import CommandFailedError, PublishError
from ogdc_shared.items import Wanted
from ogdc_shared.removal import empty, remove
from ogdc_shared.several import several
from ogdc_shared.trees import carry_along, flush_entries, move_children
from ogdc_worker.merging import alike_files, merge_names, tell_others
from ogdc_worker.process.selection import Selection, select_inputs, select_left

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ogdc_shared.plan import InputFile, Plan
    from ogdc_worker.merging import Clash
    from ogdc_worker.process.checkpoint import Checkpoint
    from ogdc_worker.process.execution import Execution, WorkFile
    from ogdc_worker.process.paths import ProcessPaths
    from ogdc_worker.report import Reporter

_CHOSE = "chose "
_RAN_FOR_ALL = "ran for all"


class FileByFile:
    """Runs the commands of one partition item by item."""

    def __init__(
        self,
        plan: Plan,
        execution: Execution,
        paths: ProcessPaths,
        reporter: Reporter,
        checkpoint: Checkpoint,
    ) -> None:
        self._plan = plan
        self._execution = execution
        self._paths = paths
        self._reporter = reporter
        self._checkpoint = checkpoint
        self._results = f"{paths.workspace}/results"

    def run(
        self, number: int, on_progress: Callable[[float], None], on_volumes: Sequence[InputFile] = ()
    ) -> dict[str, Any] | None:
        """Run a command for each item in `/input_dir` that the checkpoint does not have yet.

        Afterwards `/output_dir` contains its outputs, and the files that it did not run for.

        Args:
            number: Number of the command, from 1. Hidden files count as items only for the first.
            on_progress: Called after each item with the finished share.
            on_volumes: Files on volumes, which come first and are read in place.

        Returns:
            The event to log once the command is recorded as finished, or None.

        Raises:
            CommandFailedError: it failed for more items than the plan allows; names the item.
            PublishError: it wrote the same name for two items.
        """
        items, carried = self._chosen() or self._choose(number, on_volumes)
        event = None
        if self._keeps_apart(items, carried):
            if _RAN_FOR_ALL not in self._checkpoint.parts:
                self._run_for_all(number, items, on_progress)
            self._gather(number, items)
            carry_along(self._paths.outputs, self._paths.inputs, carried)
        else:
            event = self._execution.run(number, items[0])
        if number < len(self._plan.commands):
            self._warn_of_hidden(number, items)
        return event

    def tidy(self) -> None:
        """Remove the directory of results, after the last command."""
        remove(self._results)

    def _chosen(self) -> Selection | None:
        """Return the selection of an earlier try, or None."""
        for part in self._checkpoint.parts:
            if part.startswith(_CHOSE):
                return Selection.from_json(part.removeprefix(_CHOSE))
        return None

    def _choose(self, number: int, on_volumes: Sequence[InputFile]) -> Selection:
        wanted = Wanted(self._plan.items)
        if number == 1:
            selection = select_inputs(self._paths, [file.source for file in on_volumes], wanted)
        else:
            selection = select_left(self._paths, wanted)
        others = selection.carried or os.listdir(self._paths.inputs)
        if others and not selection.items:
            self._warn_of_nothing(number, others)
        self._make_results(selection)
        warnings = self._reporter.take_unrecorded()
        self._checkpoint.record_part(_CHOSE + selection.to_json(), warnings, is_quick=True)
        return selection

    def _warn_of_nothing(self, number: int, others: Sequence[str]) -> None:
        patterns = ", ".join(self._plan.items)
        hidden = all(other.startswith(".") for other in others)
        reason = "all is hidden" if hidden else "nothing is a file or a directory"
        if patterns:
            reason = f"nothing matches workflow.parallel.items ({patterns})"
        self._reporter.warn(
            "no_items",
            f"Command {number} ran for nothing: of what the command before it left "
            f"({several([repr(other) for other in others])}), {reason}.",
        )

    def _warn_of_hidden(self, number: int, items: Sequence[WorkFile]) -> None:
        """Warn if the outputs of hidden inputs, which have the same names, are lost."""
        hidden = [item.name for item in items if item.name.startswith(".")]
        if lost := [name for name in hidden if os.path.lexists(f"{self._paths.outputs}/{name}")]:
            self._reporter.warn(
                "no_items",
                f"Command {number} wrote {several([repr(name) for name in lost])}, and command {number + 1} "
                "does not run for hidden files, nor are they part of the result. Write names without the "
                "dot, or give the inputs such names (`name`).",
            )

    def _warn_of_alike(self, number: int, names: Mapping[str, int], items: Sequence[WorkFile]) -> None:
        """Warn about files of different items that have one name on other systems."""
        if found := alike_files(names, [self._result(index) for index in range(len(items))]):
            one, other = found[0]
            more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
            self._reporter.warn(
                "odd_name",
                f"command {number} left {one!r} for {items[names[one]].path!r} and {other!r} for "
                f"{items[names[other]].path!r}{more}, which are one file on Windows or macOS: readers there "
                "get only one of the two. Rename one.",
            )

    def _keeps_apart(self, items: Sequence[WorkFile], carried: Sequence[str]) -> bool:
        """Whether outputs go to separate directories, also so that a failed item cannot affect others."""
        return len(items) != 1 or bool(carried) or self._plan.allowed_failures is not None

    def _make_results(self, selection: Selection) -> None:
        """Create an empty directory for each item's outputs; removes those of the previous command."""
        remove(self._results)
        if selection.items and self._keeps_apart(*selection):
            os.mkdir(self._results)
            for index in range(len(selection.items)):
                os.mkdir(self._result(index))
            flush_entries(self._results)

    def _run_for_all(
        self, number: int, items: Sequence[WorkFile], on_progress: Callable[[float], None]
    ) -> None:
        failures: list[tuple[WorkFile, CommandFailedError]] = []
        for index, item in enumerate(items):
            try:
                self._run_and_keep(number, index, item)
            except CommandFailedError as exc:
                failures.append((item, exc))
                self._tolerate(number, failures)
            on_progress((index + 1) / len(items))
        if self._plan.allowed_failures is not None:
            self._note_missing(number, len(items), failures)
            self._checkpoint.record_part(_RAN_FOR_ALL)

    def _run_and_keep(self, number: int, index: int, item: WorkFile) -> None:
        if f"ran {index}" not in self._checkpoint.parts:
            event = self._execution.run(number, item)
            self._checkpoint.record_part(f"ran {index}", self._reporter.take_unrecorded())
            self._reporter.event(**event)
        if f"kept {index}" not in self._checkpoint.parts:
            move_children(self._result(index), self._paths.outputs)
            self._checkpoint.record_part(f"kept {index}")

    def _tolerate(self, number: int, failures: Sequence[tuple[WorkFile, CommandFailedError]]) -> None:
        """Continue without the item that failed last, if the plan allows it.

        A percentage applies to the whole run and is checked by `publish`.

        Raises:
            CommandFailedError: its failure, if the plan does not allow it.
        """
        from ogdc_worker.missing_items import count_missing, exceeds_number

        allowed = self._plan.allowed_failures
        if allowed is None:
            raise failures[-1][1]
        earlier = count_missing(self._paths.workspace, before=number)
        if exceeds_number(earlier + len(failures), allowed):
            raise failures[-1][1]
        empty(self._paths.outputs)

    def _note_missing(
        self, number: int, items: int, failures: Sequence[tuple[WorkFile, CommandFailedError]]
    ) -> None:
        from ogdc_worker.missing_items import Missing, note

        line = self._plan.commands[number - 1].line
        missing = [
            Missing(item.path.rpartition("/")[2], number, line, exc.exit_code, str(exc))
            for item, exc in failures
        ]
        note(self._paths.workspace, number=number, items=items, missing=missing)

    def _gather(self, number: int, items: Sequence[WorkFile]) -> None:
        """Merge the outputs for all items into the output directory."""
        results = [self._result(index) for index in range(len(items))]

        def refuse(clashes: Sequence[Clash], count: int) -> PublishError:
            name, first, second = clashes[0]
            others = tell_others(clashes, count, lambda index: repr(items[index].path))
            advice = "Make the name from that of the input, as $OUTPUT_FILE is."
            if items[first].name == items[second].name:
                advice = "Both inputs have the same $OUTPUT_FILE: give one another `name` or `directory`."
            return PublishError(
                f"command {number} wrote {name!r} for {items[first].path!r} and again for "
                f"{items[second].path!r}, and one would overwrite the other. {others}{advice}"
            )

        names = merge_names(results, refuse)
        if number == len(self._plan.commands):
            self._warn_of_alike(number, names, items)
        move_children(self._paths.outputs, *results)

    def _result(self, index: int) -> str:
        return f"{self._results}/{index}"
