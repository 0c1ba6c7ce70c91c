"""A task whose worker is not forked waits for its start, so what it imports is bounded."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    *(
        "argparse",
        "asyncio",
        "concurrent.futures",
        "dataclasses",
        "datetime",
        "email",
        "http.client",
        "inspect",
    ),
    *(
        "logging",
        "pathlib",
        "pydantic",
        "shutil",
        "socket",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "urllib",
    ),
    *("urllib3", "yaml", "zipfile"),
}


def imported_by(module: str) -> set[str]:
    """Modules that importing `module` adds to those of a bare interpreter."""
    code = f"""
import sys
sys.path += {sys.path!r}
before = set(sys.modules)
import {module}
print(*set(sys.modules) - before)
"""
    bare = [sys.executable, "-I", "-S", "-c", code]
    return set(subprocess.check_output(bare, text=True).split())


@pytest.mark.parametrize(
    "module",
    [
        *("ogdc_worker.__main__", "ogdc_worker.process.partition", "ogdc_worker.process.keeping"),
        *("ogdc_worker.process.per_file", "ogdc_worker.process.volumes", "ogdc_worker.process.indexes"),
    ],
)
def test_starting_a_task_imports_nothing_heavy(module: str) -> None:
    assert not imported_by(module) & HEAVY


def test_a_task_with_only_files_of_the_recipe_imports_no_http_client() -> None:
    assert not imported_by("ogdc_worker.fetch.inputs") & {"urllib3", "http.client", "ssl", "urllib.request"}
