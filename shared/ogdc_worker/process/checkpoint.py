"""The record of a task's finished steps, which lets a killed task continue where it stopped.

A task is a list of named steps. Each can be interrupted anywhere and repeated from its beginning. The
checkpoint is a file with one line per finished step, in order. A line is appended and flushed only after the
step's results are on disk. So after a crash of the process or the machine, each recorded step is complete,
and a step without a line is done again. A last line without a newline was cut short and does not count.

The record of a step that is quickly repeated may reach the disk later, together with the next. If the machine
crashes before that, the step is done again.

A long step may record its parts, as lines that begin with a blank. They are ignored once the step is
finished.
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
"""Separates a step or part from the warnings that it gave; occurs in neither."""


class Step(NamedTuple):
    """One repeatable step of a task."""

    name: str
    run: Callable[[], dict[str, Any] | None]
    """Does the work; returns an event to log once the step is recorded, or None."""
    is_quick: bool = False
    """Whether its record may reach the disk later."""


class Checkpoint:
    """The finished steps of one task; locked, so only one process can have it open.

    Attributes:
        finished: Names of the finished steps, in order.
        parts: Finished parts of the next step.
        warnings: Warnings of everything finished, or None. A step that is repeated may give its warnings
            again.
    """

    def __init__(self, path: str) -> None:
        """Open the checkpoint at `path`, or create it.

        Raises:
            UnavailableError: another worker has it open.
        """
        self._file = open_locked(path)
        whole_lines, newline, _ = os.read(self._file, os.fstat(self._file).st_size).rpartition(b"\n")
        os.ftruncate(self._file, len(whole_lines + newline))
        flush_entries(os.path.dirname(path))
        self._is_flushed = True
        self.finished: list[str] = []
        self.parts: set[str] = set()
        self.warnings: RunWarnings | None = None
        for line in whole_lines.decode(errors="replace").splitlines():
            self._note(line)

    def record(self, step: str, warnings: RunWarnings | None = None, *, is_quick: bool = False) -> None:
        """Record a finished step with its warnings; its results must already be on disk."""
        self._write(step, warnings, is_quick=is_quick)

    def record_part(self, part: str, warnings: RunWarnings | None = None, *, is_quick: bool = False) -> None:
        """Record a finished part of the current step; its results must already be on disk."""
        self._write(_PART + part, warnings, is_quick=is_quick)

    def flush(self) -> None:
        """Return once all records are on disk."""
        if not self._is_flushed:
            os.fdatasync(self._file)
            self._is_flushed = True

    def close(self) -> None:
        """Close the file, which releases the lock."""
        os.close(self._file)

    def _write(self, line: str, warnings: RunWarnings | None, *, is_quick: bool) -> None:
        line += f"{_WARNED}{warnings.to_json()}" if warnings else ""
        os.write(self._file, f"{line}\n".encode())
        self._is_flushed = False
        if not is_quick:
            self.flush()
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
