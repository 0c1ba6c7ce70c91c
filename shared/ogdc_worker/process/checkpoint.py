"""How a killed task goes on where it stopped.

A task is a list of named steps, each of which may be stopped anywhere and done again from its beginning.
The checkpoint is a file with one line for each step that is finished, in order. A line is appended, and
flushed to disk, only when all that the step did is on disk; so whatever ends the process or the machine,
the lines never promise more than there is, and a step without a line is done (again). A last line without
its newline was cut short and does not count.

A step that takes long may record its parts: lines that begin with a blank, of no more interest once the
step itself is finished.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.trees import flush_entries
from ogdc_worker.lock import open_locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ogdc_shared.run_warnings import RunWarnings

_PART = " "
_WARNED = "\t"
"""Between what is finished and the warnings it was finished with; in neither."""


class Step(NamedTuple):
    """One restartable part of a task."""

    name: str
    run: Callable[[], dict[str, Any] | None]
    """Returns the facts of an event to log once the step is finished."""


class Checkpoint:
    """The finished steps of one task; nobody else can have it open meanwhile.

    Attributes:
        finished: The steps' names, in order.
        parts: What is finished of the step that comes next.
        warnings: Of all that is finished; what was begun and has to be done again may warn again. None: no
            warning.
    """

    def __init__(self, path: str) -> None:
        """Open the checkpoint at `path`, or begin one.

        Raises:
            UnavailableError: another worker has it.
        """
        self._file = open_locked(path)
        whole_lines, newline, _ = os.read(self._file, os.fstat(self._file).st_size).rpartition(b"\n")
        os.ftruncate(self._file, len(whole_lines + newline))
        flush_entries(os.path.dirname(path))
        self.finished: list[str] = []
        self.parts: set[str] = set()
        self.warnings: RunWarnings | None = None
        for line in whole_lines.decode(errors="replace").splitlines():
            self._note(line)

    def record(self, step: str, warnings: RunWarnings | None = None) -> None:
        """Note that a step is finished, and with which warnings; what it did must be on disk already."""
        self._write(step, warnings)

    def record_part(self, part: str, warnings: RunWarnings | None = None) -> None:
        """Note that a part of the step that is being done is finished; likewise."""
        self._write(_PART + part, warnings)

    def close(self) -> None:
        """Let others have it."""
        os.close(self._file)

    def _write(self, line: str, warnings: RunWarnings | None) -> None:
        line += f"{_WARNED}{warnings.to_json()}" if warnings else ""
        os.write(self._file, f"{line}\n".encode())
        os.fdatasync(self._file)
        self._note(line)

    def _note(self, line: str) -> None:
        line, warned, warnings = line.partition(_WARNED)
        if warned:
            self._note_warnings(warnings)
        if line.startswith(_PART):
            self.parts.add(line.removeprefix(_PART))
        else:
            self.finished.append(line)
            self.parts.clear()

    def _note_warnings(self, text: str) -> None:
        from ogdc_shared.run_warnings import read_warnings  # most tasks have none

        warnings = read_warnings(text)
        self.warnings = self.warnings.plus(warnings) if self.warnings else warnings
