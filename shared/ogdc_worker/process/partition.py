"""`ogdc-worker process`: fetch a partition's inputs and run the recipe's commands one after another.

`/input_dir` and `/output_dir` are separate mounts, so nothing can be renamed between them. But both are in
the workspace, which is mounted as a whole, and there it can. The steps (see `checkpoint`):

1. `fetch` and `place` put the inputs where the first command reads them.
2. `run 1` empties `/output_dir` and runs the command.
3. `clear 1` removes what the command read, `hand on 1` moves its outputs to where the next one reads.
4. `run 2` and so on. The outputs of the last command stay in `/output_dir` for `publish`.

If the plan says so, `run` runs its command once per item (see `per_file`). With inputs on volumes or from an
earlier stage, there is a final step `copy` (see `volumes`).
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

from ogdc_shared import layout
from ogdc_shared.errors import NO_ROOM, CommandFailedError, ConfigurationError
from ogdc_shared.removal import empty, remove
from ogdc_shared.trees import flush, flush_entries, make_read_only, move_children
from ogdc_worker.expected import Expected, check_recipe, read_partition, read_plan
from ogdc_worker.process.checkpoint import Checkpoint, Step
from ogdc_worker.process.execution import Execution
from ogdc_worker.process.facts import FinishedTask, copy_facts, leave_facts
from ogdc_worker.process.inputs import INPUT_STEPS, distrust_store, input_steps
from ogdc_worker.process.journal import Journal
from ogdc_worker.report import now

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ogdc_shared.plan import InputFile, Partition, Plan
    from ogdc_worker.process.checker import Checker
    from ogdc_worker.process.keeping import Keeper
    from ogdc_worker.process.paths import ProcessPaths
    from ogdc_worker.process.per_file import FileByFile
    from ogdc_worker.report import Reporter

_FAILED = "failed "
"""Prefix of the checkpoint part with the failure of an earlier try."""


def process(paths: ProcessPaths, reporter: Reporter, expected: Expected = Expected()) -> None:  # noqa: B008
    """Do the remaining steps of a partition.

    Raises:
        IntegrityError: the plan, manifest or recipe is not the one that the workflow expects, or a wrong
            directory is mounted.
        CommandFailedError: a command failed.
        InputError: an input cannot be fetched, or the plan cannot be executed.
        PublishError: a command wrote the same name for two items.
        UnavailableError: temporary failure; a retry continues here.
        OSError: the workspace cannot be written.
    """
    if layout.DEFERRED not in os.environ:
        _process(paths, reporter, expected)
        return
    from ogdc_worker.process.deferred import fetch_first, take_over

    if os.environ.get(layout.PHASE) == layout.FETCHING:
        fetch_first(paths.workspace, reporter, lambda: _process(paths, reporter, expected))
    else:
        take_over(paths.workspace)
        _process(paths, reporter, expected)


def _process(paths: ProcessPaths, reporter: Reporter, expected: Expected) -> None:
    plan, partition = read_plan(paths.plan, expected), read_partition(paths.partition, expected)
    paths.require_mounts()
    if os.path.isdir(paths.recipe):
        check_recipe(paths.recipe, plan)
    if way_out := os.environ.get(layout.EGRESS):
        from ogdc_worker.process.egress import open_egress

        for name, value in open_egress(way_out, os.environ.get(layout.EGRESS_ADDRESSES, "")).items():
            os.environ[f"{layout.COMMAND_VARIABLE}{name}"] = value
    checkpoint = Checkpoint(f"{paths.workspace}/{layout.CHECKPOINT}")
    journal = Journal(f"{paths.workspace}/{layout.JOURNAL}")
    reporter.journal = journal.add
    done = FinishedTask(
        plan,
        partition.number,
        journal,
        paths.outputs,
        succeeded=False,
        files=partition.files,
        started_at=now(),
    )
    keeper = None
    try:
        if plan.reuse:
            from ogdc_worker.process.keeping import Keeper

            keeper = Keeper(plan, partition.files, paths=paths, checkpoint=checkpoint, journal=journal)
        with closing(_Process(plan, partition, paths, reporter, checkpoint, keeper=keeper)) as steps:
            steps.run()
        done = done._replace(succeeded=True, written=keeper.written if keeper else ())
    except OSError as exc:
        if exc.errno in NO_ROOM:
            _give_back(paths, checkpoint)
        raise
    finally:
        checkpoint.close()
        goes_on = done.succeeded and os.environ.get(layout.PHASE) == layout.FETCHING
        if not goes_on and _leave_facts(paths, done, reporter) and keeper:
            keeper.conclude()
        journal.close()


def _leave_facts(paths: ProcessPaths, done: FinishedTask, reporter: Reporter) -> bool:
    """Write the facts about the task. If that fails, the task's outcome does not change.

    Returns whether the facts are in the workspace, where `publish` reads them.
    """
    try:
        if leave_facts(paths.facts, done) and done.succeeded:
            copy_facts(paths.facts, f"{paths.workspace}/{layout.FACTS}")
            return True
    except Exception as exc:  # a command may have made anything of the journal
        reporter.event("facts_not_kept", reason=f"{type(exc).__name__}: {exc}")
    return False


def _give_back(paths: ProcessPaths, checkpoint: Checkpoint) -> None:
    """Free space on a full disk by removing what a retry does not need.

    Inputs are removed if no command has finished; the retry then starts over. Outputs of a finished command
    stay.
    """
    finished = checkpoint.finished
    with suppress(OSError):
        if not any(step.startswith("run ") for step in finished) and not checkpoint.parts:
            remove(f"{paths.workspace}/{layout.CHECKPOINT}")
            empty(paths.inputs)
        if not (finished and finished[-1].startswith(("run ", "clear "))) and not checkpoint.parts:
            empty(paths.outputs)


class _Process:
    """Executes the steps of one partition."""

    def __init__(
        self,
        plan: Plan,
        partition: Partition,
        paths: ProcessPaths,
        reporter: Reporter,
        checkpoint: Checkpoint,
        *,
        keeper: Keeper | None,
    ) -> None:
        self._plan = plan
        self._keeper = keeper
        self._files = partition.files
        self._paths = paths
        self._reporter = reporter
        self._checkpoint = checkpoint
        reporter.warnings_fail = plan.warnings_fail
        self._phase = os.environ.get(layout.PHASE)
        self._execution = Execution(plan, paths, reporter)
        self._is_resumed = False
        """Whether an earlier try has finished a step."""
        self._checker: Checker | None = None
        """Loads GDAL while the last command runs, to check its outputs."""
        self._file_by_file: FileByFile | None = None
        if plan.per_file:
            from ogdc_worker.process.per_file import FileByFile  # only imported if needed

            self._file_by_file = FileByFile(plan, self._execution, paths, reporter, checkpoint)

    def close(self) -> None:
        """End the checker if it was not needed."""
        if self._checker:
            self._checker.end()

    def run(self) -> None:
        """Do the steps that the checkpoint does not have, or only those of this container's phase."""
        make_read_only(self._paths.recipe)
        if self._phase == layout.FETCHING:
            distrust_store(self._paths)
        for step in self._steps_left():
            if self._phase == layout.FETCHING and step.name not in INPUT_STEPS:
                self._checkpoint.flush()
                return
            if self._keeper:
                self._keeper.before(step.name)
            facts = self._run_step(step)
            self._reporter.refuse_warnings()
            self._checkpoint.record(step.name, self._reporter.take_unrecorded(), is_quick=step.is_quick)
            if self._keeper and self._is_repeatable():
                self._keeper.after(step.name)
            if facts:
                self._reporter.event(**facts)
            self._report_progress()
        self._checkpoint.flush()
        if self._keeper and self._is_repeatable():
            self._keeper.at_end()
        empty(self._paths.inputs)  # not needed any more, and the volume is shared
        if self._file_by_file:
            self._file_by_file.tidy()
        self._reporter.last_words("")
        if self._checkpoint.warnings:
            from ogdc_worker.warning_files import leave_warnings

            leave_warnings(self._paths.workspace, self._checkpoint.warnings)

    def _is_repeatable(self) -> bool:
        """Whether later runs may take the results: not if a program was killed and its line continued.

        The program would succeed with more memory. A full list of warnings may lack this one.
        """
        if self._execution.memory_kills.total():
            return False
        warnings = self._reporter.warnings
        if warnings is None:
            return True
        from ogdc_shared.run_warnings import MAX_WARNINGS

        first = warnings.first
        return len(first) < MAX_WARNINGS and all(warning.kind != "shell_error" for warning in first)

    def _run_step(self, step: Step) -> dict[str, Any] | None:
        """Run a step; a failure is recorded in the checkpoint, since this try's log may be lost."""
        try:
            return step.run()
        except CommandFailedError as exc:
            self._checkpoint.record_part(_FAILED + " ".join(str(exc).split()))
            raise

    def _steps_left(self) -> list[Step]:
        steps = list(self._steps())
        finished = self._checkpoint.finished
        if finished != [step.name for step in steps[: len(finished)]]:
            raise ConfigurationError(
                f"{self._paths.workspace} holds the checkpoint of another plan. Submit the recipe again."
            )
        self._is_resumed = bool(finished)
        if self._checkpoint.warnings:
            self._reporter.recall(self._checkpoint.warnings)
        if finished and self._phase != layout.RUNNING:
            self._reporter.event("resumed", after=finished[-1])
        for part in sorted(self._checkpoint.parts):
            if part.startswith(_FAILED) and self._phase != layout.FETCHING:
                self._reporter.event("failed_before", message=part.removeprefix(_FAILED))
        return steps[len(finished) :]

    def _steps(self) -> Iterator[Step]:
        per_file = self._plan.per_file
        yield from input_steps(
            (*self._files, *self._read_besides()),
            per_file=per_file,
            paths=self._paths,
            reporter=self._reporter,
            caching=self._plan.cache,
            allowed_failures=self._plan.allowed_failures if per_file else None,
        )
        for number in range(1, len(self._plan.commands) + 1):
            if number > 1:
                yield Step(f"clear {number - 1}", self._clear)
                yield Step(f"hand on {number - 1}", self._hand_on)
            yield Step(f"run {number}", partial(self._run, number))
        if self._plan.volumes or self._plan.before:
            yield Step("copy", self._copy, is_quick=True)
        if self._plan.checks:
            yield Step("check", self._check, is_quick=True)

    def _read_besides(self) -> Sequence[InputFile]:
        if not self._plan.reads:
            return ()
        from ogdc_worker.process.volumes import whole_outputs

        return tuple(whole_outputs(self._plan.reads))

    def _check(self) -> dict[str, Any] | None:
        from ogdc_shared.outputs.thumbnails import THUMBNAILS
        from ogdc_worker.process.checks import check_outputs

        thumbnails = f"{self._paths.workspace}/{THUMBNAILS}"
        checker, self._checker = self._checker, None
        return check_outputs(self._paths.outputs, self._reporter, thumbnails=thumbnails, checker=checker)

    def _report_progress(self, share: float = 0.0) -> None:
        """Report the finished commands, counted per file; `share` is the finished part of the current one."""
        files = len(self._files) if self._plan.per_file else 1
        commands = sum(name.startswith("run ") for name in self._checkpoint.finished)
        self._reporter.progress(int((commands + share) * files), len(self._plan.commands) * files)

    def _run(self, number: int) -> dict[str, Any] | None:
        if self._file_by_file is None:
            if self._plan.checks and self._checker is None and number >= len(self._plan.commands) - 1:
                self._checker = self._new_checker()
            return self._execution.run(number)
        elsewhere = [file for file in self._files if file.kind == "volume"] if number == 1 else []
        return self._file_by_file.run(number, self._report_progress, elsewhere)

    def _new_checker(self) -> Checker | None:
        from ogdc_worker.process.checks import checker_for

        return checker_for(self._plan.commands[-1].text)

    def _clear(self) -> None:
        empty(self._paths.inputs)
        flush_entries(self._paths.inputs)

    def _hand_on(self) -> None:
        move_children(self._paths.inputs, self._paths.outputs)

    def _copy(self) -> None:
        from ogdc_worker.process.volumes import replace_links

        # The last command's outputs are on disk. An interrupted try may have left copies that are not.
        if replace_links(self._paths.outputs) or self._is_resumed:
            flush(self._paths.outputs)
