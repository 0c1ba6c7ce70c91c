"""Validation of a visualization's configuration beyond types, with errors by key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import PurePosixPath

from ogdc_shared.visualization.config import (
    AGGREGATIONS,
    DERIVED_PROPERTIES,
    MAX_LEVEL,
    RESAMPLINGS,
    Range,
    Statistic,
    VisualizationConfig,
)

_RELATIVE_PATH = r"^(?!/)(?!(.*/)?\.\.(/|$))[^\x00-\x1f]*$"
_MAX_PATH = 255
"""Maximum bytes of a path in the output; many file systems allow as many for each name."""
_MAX_NAME = 100
"""Maximum characters of a statistic's name, which is part of file and directory names."""
_MAX_HEIGHT = 1e6
"""In metres; nothing further away is visible on a map, and 32-bit positions are too inexact for it."""
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that cannot occur in XML. Source: XML 1.0, production 2."""
_TABLES = ("filename_staging_summary", "filename_rasterization_events", "filename_rasters_summary")
_DIRECTORIES = ("dir_staged", "dir_geotiff", "dir_web_tiles", "dir_3dtiles", "dir_cogs", "dir_pmtiles")
_PRODUCTS = ("index.html", "item.json", "preview.png", "WMTSCapabilities.xml")
_OTHER_FILES = (".gpkg", ".tif", ".png", ".b3dm", ".glb", ".json", ".pmtiles", ".html", ".js", ".css", ".xml")
"""File name extensions of output files other than tables."""
_MAX_SIMILAR = 5
"""Maximum number of words to suggest that share a part with a misspelt one, as `tile_size` with `tile_px`."""
_MAX_LISTED = 20
"""Maximum number of words that a message lists; the configuration has 59 keys."""
_LENGTHS = (
    *("simplify_tolerance", "geometricError"),
    *("deduplicate_overlap_tolerance", "deduplicate_centroid_tolerance"),
)
"""Keys whose values are lengths or fractions."""


def config_problems(config: VisualizationConfig) -> list[str]:
    """Return problems of a configuration that its types do not rule out."""
    found = []
    low, high = config.z_range
    if not 0 <= low <= high <= MAX_LEVEL:
        found.append(f"z_range: [{low}, {high}] is not a range of levels from 0 to {MAX_LEVEL}.")
    if not all(1 <= side <= 4096 for side in config.tile_size):
        found.append(
            f"tile_size: {list(config.tile_size)} is not a size of tiles; give pixels from 1 to 4096."
        )
    if sorted(config.tile_path_structure) != ["style", "tms", "x", "y", "z"]:
        found.append("tile_path_structure: give style, tms, z, x and y, each once.")
    if config.base_url and not re.fullmatch(r"https?://[^\s/]+(/[^\s?#]*)?/", config.base_url):
        found.append(f"base_url: {config.base_url!r} is not an address of a directory; it ends with a slash.")
    if not (config.enable_stager or config.enable_raster or config.enable_3dtiles):
        found.append(
            "enable_stager: of tiles that are staged already rasters or 3D tiles are made, and "
            "enable_raster and enable_3dtiles are false. Web tiles are pictures of rasters."
        )
    if config.deduplicate_at and not config.deduplicate_method:
        found.append("deduplicate_method: is missing; deduplicate_at takes neighbor or footprints.")
    if config.deduplicate_at and not config.deduplicate_keep_rules:
        found.append("deduplicate_keep_rules: are missing; say which of two polygons is kept.")
    if abs(config.z_coord or 0) > _MAX_HEIGHT:
        found.append(f"z_coord: {config.z_coord} is not a height; give at most {_MAX_HEIGHT:.0f} metres.")
    found += [
        f"{key}: holds a character that no document can have; leave it out."
        for key in ("version", "title", "doi", "base_url")
        if _UNPRINTABLE.search(getattr(config, key) or "")
    ]
    found += _path_problems(config)
    found += [
        f"{key}: {getattr(config, key)} is negative." for key in _LENGTHS if (getattr(config, key) or 0) < 0
    ]
    found += [
        f"{key}: {value!r} is also the value of {other}." for key, other, value in _shared_names(config)
    ]
    if not config.ext_input:
        found.append("ext_input: is empty; give the file name ending of the inputs.")
    if config.enable_raster and not config.statistics:
        found.append(
            "statistics: is empty, so rasters have no band. Add a statistic, or set enable_raster: false."
        )
    names = [each.name for each in config.statistics]
    for number, statistic in enumerate(config.statistics):
        if names.count(statistic.name) > 1:
            found.append(f"statistics[{number}].name: {statistic.name!r} is given twice.")
        found += [f"statistics[{number}].{problem}" for problem in _problems_of(statistic)]
    return found


def _path_problems(config: VisualizationConfig) -> Iterator[str]:
    """Yield problems with paths that lead out of the output or clash with other files."""
    keys = [name for name in config.__struct_fields__ if name.startswith(("dir_", "filename_"))]
    for key in keys:
        value = getattr(config, key)
        if not re.match(_RELATIVE_PATH, value):
            yield f"{key}: {value!r} leads out of the output."
        if len(value.encode(errors="replace")) > _MAX_PATH:
            yield f"{key}: is longer than {_MAX_PATH} bytes."
        if key.startswith("filename_") and not PurePosixPath(value).name:
            yield f"{key}: {value!r} is not a name of a file."
    for key in _TABLES:
        if getattr(config, key).lower().endswith(_OTHER_FILES):
            yield f"{key}: {getattr(config, key)!r} is named as other files of a map are; end it in .csv."
    files = [PurePosixPath(name) for name in (*_PRODUCTS, *(getattr(config, key) for key in _TABLES))]
    for key, file in product(_DIRECTORIES, files):
        if file.name and PurePosixPath(getattr(config, key)).is_relative_to(file):
            yield f"{key}: {getattr(config, key)!r} is not a directory, as {file} is a file of the result."


def _problems_of(statistic: Statistic) -> list[str]:
    found = []
    if not re.fullmatch(r"[\w.-][\w. -]*", statistic.name) or statistic.name in {".", ".."}:
        found.append(f"name: {statistic.name!r} cannot be a directory's name; use letters, digits, - and _.")
    if len(statistic.name) > _MAX_NAME:
        found.append(f"name: is longer than {_MAX_NAME} characters.")
    for key, value, known in (
        ("aggregation_method", statistic.aggregation_method, AGGREGATIONS),
        ("resampling_method", statistic.resampling_method, RESAMPLINGS),
    ):
        if value not in known:
            found.append(f"{key}: {value!r} is not known; {nearest(value, known)}")
    other = DERIVED_PROPERTIES["area" if statistic.weight_by == "count" else "count"]
    if statistic.property in other:
        found.append(f"property: {statistic.property!r} is not had by weight_by: {statistic.weight_by}.")
    if not statistic.palette:
        found.append("palette: has no colour.")
    found += [
        f"z_config: {level!r} is not a level; give a number from 0 to {MAX_LEVEL}, as 5."
        for level in statistic.z_config
        if level not in map(str, range(MAX_LEVEL + 1))
    ]
    ranges = {f"z_config.{level}.val_range": each.val_range for level, each in statistic.z_config.items()}
    for key, (low, high) in _given({"val_range": statistic.val_range} | ranges):
        if low is not None and high is not None and low > high:
            found.append(f"{key}: [{low}, {high}] is the wrong way round.")
    return found


def _given(ranges: Mapping[str, Range | None]) -> Iterator[tuple[str, Range]]:
    return ((key, values) for key, values in ranges.items() if values is not None)


def _shared_names(config: VisualizationConfig) -> Iterator[tuple[str, str, str]]:
    """Yield keys of files, and of columns, that another key has the name of already."""
    for prefix in ("filename_", "prop_"):
        taken: dict[str, str] = {}
        for key in (name for name in config.__struct_fields__ if name.startswith(prefix)):
            value = getattr(config, key)
            other = taken.setdefault(value.casefold(), key)
            if other != key:
                yield key, other, value


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Suggest known words for a misspelt one. Without any, list all of them, or say where a list is."""
    from difflib import get_close_matches  # only a mistake pays for this import

    if near := get_close_matches(word, known, n=1):
        return f"did you mean {near[0]}?"
    if len(known) <= _MAX_LISTED:
        return f"possible here: {', '.join(known)}."
    parts = {*word.lower().split("_")}
    similar = [each for each in known if parts & {*each.split("_")}][:_MAX_SIMILAR]
    like = f"similar ones are {', '.join(similar)}; " if similar else ""
    return f"{like}docs/visualization.md lists all of them (Keys of config.json)."
