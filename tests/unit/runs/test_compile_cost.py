"""What compiling a recipe of very many inputs costs; `python -m benchmarks compile` measures more of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.recipes import inputs, make_recipe

MANY = 200_000
MEASURED = """
import json, resource, sys
from pathlib import Path
from ogdc_shared.config import Settings
from ogdc_shared.recipe.recipe import load_recipe
from ogdc_shared.runs.compile import compiled_recipe, store_artifacts
from ogdc_shared.storage.directory import DirectoryStore

directory, store = map(Path, sys.argv[1:])
with compiled_recipe(load_recipe(directory), settings=Settings()) as run:
    store_artifacts(DirectoryStore(store), run)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
needless = sorted({"asyncio", "hera.workflows", "pydantic.v1", "requests"} & sys.modules.keys())
manifest = len(json.dumps(run.manifest))
print(json.dumps({"peak": peak, "files": run.division.files, "manifest": manifest, "needless": needless}))
"""


def compiled(directory: Path, urls: int) -> dict[str, Any]:
    """Compile and store a parallel recipe of so many URLs in a process of its own; its peak is in KiB."""
    recipe = make_recipe(
        directory / "recipe",
        workflow={"type": "shell", "parallel": {"enabled": True}},
        input=inputs({"type": "url_list", "file": "urls.txt"}),
        files={"urls.txt": "".join(f"https://example.org/tiles/{n:07}_dem.tif\n" for n in range(urls))},
    )
    command = [sys.executable, "-c", MEASURED, str(recipe), str(directory / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_memory_and_manifest_do_not_grow_with_the_number_of_inputs(tmp_path: Path) -> None:
    one, many = compiled(tmp_path / "one", 1), compiled(tmp_path / "many", MANY)
    assert many["peak"] - one["peak"] < 40 * 1024, "offsets, sizes and a few manifests at a time"
    assert many["manifest"] - one["manifest"] < 64
    assert sum(many["files"]) == MANY
    assert len(many["files"]) == 100
    assert one["needless"] == []
