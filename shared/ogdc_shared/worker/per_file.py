"""Run each command once for every file of a partition, as the plan of a parallel recipe asks for.

A command may write what it likes, and may be killed anywhere. So that what it did for one file is never
mixed up with what it left of another, each file's outputs are put aside into a directory of their own, and
brought together when the command has run for all. The checkpoint's parts of a command say how far it is:

- `chose [...]`: for which files it runs; it may leave others beside them, which are not meant.
- `ran 7`: it has run for file 7, counting from 0; `kept 7`: what it wrote is in `results/7`.

With a single file there is nothing to keep apart, and the command is run as any other.
"""

from __future__ import annotations

import json
import os

from ogdc_shared.errors import PublishError
from ogdc_shared.light import TYPE_CHECKING
from ogdc_shared.worker.execution import WorkFile
from ogdc_shared.worker.survey import merge_names
from ogdc_shared.worker.trees import flush_entries, move_children, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ogdc_shared.plan import InputFile
    from ogdc_shared.worker.checkpoint import Checkpoint
    from ogdc_shared.worker.execution import Execution
    from ogdc_shared.worker.places import Places
    from ogdc_shared.worker.report import Reporter

_CHOSE = "chose "


class FileByFile:
    """The files of one partition on their way through the commands."""

    def __init__(
        self, execution: Execution, places: Places, reporter: Reporter, checkpoint: Checkpoint
    ) -> None:
        self._execution = execution
        self._places = places
        self._reporter = reporter
        self._checkpoint = checkpoint
        self._results = f"{places.workspace}/results"

    def run(
        self, number: int, told: Callable[[float], None], on_volumes: Sequence[InputFile] = ()
    ) -> dict[str, Any] | None:
        """Run a command for each file in `/input_dir`, as far as the checkpoint does not hold it.

        Args:
            number: Which of the commands, counting from 1. For the first, hidden files count as well.
            told: Called after each file with the share of them that is finished.
            on_volumes: Files to run it for before those in `/input_dir`; read where they are.

        Returns:
            The event to report once it is recorded that all of this is finished, if there is one.

        Raises:
            CommandFailedError: it did not end well; names the file.
            PublishError: it wrote the same name for two files.
        """
        files = self._chosen()
        if files is None:
            files = self._choose(on_volumes, hidden=number == 1)
        if len(files) == 1:
            return self._execution.run(number, files[0])
        for index, file in enumerate(files):
            self._run_and_keep(number, index, file)
            told((index + 1) / len(files))
        self._gather(number, files)
        return None

    def tidy(self) -> None:
        """Remove what nobody needs after the last command."""
        remove(self._results)

    def _chosen(self) -> list[WorkFile] | None:
        """What an earlier try has chosen."""
        for part in self._checkpoint.parts:
            if part.startswith(_CHOSE):
                return [WorkFile(*pair) for pair in json.loads(part.removeprefix(_CHOSE))]
        return None

    def _choose(self, on_volumes: Sequence[InputFile], *, hidden: bool) -> list[WorkFile]:
        files = [WorkFile(file.source, os.path.basename(file.source)) for file in on_volumes]
        for name in sorted(os.listdir(self._places.inputs)):
            if (hidden or not name.startswith(".")) and os.path.isfile(f"{self._places.inputs}/{name}"):
                files.append(WorkFile(f"{self._places.input_dir}/{name}", name))
        self._make_results(len(files))
        self._checkpoint.record_part(_CHOSE + json.dumps(files))
        return files

    def _make_results(self, count: int) -> None:
        """Make an empty directory for each file's results; there may be those of the command before."""
        remove(self._results)
        if count > 1:
            os.mkdir(self._results)
            for index in range(count):
                os.mkdir(self._result(index))
            flush_entries(self._results)

    def _run_and_keep(self, number: int, index: int, file: WorkFile) -> None:
        if f"ran {index}" not in self._checkpoint.parts:
            event = self._execution.run(number, file)
            self._checkpoint.record_part(f"ran {index}", self._reporter.take_unrecorded())
            self._reporter.event(**event)
        if f"kept {index}" not in self._checkpoint.parts:
            move_children(self._result(index), self._places.outputs)
            self._checkpoint.record_part(f"kept {index}")

    def _gather(self, number: int, files: Sequence[WorkFile]) -> None:
        """Bring what a command wrote for each file together."""
        results = [self._result(index) for index in range(len(files))]

        def clash(name: str, first: int, second: int) -> PublishError:
            return PublishError(
                f"command {number} wrote {name!r} for {files[first].path!r} and again for "
                f"{files[second].path!r}, and one would overwrite the other. Make the name from that of "
                "the input, as $OUTPUT_FILE is."
            )

        merge_names(results, clash)
        move_children(self._places.outputs, *results)

    def _result(self, index: int) -> str:
        return f"{self._results}/{index}"
