"""Whatever of a recipe is edited between two runs, what is known by its keys is what running would make.

The recipe is a real one, read, packed and planned as a submission's; what its commands would make is modelled
by all that each of its lines can read.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.config import Settings
from ogdc_shared.plan import InputFile, Partitioning
from ogdc_shared.recipe.bundle import pack_with_digest
from ogdc_shared.recipe.parameters import as_variables, read_values
from ogdc_shared.recipe.recipe import load_recipe
from ogdc_shared.runs.recipe_types import plans
from ogdc_shared.runs.reuse import Reusing, plan_reuse
from ogdc_shared.runs.stage_facts import RunFacts
from ogdc_worker.reuse.inputs import of_all
from ogdc_worker.reuse.keys import Keys
from support.effort import THOROUGH

EDITS = 40
"""In a row."""
SETTINGS = Settings.from_env()
_INPUTS, _EVERYTHING, _CHANCE = "inputs", "everything", "chance"
LINES: dict[str, tuple[str, ...]] = {
    'cat "$INPUT_DIR"/* > "$OUTPUT_DIR/x"': (),
    'cat "$INPUT_DIR"/*  > "$OUTPUT_DIR/x"': (),
    'sh "$RECIPE_DIR/script.sh" > "$OUTPUT_DIR/x"': ("script.sh", "lib.txt"),
    'cat "$RECIPE_DIR/lib.txt" "$INPUT_DIR"/* > "$OUTPUT_DIR/x"': ("lib.txt",),
    'cat "$RECIPE_DIR/meta.yml" > "$OUTPUT_DIR/x"': ("meta.yml",),
    'grep -c . "$RECIPE_DIR"/* > "$OUTPUT_DIR/x"': (_EVERYTHING,),
    'cd "$RECIPE_DIR" && cat recipe.sh > "$OUTPUT_DIR/x"': (_EVERYTHING,),
    'cat /ogdc/recipe/data/a.txt > "$OUTPUT_DIR/x"': ("data/a.txt",),
    'cat "$RECIPE_DIR"/data/* > "$OUTPUT_DIR/x"': ("data/a.txt", "data/b.txt"),
    'echo "$LEVEL" > "$OUTPUT_DIR/x"': (),
    'date > "$OUTPUT_DIR/x"': (_CHANCE,),
    'cp "$INPUT_DIR"/* "$OUTPUT_DIR"': (),
}
"""Lines, and what each can read beside what the one before has left, shell and variables."""
FILES = {
    "script.sh": ['cat "$RECIPE_DIR/lib.txt"', "echo 1", "echo 2", "date"],
    "lib.txt": ["1", "2"],
    "notes.md": ["", "Read this."],
    "data/a.txt": ["a", "b"],
    "data/b.txt": ["a", "b", "ab"],
}
META: dict[str, list[Any]] = {
    "shell": ["", "#!/bin/sh\n"],
    "strict": [True, False],
    "warnings": ["report", "fail"],
    "level": [1, 2],
    "about": ["", "Something"],
    "items": [[], ["*.txt"]],
    "allowed_failures": [None, 1],
}
_edit = st.one_of(
    st.tuples(st.just("line"), st.integers(0, 2), st.sampled_from(sorted(LINES))),
    st.tuples(st.just("lines"), st.just(0), st.lists(st.sampled_from(sorted(LINES)), min_size=1, max_size=3)),
    *(st.tuples(st.just("file"), st.just(name), st.sampled_from(texts)) for name, texts in FILES.items()),
    *(st.tuples(st.just("meta"), st.just(name), st.sampled_from(values)) for name, values in META.items()),
)


class Edited:
    """A recipe that is edited between runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.known: dict[str, str] = {}
        self.lines = list(LINES)[:2]
        self.meta = {name: values[0] for name, values in META.items()}
        (directory / "data").mkdir()
        for name, texts in FILES.items():
            (directory / name).write_text(texts[0])
        self._chance = count()

    def edit(self, what: str, which: Any, value: Any) -> None:
        if what == "line":
            self.lines[which % len(self.lines)] = value
        elif what == "lines":
            self.lines = value
        elif what == "file":
            (self.directory / which).write_text(value)
        else:
            self.meta[which] = value

    def run(self) -> int:
        """Compare what is known with what running would make, and keep that; returns how much was known."""
        self._write()
        found = [(key, made) for key, made in zip(self._keys(), self._made(), strict=False)]
        for key, made in found:
            assert self.known.get(key, made) == made
        taken = sum(key in self.known for key, _ in found)
        self.known.update(found)
        return taken

    def _write(self) -> None:
        parallel = {"enabled": True, "items": self.meta["items"]} if self.meta["items"] else {"enabled": True}
        if self.meta["allowed_failures"]:
            parallel["allowed_failures"] = self.meta["allowed_failures"]
        document = {
            "name": "Edited",
            "workflow": {
                "strict": self.meta["strict"],
                "warnings": self.meta["warnings"],
                "parallel": parallel,
            },
            "parameters": [{"name": "LEVEL", "type": "integer", "default": self.meta["level"]}],
            "input": {"params": [{"type": "file", "path": f"data/{name}.txt"} for name in "ab"]},
        }
        about = f"# {self.meta['about']}\n"
        (self.directory / "meta.yml").write_text(about + json.dumps(document))
        (self.directory / "recipe.sh").write_text(self.meta["shell"] + "\n".join(self.lines) + "\n")

    def _keys(self, names: str = "ab") -> list[str]:
        recipe = load_recipe(self.directory)
        packed = pack_with_digest(self.directory)
        variables = as_variables(read_values(recipe.meta.parameters, {}))
        (plan,) = plans(recipe, RunFacts(Partitioning(), digest="", variables=tuple(variables)))
        found = plan_reuse(recipe, plan, packed.files, settings=SETTINGS, run=Reusing())
        if found is None:
            return []
        files = tuple(InputFile(f"data/{name}.txt", kind="recipe") for name in names)
        inputs = of_all(files, recipe=str(self.directory), fetched={})
        assert inputs is not None
        environ = {"PATH": os.defpath}
        return Keys(plan._replace(reuse=found.reuse), environ).of(inputs)

    def _made(self) -> Iterator[str]:
        """Yield what each command leaves: a digest of all that may have a say in it."""
        shell = load_recipe(self.directory).shell  # some ways to write it are one shell
        fields = {name: self.meta[name] for name in ("warnings", "level", "items")}
        fields |= {"shell": (shell.words, shell.strict), "counts": self.meta["allowed_failures"] is not None}
        left = repr([(self.directory / f"data/{name}.txt").read_text() for name in "ab"])
        for line in self.lines:
            seen = [self._seen(name) for name in LINES[line]]
            left = hashlib.sha256(repr([left, line, seen, fields]).encode()).hexdigest()
            yield left

    def _seen(self, name: str) -> str:
        if name == _CHANCE or (name == "script.sh" and "date" in (self.directory / name).read_text()):
            return f"{next(self._chance)}"
        if name == _EVERYTHING:
            paths = sorted(path for path in self.directory.rglob("*") if path.is_file())
            return repr([(path.name, path.read_text()) for path in paths])
        return (self.directory / name).read_text()


