"""One partition in plain directories, processed without a container's surroundings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ogdc_shared.plan import Command, InputFile, Partition, Plan
from ogdc_worker.process.partition import process
from ogdc_worker.process.paths import ProcessPaths
from ogdc_worker.report import Reporter
from support.trees import plant


def recipe_files(*names: str) -> tuple[InputFile, ...]:
    """Inputs that are files of the recipe."""
    return tuple(InputFile(source=name, kind="recipe") for name in names)


class PartitionTask:
    """`ogdc-worker process` without its mounts; `prepare` it before each life."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.workspace = directory / "workspace"
        self.outputs = self.workspace / "output_dir"
        self.paths = ProcessPaths(
            workspace=str(self.workspace),
            input_dir=str(self.workspace / "input_dir"),
            output_dir=str(self.outputs),
            plan=str(directory / "plan.json"),
            partition=str(directory / "partition.json"),
            recipe=str(directory / "recipe"),
            scratch=str(directory / "scratch"),
            facts=str(directory / "facts" / "facts.json"),
        )

    def prepare(self, *commands: str, files: tuple[InputFile, ...] = (), **plan: Any) -> None:
        """Begin anew with these commands; `plan` are further fields of the plan."""
        for path in self.directory.rglob("recipe/**/"):
            path.chmod(0o755)  # a task makes it read-only
        shutil.rmtree(self.directory, ignore_errors=True)
        plant(self.workspace, {"input_dir": None, "output_dir": None})
        plant(self.directory, {"scratch": None, "recipe/a.txt": b"A", "recipe/sub/b.txt": b"B"})
        lines = tuple(Command(text=text, line=number) for number, text in enumerate(commands, start=1))
        (self.directory / "plan.json").write_text(Plan(recipe_id="x", commands=lines, **plan).to_json())
        (self.directory / "partition.json").write_text(Partition(number=0, files=files).to_json())

    def run(self, reporter: Reporter | None = None) -> None:
        process(self.paths, reporter or Reporter(progress_file=str(self.directory / "progress")))

    def finished(self) -> list[str]:
        """The checkpoint's lines; those of parts begin with a blank."""
        checkpoint = self.workspace / "checkpoint"
        return checkpoint.read_text().splitlines() if checkpoint.exists() else []
