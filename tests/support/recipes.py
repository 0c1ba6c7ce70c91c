"""Recipes for tests: a valid one that tests make invalid in one place, and some of the kinds in use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from support.trees import plant

GOOD_META: dict[str, Any] = {
    "name": "Seal tags",
    "workflow": {"type": "shell"},
    "input": {"params": [{"type": "url", "value": "https://example.org/tags.csv"}]},
    "output": {"type": "pvc"},
}


def good_meta(**changes: Any) -> dict[str, Any]:
    """Return a valid `meta.yml` with top-level keys replaced, or removed if None."""
    meta = deepcopy(GOOD_META) | changes
    return {key: value for key, value in meta.items() if value is not None}


def recipe_files(*, files: Mapping[str, str | bytes] | None = None, **changes: Any) -> dict[str, str | bytes]:
    """Return the files of a recipe of one command, with changes to meta.yml (`good_meta`) and to files."""
    return {
        "meta.yml": json.dumps(good_meta(**changes)),  # JSON is YAML
        "recipe.sh": "cp /input_dir/* /output_dir/\n",
        **(files or {}),
    }


def make_recipe(directory: Path, *, files: Mapping[str, str | bytes] | None = None, **changes: Any) -> Path:
    """Write a recipe; see `recipe_files`."""
    contents = recipe_files(files=files, **changes)
    plant(
        directory, {name: text.encode() if isinstance(text, str) else text for name, text in contents.items()}
    )
    return directory


def make_own_recipe(
    directory: Path,
    *commands: str,
    name: str,
    params: Sequence[dict[str, Any]] = (),
    output: str = "temporary",
    files: Mapping[str, str | bytes] | None = None,
    parameters: Sequence[dict[str, Any]] = (),
    **workflow: Any,
) -> Path:
    """Write a recipe of some command lines; without others its input is a small file of its own.

    Args:
        directory: Where.
        commands: The lines; without any the input is the result.
        name: Its name.
        params: Its inputs.
        output: The type of its output.
        files: Files besides, or instead.
        parameters: Its parameters.
        workflow: Keys of its `workflow`.
    """
    own = {
        "words.txt": "some words\n",
        "recipe.sh": "\n".join(commands or ("cp /input_dir/* /output_dir/",)) + "\n",
    }
    return make_recipe(
        directory,
        name=name,
        workflow={"type": "shell"} | workflow,
        input=inputs(*(params or [{"type": "file", "path": "words.txt"}])),
        output={"type": output},
        files=own | dict(files or {}),
        **({"parameters": list(parameters)} if parameters else {}),
    )


def inputs(*params: dict[str, Any]) -> dict[str, Any]:
    """Return the `input` of a recipe."""
    return {"params": list(params)}


AS_TODAY: dict[str, dict[str, str | bytes]] = {
    "mosaic of a DataONE package by a VRT": {
        "meta.yml": """\
name: "Shrub biomass of Disko"

workflow:
  type: "shell"

input:
  params:
    - type: "dataone"
      dataset_identifier: "resource_map_doi:10.5072/ABC123"
      filename: "biomass_p50_A1.tif"
    - type: "dataone"
      dataset_identifier: "resource_map_doi:10.5072/ABC123"
      filename: "biomass_p50_B1.tif"

output:
  type: "temporary"
""",
        "recipe.sh": """\
# Tiles to one virtual raster
gdalbuildvrt /output_dir/all.vrt /input_dir/biomass_p50_*.tif && cp /input_dir/biomass_p50_*.tif /output_dir/
# Project and clip
gdalwarp -r near -t_srs EPSG:3413 -te -900.0 -360.0 120.0 -30.0 /input_dir/all.vrt /output_dir/a.tif
""",
        "README.md": "# Shrubs\n",
    },
    "a loop in one line over a wildcard": {
        "meta.yml": """\
name: "Ice sheet sea-level share"
workflow:
  type: "shell"
input:
  params:
    - type: "dataone"
      dataset_identifier: "resource_map_doi:10.5072/XYZ"
      filename: "percent_*.nc"\x20
output:
  type: "temporary"
""",
        "recipe.sh": """\
