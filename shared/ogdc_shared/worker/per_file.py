"""Run each command once for every file of a partition, as the plan of a parallel recipe asks for.

A command may write what it likes, and may be killed anywhere. So that what it did for one file is never
mixed up with what it left of another, each file's outputs are put aside into a directory of their own, and
brought together when the command has run for all:

1. `choose` writes down which files the command is run for: later it may leave others beside them.
2. `run`: for each file, run the command into an empty `/output_dir` (recorded as `ran 7`), then move what it
   wrote to `results/7` (recorded as `kept 7`). A single file's outputs can stay where they are.
3. `gather` merges the results into `/output_dir`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ogdc_shared.errors import PublishError
from ogdc_shared.worker.execution import WorkFile
from ogdc_shared.worker.survey import merge_names
from ogdc_shared.worker.trees import flush_entries, move_children, remove, write_durably

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ogdc_shared.plan import InputFile
    from ogdc_shared.worker.checkpoint import Checkpoint
    from ogdc_shared.worker.execution import Execution
    from ogdc_shared.worker.places import Places
    from ogdc_shared.worker.report import Reporter


class FileByFile:
    """The files of one partition on their way through the commands."""

    def __init__(self, execution: Execution, places: Places, reporter: Reporter) -> None:
        self._execution = execution
        self._places = places
        self._reporter = reporter
        self._list = f"{places.workspace}/files"
        self._results = f"{places.workspace}/results"

    def choose(self, on_volumes: Sequence[InputFile] = (), *, hidden: bool = False) -> None:
        """Write down the files of the next command: those in `/input_dir`, after some that are elsewhere.

        Args:
            on_volumes: Read where they are.
            hidden: Whether names that begin with a dot count.
        """
        files = [WorkFile(file.source, os.path.basename(file.source)) for file in on_volumes]
        for name in sorted(os.listdir(self._places.inputs)):
            if (hidden or not name.startswith(".")) and os.path.isfile(f"{self._places.inputs}/{name}"):
                files.append(WorkFile(f"{self._places.input_dir}/{name}", name))
        remove(self._results)
        if len(files) > 1:
            os.mkdir(self._results)
            for index in range(len(files)):
                os.mkdir(self._result(index))
            flush_entries(self._results)
        write_durably(self._list, b"\0".join(os.fsencode(text) for file in files for text in file))

    def run(self, number: int, checkpoint: Checkpoint, told: Callable[[float], None]) -> None:
        """Run a command for each chosen file that the checkpoint does not hold.

        Args:
            number: Which of the commands, counting from 1.
            checkpoint: Holds the files that are finished.
            told: Called after each file with the share of them that is finished.

        Raises:
            CommandFailedError: it did not end well; names the file.
        """
        files = self._chosen()
        for index, file in enumerate(files):
            if f"ran {index}" not in checkpoint.parts:
                event = self._execution.run(number, file)
                checkpoint.record_part(f"ran {index}")
                self._reporter.event(**event)
            if len(files) > 1 and f"kept {index}" not in checkpoint.parts:
                move_children(self._places.outputs, self._result(index))
                checkpoint.record_part(f"kept {index}")
            told((index + 1) / len(files))

    def gather(self, number: int) -> None:
        """Bring what a command wrote for each file together.

        Raises:
            PublishError: it wrote the same name for two files.
        """
        files = self._chosen()
        if len(files) < 2:
            return
        results = [self._result(index) for index in range(len(files))]

        def clash(name: str, first: int, second: int) -> PublishError:
            return PublishError(
                f"command {number} wrote {name!r} for {files[first].path!r} and again for "
                f"{files[second].path!r}, and one would overwrite the other. Make the name from that of "
                "the input, as $OUTPUT_FILE is."
            )

        merge_names(results, clash)
        for result in results:
            move_children(result, self._places.outputs)

    def tidy(self) -> None:
        """Remove what nobody needs after the last command."""
        remove(self._results)
        remove(self._list)

    def _chosen(self) -> list[WorkFile]:
        with open(self._list, "rb") as file:
            texts = os.fsdecode(file.read()).split("\0")
        return list(map(WorkFile, texts[::2], texts[1::2]))

    def _result(self, index: int) -> str:
        return f"{self._results}/{index}"
