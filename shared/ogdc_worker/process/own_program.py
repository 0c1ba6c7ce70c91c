"""Programs of this distribution as a task's commands: run by the worker's own Python, heard in its own words.

Such a command is the program's name and arguments, with blanks between them, and no shell reads it. What it
imports is what the worker could; which programs and GDAL a user has besides is nothing to it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WARNINGS_FILE = "WARNINGS_FILE"
"""Names the file to which the program appends its warnings: an object with `kind` and `message` a line."""
_MAX_BYTES = 1 << 20
_OF_OTHERS = ("GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_DATA", "PROJ_LIB", "LD_LIBRARY_PATH")
"""Variables that lead to the data and libraries of another GDAL than the one that is imported."""


def own_python() -> tuple[str, ...]:
    """The words before a command: a Python that imports from where this one does, and nowhere else."""
    program = (
        f"import runpy, sys; sys.path[:] = {sys.path!r}; sys.argv[:] = sys.argv[1].split(); "
        "runpy.run_module(sys.argv[0].replace('-', '_'), run_name='__main__')"
    )
    without_site = ("-S",) if sys.flags.no_site else ()
    return (sys.executable, "-I", *without_site, "-c", program)


def own_environment(environment: dict[str, str], warnings: str) -> dict[str, str]:
    """What such a command sees, of what any command would; `warnings` is where nothing is yet."""
    kept = {name: value for name, value in environment.items() if name not in _OF_OTHERS}
    return kept | {WARNINGS_FILE: warnings}


def read_own_warnings(path: str) -> Iterator[tuple[str, str]]:
    """Yield kind and message of each warning; nothing where there is no file.

    A program that was killed may have left the beginning of a line.
    """
    try:
        with open(path, "rb", opener=_as_it_is) as file:
            whole_lines = file.read(_MAX_BYTES).rpartition(b"\n")[0]
    except FileNotFoundError:
        return
    for line in whole_lines.splitlines():
        fields = json.loads(line)
        yield str(fields["kind"]), str(fields["message"])


def _as_it_is(path: str, flags: int) -> int:
    """Open a file through no link."""
    return os.open(path, flags | os.O_NOFOLLOW)
