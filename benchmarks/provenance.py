"""The cost of provenance: facts in a task, a crate in a publication, and a crate with many files."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from unittest import mock

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_most
from ogdc_shared import layout
from ogdc_worker.process import partition
from ogdc_worker.process.journal import Journal
from ogdc_worker.publish.publication import Publication
from ogdc_worker.publish.result import publish
from ogdc_worker.report import Reporter
from support.crates import RUN, SHA256, facts_document
from support.partition import PartitionTask, recipe_files
from support.trees import plant

_PAIRS = 20
"""Tasks of each kind in a turn."""
_FILES, _TASKS = 10_000, 100
_WRITE = r"""
import re, sys
from ogdc_shared.provenance.crate import write_crate
from ogdc_shared.provenance.description import RunDescription
from ogdc_shared.provenance.task_facts import TaskRecord
directory, tasks = sys.argv[1], int(sys.argv[2])
run = RunDescription.from_json(open(f"{directory}/run.json").read())
records = (TaskRecord("process", each, facts=f"{directory}/{each}.json") for each in range(tasks))
write_crate(f"{directory}/crate", run, records, recipe=f"{directory}/recipe")
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""
"""ru_maxrss would be that of the process which started it, if that is larger (getrusage(2))."""


def measure_provenance(bench: Bench) -> list[Figure]:
    """Measure all of it."""
    return [*_measure_task(bench), *_measure_publication(bench), *_measure_crate(bench)]


def _measure_task(bench: Bench) -> list[Figure]:
    task = PartitionTask(bench.new_directory() / "task")
    trials = {"with": partial(_tasks, task, _run), "without": partial(_tasks, task, _run_without)}
    taken = bench.in_turns(trials)
    without = median(taken["without"])
    over = tuple(each - without for each in taken["with"])
    goal = Baseline("a task that collects none", without)
    return [
        Figure("processor time of a task's facts", "ms", over, at_most(max(5.0, without / 100))),
        Figure("a task of one command", "ms", taken["with"], None, goal),
    ]


def _tasks(task: PartitionTask, run: Callable[[PartitionTask], None]) -> float:
    """Median milliseconds of processor time of a task."""
    times = []
    for _ in range(_PAIRS):
        task.prepare('cp "$INPUT_DIR/a.txt" "$OUTPUT_DIR/"', files=recipe_files("a.txt"))
        plant(task.directory, {"facts": None})
        started = time.process_time()
        run(task)
        times.append(time.process_time() - started)
    return 1000 * median(times)


def _run(task: PartitionTask) -> None:
    task.run(silent())


def _run_without(task: PartitionTask) -> None:
    with mock.patch.object(Journal, "add"), mock.patch.object(partition, "_leave_facts"):
        task.run(silent())


def silent() -> Reporter:
    """Make a reporter that prints nothing."""
    reporter = Reporter(last_words_file="/dev/null")
    reporter.event = lambda *_, **__: None  # type: ignore[method-assign]
    return reporter


def _measure_publication(bench: Bench) -> list[Figure]:
    directory = bench.new_directory()
    plant(directory / "recipe", {"meta.yml": b"name: x\n", "recipe.sh": b"true\n"})
    (directory / "run.json").write_text(RUN.to_json())
    usual = Publication(
        run=RUN.name, recipe_id="x", partitions=1, output="pvc", recipe=str(directory / "recipe")
    )
    trials = {
        "with": partial(_publish, bench, usual._replace(description=str(directory / "run.json"))),
        "without": partial(_publish, bench, usual._replace(description=str(directory / "none.json"))),
    }
    taken = bench.in_turns(trials)
    baseline = Baseline("publishing without a crate", median(taken["without"]))
    return [Figure("publishing a small result with its crate", "ms", taken["with"], None, baseline)]


def _publish(bench: Bench, publication: Publication) -> float:
    volume = bench.new_directory()
    workspace = volume / layout.partition_workspace(RUN.name, 0)
    plant(workspace / "output_dir", {"b.tif": b"x"})
    (workspace / layout.FACTS).write_text(facts_document(wrote=[{"name": "b.tif", "size": 1}]))
    started = time.perf_counter()
    publish(publication._replace(volume=str(volume), warnings_path=str(volume / "warnings")), silent())
    return 1000 * (time.perf_counter() - started)


def _measure_crate(bench: Bench) -> list[Figure]:
    directory = bench.new_directory()
    plant(directory / "recipe", {"meta.yml": b"name: x\n", "recipe.sh": b"true\n"})
    (directory / "run.json").write_text(RUN.to_json())
    for number in range(_TASKS):
        (directory / f"{number}.json").write_text(_document(number))
    made = bench.in_turns({"crate": partial(_crate, directory)})["crate"]
    sizes = tuple(
        sum(path.stat().st_size for path in (directory / "crate").iterdir() if path.is_file()) / 2**10
        for _ in made
    )
    what = f"crate of {_FILES:,} inputs and outputs"
    return [
        Figure(what, "s", tuple(each for each, _ in made), at_most(5)),
        Figure(f"{what}: memory", "MiB", tuple(each for _, each in made), at_most(100)),
        Figure(f"{what}: size", "KiB", sizes),
    ]


def _document(task: int) -> str:
    files = range(_FILES // _TASKS)
    names = [f"{task}/scene_{number:05}.tif" for number in files]
    usual = {"size": 123_456_789, "checksum": SHA256}
    ran = {
        "line": 2,
        "seconds": 0.5,
        "cpu_seconds": 0.4,
        "max_memory": 2**27,
        "started_at": "2026-11-27T15:00:00.250Z",
    }
    return facts_document(
        fetched=[{"source": f"https://example.org/{name}", "name": name} | usual for name in names],
        ran=[{"number": 1, "file": f"/input_dir/{name}"} | ran for name in names],
        wrote=[{"name": name} | usual for name in names],
    )


def _crate(directory: Path) -> tuple[float, float]:
    """Seconds and MiB that a process takes for the crate, its start among it."""
    subprocess.run(["rm", "-rf", str(directory / "crate")], check=True)
    (directory / "crate").mkdir()
    started = time.perf_counter()
    words = [sys.executable, "-c", _WRITE, str(directory), str(_TASKS)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, json.loads(done.stdout) / 1024
