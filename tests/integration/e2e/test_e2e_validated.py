"""Crates and packages of each kind of recipe, checked by independent validators and an index."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import pystac
import pystac.validation
import pytest

from ogdc_shared.dataone.validation import system_metadata_validator
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
_PLACES = {
    f"{name}.geojson": json.dumps({"type": "FeatureCollection", "features": [_FEATURE | {"id": name}]})
    for name in ("a", "b")
}
_EACH = _PLACES | {"recipe.sh": 'cp "$INPUT_FILE" "$OUTPUT_FILE"\n'}
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
        _PLACES | {"recipe.sh": "cp /input_dir/* /output_dir/\ncp /input_dir/* /output_dir/\n"},
        (*_PLACES,),
    ),
    "parallel": Kind(_BY_ONE, _EACH, (*_PLACES,)),
    "reused": Kind(_BY_ONE, _EACH, (*_PLACES,), runs=2),
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
    """With its `crate`, its `package`, and the `result` in a zip."""


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
        ("get-output", run["name"], "--output-dir", "result"),
    ):
        done = stack.cli(*command, cwd=directory)
        assert done.code == 0, done
        assert "by EML's schemas" not in done.err, "they were not validated"
    return Made(request.param, directory)


@_marked(*crate_validation.NEEDED)
def test_the_crate_passes_all_required_checks(made: Made) -> None:
    done = crate_validation.validated(made.directory / "crate")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@_marked(*gmn.NEEDED)
def test_the_zip_index_is_served(made: Made) -> None:
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
    assert answers["prov_hasDerivations"] == {pair[::-1] for pair in answers["prov_wasDerivedFrom"]}
    [about] = [each["pid"] for each in listed.values() if each["role"] == "metadata"]
    aggregated = {each["pid"] for each in listed.values() if each["role"] != "map"}
    assert answers["documents"] == answers["by_libclient"] == {(about, pid) for pid in aggregated}


@_marked(*gmn.NEEDED)
def test_documents_for_nodes_are_valid(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """By DataONE's own schemas, which its library brings along."""
    [site] = gmn.PYTHON.parents[1].glob("lib/python*/site-packages")
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    system_metadata_validator.cache_clear()
    validator = system_metadata_validator()
    system_metadata_validator.cache_clear()
    assert validator is not None
    documents = sorted((made.directory / "package/system-metadata").iterdir())
    assert len(documents) == len(members(made.directory / "package"))
    assert [problem for each in documents for problem in validator.problems(each.read_bytes())] == []
    assert validator.problems(documents[0].read_bytes().replace(b"<size>", b"<size>-"))


def test_the_stac_catalogue_is_readable_and_valid(made: Made) -> None:
    """By pystac: the catalogue of a result, and the item of a map. Schemas of extensions are on the web."""
    [result] = (made.directory / "result").iterdir()
    with ZipFile(result) as packed:
        packed.extractall(made.directory / "unpacked")
    if made.kind == "map":
        items = [pystac.Item.from_file(str(made.directory / "unpacked/item.json"))]
    else:
        catalog = pystac.Catalog.from_file(str(made.directory / "unpacked/.stac/catalog.json"))
        catalog.validate()
        items = list(catalog.get_items(recursive=True))
        assert {item.id for item in items} == {*_PLACES}
    for item in items:
        pystac.validation.validate_dict(item.to_dict(transform_hrefs=False) | {"stac_extensions": []})
        assert all(Path(asset.get_absolute_href() or "").exists() for asset in item.assets.values())
