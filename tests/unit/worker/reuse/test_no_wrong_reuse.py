"""After any edits between two runs, reused results equal those of a new run."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.plan import Command, InputFile, Plan, Reuse
from ogdc_worker.reuse.inputs import of_all
from ogdc_worker.reuse.kept import FILES, About, NotAsKeptError, described
from ogdc_worker.reuse.keys import Keys
from ogdc_worker.reuse.remembered import Remembered, remember, request_digest
from ogdc_worker.reuse.store import Store
from support.effort import THOROUGH
from support.reused_runs import let_clock_tick

EDITS = 25
"""In a row."""
_few = st.integers(0, 2)
_edit = st.one_of(
    st.tuples(st.just("command"), _few, st.sampled_from(["tool a", "tool b", "tool a ", "toola"])),
    st.tuples(st.just("more"), st.just(0), st.sampled_from(["tool a", "tool b"])),
    st.tuples(st.just("fewer"), st.just(0), st.just("")),
    st.tuples(st.just("swap"), _few, st.just("")),
    st.tuples(st.just("input"), _few, st.sampled_from(["", "x", "y", "xy"])),
    st.tuples(st.just("rename"), _few, st.sampled_from(["a", "b", "ab"])),
    st.tuples(st.just("recipe"), st.just(0), st.sampled_from(["1", "2"])),
    st.tuples(st.just("tool"), st.just(0), st.sampled_from(["1", "2", "12"])),
    st.tuples(st.just("meanwhile"), _few, st.sampled_from(["1", "2", "12"])),
    st.tuples(st.just("variable"), st.just(0), st.sampled_from(["C", "C.UTF-8"])),
    st.tuples(st.just("image"), st.just(0), st.sampled_from(["", "worker:1", "worker:2"])),
    st.tuples(st.just("published"), _few, st.sampled_from(["spoilt", ""])),
)


class World:
    """A recipe, its inputs and its programs, edited between runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.commands = ["tool a", "tool b"]
        self.inputs = [("a", "x"), ("b", "y")]
        self.recipe, self.tool, self.variable, self.image = "1", "1", "C", ""
        self.store = Store(str(directory / "store"))
        self._meanwhile: str | None = None
        self._is_restored = False
        self._time = 1_700_000_000
        self._count = 0
        self._tool = directory / "bin" / "tool"
        self._tool.parent.mkdir()
        self._install()

    def edit(self, what: str, which: int, value: str) -> None:
        if what == "command":
            self.commands[which % len(self.commands)] = value
        elif what == "more":
            self.commands = [*self.commands, value][:4]
        elif what == "fewer":
            self.commands = self.commands[:-1] or self.commands
        elif what == "swap":
            self.commands.insert(0, self.commands.pop(which % len(self.commands)))
        elif what in {"input", "rename"}:
            name, content = self.inputs[which % 2]
            changed = (name, value) if what == "input" else (value, content)
            self.inputs[which % 2] = changed
        elif what == "published":
            self._spoil(which, value)
        elif what == "meanwhile":
            self._meanwhile, self._is_restored = value, which == 0
        else:
            setattr(self, what, value)
            self._install()

    def run(self) -> None:
        """Take what is known, make the rest and keep it; and compare with what running all would make."""
        found = self._keys()
        keys = found.of(self._stands_for())
        for at, key in reversed([*enumerate(keys, 1)]):
            entry = self.store.find(key)
            if entry is None:
                continue
            target = self._new("taken")
            try:
                self.store.take(entry, str(target), linked=True)
            except NotAsKeptError:
                self.store.drop(key)
                continue
            assert {path.name: path.read_text() for path in target.iterdir()} == self._made(at)
            break
        made = [self._made(at) for at in range(1, len(keys) + 1)]
        if self._replace_program():
            made = [{"out": "by two versions of a program"}] * len(keys)
        if self._holds(found):
            for at, key in enumerate(keys, 1):
                self._keep(at, key, made[at - 1])

    def _holds(self, found: Keys) -> bool:
        """Whether what keys stand for is as it was, as `keeping` and `harvest` see it."""
        return found.hold(named_only=bool(found.moment)) and self._keys().moment == found.moment

    def _replace_program(self) -> bool:
        """Change a program while the commands run, for good or for a while."""
        if self._meanwhile in {None, self.tool}:
            return False
        before, status = self.tool, self._tool.stat()
        self.tool, self._meanwhile = str(self._meanwhile), None
        let_clock_tick(self._tool)
        self._install()
        if self._is_restored:
            self.tool = before
            self._tool.write_text(before)
            os.utime(self._tool, ns=(status.st_atime_ns, status.st_mtime_ns))
        return True

    def _keep(self, at: int, key: str, made: dict[str, str]) -> None:
        draft = self.store.draft()
        outputs = Path(draft, FILES)
        outputs.mkdir()
        for name, text in made.items():
            (outputs / name).write_text(text)
        self.store.add(draft, About(key, at, (), described(str(outputs), most=1 << 20), run="r"))

    def _made(self, commands: int) -> dict[str, str]:
        """What so many commands make of the inputs: all that may have a say has one."""
        parts = [self.recipe, self.tool, self.variable, self.image, *self.commands[:commands]]
        return {"out": hashlib.sha256(repr([parts, sorted(self.inputs)]).encode()).hexdigest()}

    def _stands_for(self) -> list[list[str | int]]:
        files = tuple(InputFile(f"u{number}") for number in range(2))
        fetched = {
            f"u{number}": (name, f"sha256:{hashlib.sha256(content.encode()).hexdigest()}")
            for number, (name, content) in enumerate(self.inputs)
        }
        inputs = of_all(files, recipe="", fetched=fetched)
        assert inputs is not None
        return inputs

    def _keys(self) -> Keys:
        environ = {"PATH": str(self.directory / "bin"), "LANG": self.variable, "OGDC_IMAGE": self.image}
        lines = tuple(Command(text, 1) for text in self.commands)
        return Keys(Plan("lakes", lines, reuse=Reuse(self.recipe, len(lines))), environ)

    def _install(self) -> None:
        if not self._tool.exists() or self._tool.read_text() != self.tool:
            self._time += 1
            self._tool.write_text(self.tool)
            os.utime(self._tool, (self._time, self._time))

    def _spoil(self, which: int, value: str) -> None:
        """Edit what was taken, which may be the very file that is kept."""
        taken = [*self.directory.glob("taken-*/out")]
        if taken:
            taken[which % len(taken)].write_text(value)

    def _new(self, name: str) -> Path:
        self._count += 1
        return self.directory / f"{name}-{self._count}"


@pytest.mark.slow
@settings(max_examples=10_000 // EDITS if THOROUGH else 12, deadline=None)
@given(edits=st.lists(_edit, min_size=EDITS if THOROUGH else 8, max_size=EDITS))
def test_reused_results_equal_a_new_run(edits: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        world.run()
        for edit in edits:
            world.edit(*edit)
            world.run()


def test_a_source_with_two_names_is_not_reused() -> None:
    files = (InputFile("u", name="a"), InputFile("u", name="b"))

    assert of_all(files, recipe="", fetched={"u": ("a", "sha256:0")}) is None


def test_a_source_with_two_names_is_not_remembered(tmp_path: Path) -> None:
    checked = [InputFile("u", name=name, checksum=("sha256", "0")) for name in "ab"]
    for file in checked:
        remember(str(tmp_path), [{"request": request_digest(file), "place": "x", "checksum": "sha256:0"}])

    assert Remembered(str(tmp_path), None).known(checked) == {}
    assert Remembered(str(tmp_path), None).known(checked[:1]) == {"u": ("x", "sha256:0")}