# Not really a script: each line
# is a step of its own.

bash -c 'for f in /input_dir/*.nc; do b=$(basename "$f" .nc); echo "At $f..."; gdal_translate -of GTiff "$f" \
"/output_dir/${b}_3413.tif"; done && echo "Made $(ls /output_dir/*.tif 2>/dev/null | wc -l) files"'
""",
    },
    "calculation, projection, compression, overviews": {
        "meta.yml": """\
name: "September 2023 Ice Average"
workflow:
  type: "shell"
input:
  params:\x20
    - value: "https://example.org/geotiff/09_Sep/N_202309_concentration.tif"
      type: "url"
output:
  type: "temporary"
""",
        "recipe.sh": """\
gdal_calc.py --calc "A / 10.0" -A /input_dir/*.tif --outfile=/output_dir/percent.tif

gdalwarp -t_srs "EPSG:3413" -r bilinear /input_dir/percent.tif /output_dir/warped.tif
gdal_translate -co TILED=YES -co COMPRESS=DEFLATE /input_dir/warped.tif /output_dir/tiled.tif
cp /input_dir/tiled.tif /output_dir/final.tif && gdaladdo -r average /output_dir/final.tif  2 4 8 16
""",
    },
    "points from a CSV, with comments in meta.yml": {
        "meta.yml": """\
name: "Water from seal tags"
# IMPORTANT: no underscores here.
workflow:
  type: "shell"
input:
  params:
    - type: "dataone"
      dataset_identifier:  "resource_map_urn:uuid:00000000-1111-2222-3333-444444444444"
      filename: "tag.csv"
output:
  type: "temporary"
""",
        "recipe.sh": """\
ogr2ogr -t_srs "EPSG:3413" -s_srs "EPSG:4326" -oo X_POSSIBLE_NAMES=Lon /output_dir/a.gpkg /input_dir/tag.csv
""",
    },
    "parallel, with a shebang and no output": {
        "meta.yml": """\
name: "Parallel basins"
input:
  params:
    - value: "https://example.org/a.gpkg"
      type: "url"
    - value: "https://example.org/b.gpkg"
      type: "url"
workflow:
  type: "shell"
  parallel:
    enabled: true
    partition_strategy: "files"
    partition_size: 2
""",
        "recipe.sh": """\
#!/bin/sh

ogr2ogr -f GPKG "$OUTPUT_DIR"/"$(basename "$INPUT_FILE" .gpkg)_4326.gpkg" "$INPUT_FILE"

ogr2ogr -f GeoJSON "$OUTPUT_DIR"/"$(basename "$INPUT_FILE" .gpkg).geojson" "$INPUT_FILE"
""",
    },
    "visualization to DataONE without an output type": {
        "meta.yml": """\
name: "Basins on a map"
workflow:
  type: "visualization"
  config_file: "config.json"
  parallel:
    enabled: true
    partition_strategy: "files"
    partition_size: 10
input:
  params:
    - value: "https://example.org/tiles/ice_basins.gpkg"
      type: "url"
output:
  dataone_id: "TODO"
""",
        "config.json": """\
{
  "ext_input": ".gpkg",
  "dir_staged": "output/staged/",
  "tms_id": "WGS1984Quad",
  "z_range": [0, 5],
  "geometricError": 57,
  "z_coord": 0,
  "deduplicate_at": null,
  "statistics": [
    {
      "name": "coverage",
      "weight_by": "area",
      "property": "area",
      "aggregation_method": "sum",
      "resampling_method": "average",
      "palette": ["#edf8e9", "#a1d99b", "#41ab5d", "#005a32"],
      "nodata_val": 0,
      "nodata_color": "#ffffff00"
    }
  ]
}
""",
    },
    "volume inputs, nothing about where results go": {
        "meta.yml": """\
name: volume tiles
workflow: {sh_file: steps/all.sh}
input:
  params:
    - type: pvc_mount
      claim_name: arctic-dem-pvc
      path: /tiles/v3/
      glob: "*.tif"
""",
        "steps/all.sh": "cp /input_dir/*.tif /output_dir/\n",
    },
}
"""Recipes of the kinds in use, by their particularity; file name → content."""
