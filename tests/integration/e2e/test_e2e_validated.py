"""Crates and packages of each kind of recipe, as validators and the index of others take them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support import crate_validation, gmn
from support.data_sets import members
from support.publications import METADATA
from support.recipes import inputs, make_recipe
from support.stack import Stack

_QUESTIONS = Path(gmn.__file__).with_name("index_questions.py")
_FEATURE = {
    "type": "Feature",
    "properties": {"basin": 1, "area": 2.5},
    "geometry": {"type": "Polygon", "coordinates": [[[-50, 70], [-40, 70], [-45, 75], [-50, 70]]]},
}
_COLUMN = {
    **{"name": "coverage", "weight_by": "area", "property": "area", "aggregation_method": "sum"},
    **{"resampling_method": "average", "palette": ["#edf8e9", "#005a32"]},
    **{"nodata_val": 0, "nodata_color": "#ffffff00"},
}
_CONFIG = {
    **{"ext_input": ".geojson", "dir_input": "input", "dir_staged": "output/staged/"},
    **{"dir_geotiff": "output/raster/geotiff/", "dir_web_tiles": "output/raster/web-tiles/"},
    **{"tms_id": "WGS1984Quad", "z_range": [0, 1], "geometricError": 57, "z_coord": 0},
    **{"enable_stager": True, "enable_raster": True, "enable_web_tiles": False, "enable_3dtiles": False},
    **{"deduplicate_at": None, "deduplicate_method": None, "statistics": [_COLUMN]},
}
_TABLES = {"a.csv": "x\n1\n", "b.csv": "x\n2\n"}
_EACH = _TABLES | {"recipe.sh": 'cp "$INPUT_FILE" "$OUTPUT_FILE"\n'}
_BY_ONE = {"type": "shell", "parallel": {"enabled": True, "partition_size": 1}}


class Kind(NamedTuple):
    """A kind of recipe."""

    workflow: dict[str, Any]
    files: dict[str, str]
    inputs: tuple[str, ...]
    runs: int = 1
    """How often it runs; what the first has made is taken by the next."""
    program: str = "recipe.sh"


KINDS = {
    "sequential": Kind(
        {"type": "shell"},
        _TABLES | {"recipe.sh": "cp /input_dir/* /output_dir/\ncp /input_dir/* /output_dir/\n"},
        ("a.csv", "b.csv"),
    ),
    "parallel": Kind(_BY_ONE, _EACH, ("a.csv", "b.csv")),
    "reused": Kind(_BY_ONE, _EACH, ("a.csv", "b.csv"), runs=2),
    "map": Kind(
        {"type": "visualization", "config_file": "config.json"},
        {
            "config.json": json.dumps(_CONFIG),
            "basin.geojson": json.dumps({"type": "FeatureCollection", "features": [_FEATURE]}),
        },
        ("basin.geojson",),
        program="config.json",
    ),
}


def _marked(*marks: pytest.MarkDecorator) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return lambda test: reduce(lambda marked, mark: mark(marked), marks, test)


class Made(NamedTuple):
    """What there is of a run."""

    kind: str
    directory: Path
    """With its `crate`, and its `package`."""


@pytest.fixture(scope="module", params=[*KINDS])
def made(stack: Stack, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Made:
    kind, directory = KINDS[request.param], tmp_path_factory.mktemp(request.param)
    recipe = make_recipe(
        directory / "recipe",
        name=f"Validated {request.param}",
        workflow=kind.workflow,
        input=inputs(*({"type": "file", "path": path} for path in kind.inputs)),
        output={"type": "temporary", "license": "CC-BY-4.0"},
        metadata=METADATA,
        files=kind.files,
    )
    for _ in range(kind.runs):
        done = stack.cli("submit", "--wait", "--json", str(recipe))
        assert done.code == 0, done
    run = done.json()
    assert run["partition_counts"].get("Reused", 0) == (2 if kind.runs > 1 else 0)
    for command in (
        ("provenance", run["name"], "-o", "crate"),
        ("publish", run["name"], "--to", "dataone", "--dry-run", "package"),
    ):
        done = stack.cli(*command, cwd=directory)
        assert done.code == 0, done
    assert "by EML's schemas" not in done.err, "they were not validated"
    return Made(request.param, directory)


@_marked(*crate_validation.NEEDED)
def test_its_crate_passes_what_is_required(made: Made) -> None:
    done = crate_validation.validated(made.directory / "crate")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@_marked(*gmn.NEEDED)
def test_the_index_is_answered(made: Made) -> None:
    package = made.directory / "package"
    words = [str(gmn.PYTHON), "-P", str(_QUESTIONS), str(package / "resource-map.xml")]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    answers = {field: {tuple(pair) for pair in pairs} for field, pairs in json.loads(done.stdout).items()}
    listed = members(package)
    program = listed[f"recipe/{KINDS[made.kind].program}"]["pid"]
    outputs = {each["pid"] for each in listed.values() if each["role"] == "output"}
    assert answers["prov_generatedByProgram"] == {(pid, program) for pid in outputs}
    assert answers["prov_generated"] == {(program, pid) for pid in outputs}
    [(_, execution)] = answers["prov_wasExecutedByExecution"]
    assert answers["prov_generatedByExecution"] == {(pid, execution) for pid in outputs}
    classes = {
        pid: {value for each, value in answers["prov_instanceOfClass"] if each == pid} for pid in outputs
    }
    assert all(any(value.endswith("#Data") for value in values) for values in classes.values())
