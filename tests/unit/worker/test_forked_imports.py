"""A forked worker imports nothing more, because its server has imported what many tasks need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.reused_runs import ReusedRuns

PROGRAM = """
import sys
sys.path[:] = {path!r}
import ogdc_worker.forked.server
before = set(sys.modules)
from ogdc_worker.__main__ import _prepare_for_commands
from ogdc_worker.expected import Expected
from ogdc_worker.process.partition import process
from ogdc_worker.process.paths import ProcessPaths
from ogdc_worker.report import Reporter
_prepare_for_commands()
process(ProcessPaths(**{paths!r}), Reporter(last_words_file="/dev/null"), Expected(partition=0))
print("imported:", *sorted(set(sys.modules) - before))
"""


def test_a_trivial_partition_imports_nothing(tmp_path: Path) -> None:
    runs = ReusedRuns(tmp_path / "runs")
    (runs.recipe / "a.txt").write_text("a")
    name = runs.begin('cp "$INPUT_DIR"/* "$OUTPUT_DIR"/', partitions=[["a.txt"]], checks=True)
    program = PROGRAM.format(path=sys.path, paths=runs.prepared(name, 0)._asdict())
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        stdout=subprocess.PIPE,
        env={"OGDC_SHARED_MACHINE": "true", "PATH": "/usr/bin:/bin"},
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "imported:"
