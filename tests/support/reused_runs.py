"""Runs of one recipe on one volume, in plain directories: `reuse`, `process` and `publish` in turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from ogdc_shared import layout
from ogdc_shared.digests import HashTree, leaf
from ogdc_shared.plan import Command, InputFile, Partition, Plan, Reuse, seal_pack
from ogdc_worker.expected import Expected
from ogdc_worker.process.partition import process
from ogdc_worker.process.paths import ProcessPaths
from ogdc_worker.publish.publication import Publication
from ogdc_worker.publish.result import publish
from ogdc_worker.report import Reporter
from ogdc_worker.reuse.taking import ReusePaths, reuse

SCOPE = "5c" * 16
BASE = "ba" * 32


class Ended(NamedTuple):
    """The outcome of a run."""

    name: str
    left: list[int]
    """The partitions that were run."""
    taken: dict[str, list[Any]]
    """By partition: the run, the number of reused commands, and whether these are all."""
    result: dict[str, bytes]
    """The published files, by name."""
    warnings: str
    """Warnings of `publish`."""


class ReusedRuns:
    """A volume and the runs on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.memory_events = directory.with_name("memory.events")
        self.volume = directory / "volume"
        self.recipe = directory / "recipe"
        self.recipe.mkdir(parents=True)
        self.volume.mkdir()
        self._count = 0

    @property
    def store(self) -> Path:
        """The store of kept results."""
        return self.volume / layout.reuse_store(SCOPE)

    def run(
        self,
        *commands: str,
        partitions: list[list[str]],
        fresh: bool = False,
        unended: tuple[str, ...] = (),
        checked: float = 0.0,
        base: str = BASE,
        **plan: Any,
    ) -> Ended:
        """Run commands on the recipe's current files, and publish the result."""
        name = self.begin(*commands, partitions=partitions, checked=checked, base=base, **plan)
        left: list[int] = [*range(len(partitions))]
        taken: dict[str, list[Any]] = {}
        if not fresh:
            left, taken = self.take(name, unended=unended)
        for number in left:
            self.process(name, number)
        allowed = plan.get("allowed_failures")
        return self.publish(name, len(partitions), left=left, taken=taken, allowed_failures=allowed)

    def begin(
        self, *commands: str, partitions: list[list[str]], checked: float = 0.0, base: str = BASE, **plan: Any
    ) -> str:
        """Submit a run, and return its name."""
        self._count += 1
        name, files = (
            f"run-{self._count}",
            [[InputFile(each, kind="recipe") for each in part] for part in partitions],
        )
        place = self.directory / name
        place.mkdir()
        lines = tuple(Command(text, number) for number, text in enumerate(commands, start=1))
        notes = (("NOTES", str(self.directory)),)
        reusable = Reuse(base, len(commands), checked=checked)
        (place / "plan.json").write_text(
            Plan("lakes", lines, **({"reuse": reusable, "variables": notes} | plan)).to_json()
        )
        manifests = [Partition(number, tuple(each)).to_json() for number, each in enumerate(files)]
        pack = "\n".join(manifests).encode()
        (place / "packs").mkdir()
        (place / "packs" / "0.json").write_bytes(seal_pack(pack, HashTree([leaf(pack)]).proof(0)))
        return name

    def take(self, name: str, *, unended: tuple[str, ...] = ()) -> tuple[list[int], dict[str, list[Any]]]:
        """Run its task `reuse`."""
        place = self.directory / name
        paths = ReusePaths(
            volume=str(self.volume),
            plan=str(place / "plan.json"),
            packs=str(place / "packs"),
            recipe=str(self.recipe),
            credentials=str(place / "none"),
            left=str(place / "left"),
            reused=str(place / "reused"),
            account=str(place / "reused.json"),
            facts=str(place / "reused-facts"),
        )
        reuse(
            paths,
            Reporter(last_words_file=str(place / "words")),
            run=name,
            scope=SCOPE,
            earlier=unended,
            expected=Expected(),
        )
        account = json.loads((place / "reused.json").read_text())
        return json.loads((place / "left").read_text()), {each: taken[:3] for each, taken in account.items()}

    def process(self, name: str, number: int) -> None:
        """Run the task of one of its partitions."""
        reporter = Reporter(last_words_file=str(self.directory / name / "words"))
        process(self.prepared(name, number), reporter, Expected(partition=number))

    def prepared(self, name: str, number: int) -> ProcessPaths:
        """Create the directories of a task, and return its paths."""
        place, workspace = self.directory / name, self.workspace(name, number)
        for each in ("input_dir", "output_dir"):
            (workspace / each).mkdir(parents=True, exist_ok=True)
        (place / "scratch").mkdir(exist_ok=True)
        return ProcessPaths(
            workspace=str(workspace),
            input_dir=str(workspace / "input_dir"),
            output_dir=str(workspace / "output_dir"),
            plan=str(place / "plan.json"),
            partition=str(place / "packs" / "0.json"),
            recipe=str(self.recipe),
            scratch=str(place / "scratch"),
            facts=str(place / f"facts-{number}.json"),
            memory_events=(str(self.memory_events),),
        )

    def publish(
        self,
        name: str,
        partitions: int,
        *,
        left: list[int],
        taken: dict[str, list[Any]],
        allowed_failures: str | None = None,
        output: str = "pvc",
    ) -> Ended:
        """Run its task `publish`."""
        place = self.directory / name
        reporter = Reporter(last_words_file=str(place / "words"))
        publish(
            Publication(
                run=name,
                recipe_id="lakes",
                partitions=partitions,
                output=output,
                overwrite=True,
                volume=str(self.volume),
                zip_path=str(place / "output.zip"),
                warnings_path=str(place / "warnings"),
                description=str(place / "none.json"),
                recipe=str(place / "none"),
                allowed_failures=allowed_failures,
                reuse=SCOPE,
            ),
            reporter,
        )
        warnings = reporter.warnings.to_text() if reporter.warnings else ""
        return Ended(name, left, taken, self.published(), warnings)

    def published(self) -> dict[str, bytes]:
        """Return the currently published files, by name."""
        top = self.volume / "lakes"
        return {
            path.relative_to(top).as_posix(): path.read_bytes()
            for path in sorted(top.rglob("*"))
            if path.is_file()
        }

    def workspace(self, name: str, number: int) -> Path:
        """Return the workspace of a partition."""
        return self.volume / layout.partition_workspace(name, number)

    def write(self, **files: str) -> None:
        """Write files of the recipe, with the suffix `.txt`."""
        for name, text in files.items():
            self.recipe.chmod(0o755)
            path = self.recipe / f"{name}.txt"
            path.unlink(missing_ok=True)
            path.write_text(text)


def let_clock_tick(path: Path) -> None:
    """Wait until a change would get a later change time than the file has; some kernels count in jiffies."""
    probe = path.with_name(f".{path.name}-probe")
    while True:
        probe.write_text("")
        status = probe.stat()
        probe.unlink()
        if status.st_ctime_ns > path.stat().st_ctime_ns:
            return
