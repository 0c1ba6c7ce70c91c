"""A busy stack continues after `git pull`, because it has imported all modules that it may need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import ogdc_functions
import ogdc_local
import ogdc_shared

PROGRAM = """
import json, sys
from ogdc_local.stack.imports import import_rest
import_rest()
print(json.dumps([name for name in sys.modules if name.startswith("ogdc_")]))
"""


@pytest.mark.slow
def test_each_module_is_imported_that_a_request_may_want() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    there = {
        ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
        for root in (Path(package.__path__[0]) for package in (ogdc_local, ogdc_functions, ogdc_shared))
        for path in root.rglob("*.py")
        if path.stem != "__main__"
    }
    missing = there - set(json.loads(done.stdout))
    assert missing == {"ogdc_local.stack.function_source"}, "a program of its own, that a process is given"