@pytest.mark.slow
@settings(max_examples=10_000 // EDITS if THOROUGH else 5, deadline=None)
@given(edits=st.lists(_edit, min_size=EDITS if THOROUGH else 8, max_size=EDITS if THOROUGH else 12))
def test_reused_results_of_an_edited_recipe_equal_a_new_run(edits: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = Edited(Path(directory))
        assert world.run() == 0
        assert world.run() == 2
        for edit in edits:
            world.edit(*edit)
            world.run()


@pytest.mark.parametrize(
    ("line", "reads_others"),
    [
        ('cat "$RECIPE_DIR"/data/*', True),
        ("cat $RECIPE_DIR/data/b*.txt", True),
        ("cat ${RECIPE_DIR}/data/$NAME", True),
        ('ls "${RECIPE_DIR}/data"', True),
        ("cat $RECIPE_DIR/notes.md", False),
        ('sh "$RECIPE_DIR/script.sh"', False),
    ],
)
def test_a_line_that_may_read_other_partitions_inputs_depends_on_them(
    tmp_path: Path, line: str, reads_others: bool
) -> None:
    world = EditedAlone(tmp_path)
    world.edit("file", "script.sh", "echo 1")
    world.edit("lines", 0, [line])
    before = world.keys_of_a()
    world.edit("file", "data/b.txt", "changed")

    assert (world.keys_of_a() != before) is reads_others


class EditedAlone(Edited):
    """A recipe whose partitions have one file each."""

    def keys_of_a(self) -> list[str]:
        self._write()
        return self._keys("a")
