"""The CSV tables of a crate: a row for each file and for each execution of a command.

Paths and other user input are percent-encoded as in the crate's `@id`s, so no cell contains control
characters or a spreadsheet formula.

Source: RFC 4180; OWASP "CSV Injection".
"""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FILES = "files.csv"
FILE_COLUMNS = ("role", "stage", "partition", "path", "source", "url", "bytes", "checksum")
EXECUTIONS = "executions.csv"
EXECUTION_COLUMNS = (
    *("stage", "partition", "command", "line", "file", "started", "exit_code", "failed"),
    *("seconds", "cpu_seconds", "max_memory_bytes", "timed_out"),
)


class Table:
    """A table that is being written."""

    def __init__(self, directory: str, name: str, columns: Sequence[str]) -> None:
        """Create the table and write its heading.

        Raises:
            OSError: it cannot be written.
        """
        self._file = open(os.path.join(directory, name), "w", encoding="utf-8", newline="")  # noqa: SIM115
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)
        self.rows = 0

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, *cells: object) -> None:
        """Add a row; None is an empty cell."""
        self._writer.writerow(cells)
        self.rows += 1
