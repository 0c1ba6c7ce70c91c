"""Programs of this distribution as commands: run by the worker's own Python, and their output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ogdc_shared.errors import CommandFailedError, WarningsError
from ogdc_worker.report import Reporter
from support.partition import PartitionTask, recipe_files
from support.trees import plant, tree

PROGRAM = b"""
import json, os, pathlib, sys
assert __name__ == "__main__" and sys.flags.isolated and "PYTHONPATH" not in os.environ.get("PROJ_DATA", "")
outputs = pathlib.Path(os.environ["OUTPUT_DIR"])
(outputs / "said").write_text(json.dumps([*sys.argv, os.environ.get("PROJ_DATA"), os.environ["CONFIG_FILE"]]))
with open(os.environ["WARNINGS_FILE"], "a") as warnings:
    for number in range(2):
        print(json.dumps({"kind": "no_area", "message": f"row {number} has no area"}), file=warnings)
    warnings.write('{"kind": "cut off", "mess')
if "fail" in sys.argv:
    sys.exit("no column 'area'; there are: id, name")
"""


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PartitionTask:
    plant(tmp_path, {"programs/lake_tool.py": PROGRAM})
    monkeypatch.syspath_prepend(str(tmp_path / "programs"))
    monkeypatch.setenv("PROJ_DATA", "/opt/other/share/proj")
    return PartitionTask(tmp_path / "task")


def prepare(task: PartitionTask, command: str, **plan: object) -> Reporter:
    variables = (("CONFIG_FILE", "a b.json"),)
    task.prepare(command, files=recipe_files("a.txt"), own=True, variables=variables, **plan)
    return Reporter()


def test_a_program_is_run_with_its_words_and_no_shell(task: PartitionTask) -> None:
    task.run(reporter := prepare(task, "lake-tool count $HOME *"))
    assert tree(task.outputs) == {"said": b'["lake-tool", "count", "$HOME", "*", null, "a b.json"]'}
    assert reporter.warnings is not None
    assert [(each.kind, each.message) for each in reporter.warnings.first] == [
        ("no_area", "row 0 has no area"),
        ("no_area", "row 1 has no area"),
    ]
    assert tree(task.directory / "scratch") == {}


def test_it_fails_with_what_it_said_and_warned_of(task: PartitionTask) -> None:
    reporter = prepare(task, "lake-tool fail")
    with pytest.raises(CommandFailedError, match="no column 'area'; there are: id, name"):
        task.run(reporter)
    assert reporter.warnings is not None
    assert reporter.warnings.total == 2


def test_its_warnings_fail_a_recipe_that_wants_none(task: PartitionTask) -> None:
    with pytest.raises(WarningsError, match="row 0 has no area"):
        task.run(prepare(task, "lake-tool count", warnings_fail=True))
    assert tree(task.outputs) == {}


def test_it_imports_from_where_the_worker_does(task: PartitionTask) -> None:
    from ogdc_worker.process.own_program import own_python

    executable, *flags, program = own_python()
    assert (executable, flags[0]) == (sys.executable, "-I")
    assert repr(sys.path) in program
