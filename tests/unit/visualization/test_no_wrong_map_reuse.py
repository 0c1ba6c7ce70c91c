"""Whatever of a map is edited between two runs, what is known of its first stage it would make again.

The recipe is a real one, planned as a submission's, and the stage is run by what its tasks run.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.config import Settings
from ogdc_shared.digests import digest
from ogdc_shared.plan import InputFile, Partitioning
from ogdc_shared.recipe.bundle import pack_with_digest
from ogdc_shared.recipe.recipe import load_recipe
from ogdc_shared.runs.recipe_types import plans
from ogdc_shared.runs.reuse import Reusing, plan_reuse
from ogdc_shared.runs.stage_facts import RunFacts
from ogdc_shared.visualization.reading import read_config
from ogdc_visualization.stages.scatter import scatter
from ogdc_worker.reuse.inputs import of_all
from ogdc_worker.reuse.keys import Keys
from support.effort import THOROUGH
from support.trees import tree

EDITS = 40
SETTINGS = Settings.from_env()
FIXED = {
    "ext_input": ".geojson",
    "dir_footprints": "footprints",
    "ext_footprints": ".geojson",
    "deduplicate_keep_rules": [["area", "larger"]],
}
CONFIG: dict[str, list[Any]] = {
    "z_range": [[0, 1], [0, 2]],
    "tms_id": ["WGS1984Quad", "WebMercatorQuad"],
    "duplicates": [{"deduplicate_at": ["raster"], "deduplicate_method": "footprints"}, {}],
    "simplify_tolerance": [0.1, 1],
}
META: dict[str, list[Any]] = {"warnings": ["report", "fail"], "retries": [1, 2], "reuse": [None, True, False]}
FILES = ("a.geojson", "b.geojson", "footprints/a.geojson", "notes.md")
_edit = st.one_of(
    *(st.tuples(st.just("file"), st.just(name), st.integers(0, 2)) for name in FILES),
    *(st.tuples(st.just("config"), st.just(key), st.sampled_from(each)) for key, each in CONFIG.items()),
    *(st.tuples(st.just("meta"), st.just(key), st.sampled_from(each)) for key, each in META.items()),
)


def polygon(seed: int) -> str:
    x, y = -60 + 7 * seed, 65 + 3 * seed
    ring = [[x, y], [x + 2, y], [x, y + 1], [x, y]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"area": seed}, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


class EditedMap:
    """A recipe of a map that is edited between runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.known: dict[str, str] = {}
        self.config = {key: values[0] for key, values in CONFIG.items()}
        self.meta = {key: values[0] for key, values in META.items()}
        (directory / "footprints").mkdir()
        for name in FILES:
            self.edit("file", name, 0)

    def edit(self, what: str, which: str, value: Any) -> None:
        if what == "file":
            (self.directory / which).write_text(polygon(value))
        else:
            getattr(self, what)[which] = value

    def run(self) -> int:
        """Compare what is known with what running makes, and keep that; returns how much was known."""
        self._write()
        found = [(key, self._made(name)) for name in FILES[:2] for key in self._keys(name)]
        for key, made in found:
            assert self.known.get(key, made) == made
        taken = sum(key in self.known for key, _ in found)
        self.known.update(found)
        return taken

    def _write(self) -> None:
        workflow = {"type": "visualization", "config_file": "config.json"} | self.meta
        params = [{"type": "file", "path": name} for name in FILES[:2]]
        meta = {"name": "Edited", "workflow": workflow, "input": {"params": params}}
        config = FIXED | self.config
        config |= config.pop("duplicates")
        (self.directory / "meta.yml").write_text(json.dumps(meta))
        (self.directory / "config.json").write_text(json.dumps(config))

    def _keys(self, name: str) -> list[str]:
        recipe = load_recipe(self.directory)
        first, *_ = plans(recipe, RunFacts(Partitioning(), digest=""))
        packed = pack_with_digest(self.directory)
        found = plan_reuse(recipe, first, packed.files, settings=SETTINGS, run=Reusing())
        if found is None:
            assert self.meta["reuse"] is False
            return []
        inputs = of_all((InputFile(name, kind="recipe"),), recipe=str(self.directory), fetched={})
        assert inputs is not None
        return Keys(first._replace(reuse=found.reuse), {"PATH": os.defpath}).of(inputs)

    def _made(self, name: str) -> str:
        """The digest of what the stage leaves of one file, and warns of."""
        content = (self.directory / "config.json").read_bytes()
        warned: list[str] = []
        with tempfile.TemporaryDirectory() as scratch:
            inputs, output = Path(scratch, "in"), Path(scratch, "out")
            inputs.mkdir()
            output.mkdir()
            (inputs / name).write_bytes((self.directory / name).read_bytes())
            config = read_config(content, name="config.json", recipe=self.directory)
            scatter(config, inputs, output, warned.append, self.directory / "footprints")
            return digest(repr([tree(output), warned, self.meta["warnings"]]).encode())


@pytest.mark.slow
@settings(max_examples=10_000 // EDITS if THOROUGH else 4, deadline=None)
@given(edits=st.lists(_edit, min_size=EDITS if THOROUGH else 6, max_size=EDITS if THOROUGH else 8))
def test_reused_results_of_an_edited_map_equal_a_new_run(edits: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = EditedMap(Path(directory))
        assert world.run() == 0
        assert world.run() == 2
        for edit in edits:
            world.edit(*edit)
            world.run()
