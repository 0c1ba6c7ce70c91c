"""A busy stack continues after `git pull`, because it has loaded all modules and queries that it may need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import ogdc_functions
import ogdc_local
import ogdc_shared
from ogdc_shared.db.queries import SQL_DIR

PROGRAM = """
import json, sys
from ogdc_local.stack.imports import import_rest
import_rest()
from ogdc_shared.db.queries import load_queries
modules = [name for name in sys.modules if name.startswith("ogdc_")]
print(json.dumps([modules, load_queries.cache_info().currsize]))
"""


@pytest.mark.slow
def test_all_modules_and_queries_are_loaded_that_a_request_may_need() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    there = {
        ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
        for root in (Path(package.__path__[0]) for package in (ogdc_local, ogdc_functions, ogdc_shared))
        for path in root.rglob("*.py")
        if path.stem != "__main__"
    }
    modules, subjects = json.loads(done.stdout)
    missing = there - set(modules)
    assert missing == {"ogdc_local.stack.function_source"}, "a program of its own, that a process is given"
    assert subjects == len([*(SQL_DIR / "queries").glob("*.sql")])
