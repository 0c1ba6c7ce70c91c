"""Commands that are programs of this distribution: run by the worker's Python, with structured warnings.

Such a command is the program's name and arguments, separated by blanks; it is not run by a shell. It imports
only what the worker could, regardless of programs and GDAL versions that a user has installed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WARNINGS_FILE = "WARNINGS_FILE"
"""Environment variable with the file to which a program appends JSON lines with `kind` and `message`."""
_MAX_BYTES = 1 << 20
_OF_OTHERS = ("GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_DATA", "PROJ_LIB", "LD_LIBRARY_PATH")
"""Variables that may point to data and libraries of another GDAL than the imported one."""


def own_python() -> tuple[str, ...]:
    """Return the arguments of a Python that has this process's import path and nothing else."""
    program = (
        f"import runpy, sys; sys.path[:] = {sys.path!r}; sys.argv[:] = sys.argv[1].split(); "
        "runpy.run_module(sys.argv[0].replace('-', '_'), run_name='__main__')"
    )
    without_site = ("-S",) if sys.flags.no_site else ()
    return (sys.executable, "-I", *without_site, "-c", program)


def own_environment(environment: dict[str, str], warnings: str) -> dict[str, str]:
    """Return a command's environment for such a program; `warnings` is a path that does not exist yet."""
    kept = {name: value for name, value in environment.items() if name not in _OF_OTHERS}
    return kept | {WARNINGS_FILE: warnings}


def read_own_warnings(path: str) -> Iterator[tuple[str, str]]:
    """Yield kind and message of each warning; nothing if there is no file.

    A last line that is incomplete, because the program was killed, is skipped.
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
    """Open a file without following links."""
    return os.open(path, flags | os.O_NOFOLLOW)
