"""Every task waits for the worker to start, so what it imports is bounded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ogdc_shared

CHEAP = {
    *("__future__", "_collections", "_collections_abc", "_functools", "_json", "_stat", "errno", "fcntl"),
    *("genericpath", "os", "os.path", "posix", "posixpath", "select", "stat", "time"),
}
"""What a task needs, and what takes next to no time: parts of the interpreter, most of them in C."""


def imported_by(module: str) -> set[str]:
    """Modules beside our own that importing `module` adds to those of a bare interpreter."""
    home = str(Path(ogdc_shared.__file__).parents[1])
    code = (
        f"import sys; sys.path.append({home!r}); before = set(sys.modules); "
        f"import {module}; print(*set(sys.modules) - before)"
    )
    found = subprocess.check_output([sys.executable, "-I", "-S", "-c", code], text=True).split()
    return {name for name in found if not name.startswith("ogdc_shared")}


@pytest.mark.parametrize("module", ["__main__", "places", "process", "fetch", "per_file"])
def test_starting_a_task_imports_nothing_that_takes_long(module: str) -> None:
    assert imported_by(f"ogdc_shared.worker.{module}") <= CHEAP


@pytest.mark.parametrize("module", ["inventory", "publish", "arguments"])
def test_the_other_tasks_import_nothing_for_the_web(module: str) -> None:
    assert not imported_by(f"ogdc_shared.worker.{module}") & {
        "urllib3",
        "http.client",
        "ssl",
        "email",
        "asyncio",
    }
