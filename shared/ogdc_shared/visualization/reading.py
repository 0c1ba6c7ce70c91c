"""Reading `config.json` of a visualization recipe: what is wrong with one, by the names of its keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.visualization.config import (
    AGGREGATIONS,
    DERIVED_PROPERTIES,
    MAX_LEVEL,
    RESAMPLINGS,
    TILE_MATRIX_SETS,
    LevelConfig,
    Range,
    Statistic,
    VisualizationConfig,
)
from ogdc_shared.visualization.tile_matrix_set import definition_problems

_RELATIVE_PATH = r"^(?!/)(?!(.*/)?\.\.(/|$))[^\x00-\x1f]*$"


def read_config(
    text: str | bytes, *, name: str = "config.json", recipe: Path | None = None
) -> VisualizationConfig:
    """Read a configuration, and what `recipe`, the directory it is of, defines for it.

    Raises:
        InvalidRecipeError: it is no JSON object, has an unknown key or a value that cannot be used; the
            message begins with `name` and names the key.
    """
    try:
        config = msgspec.convert(
            _without_switched_off(msgspec.json.decode(text)), VisualizationConfig, strict=False
        )
    except msgspec.ValidationError as exc:
        raise InvalidRecipeError(f"{name}: {_explain(str(exc))}") from exc
    except msgspec.DecodeError as exc:
        raise InvalidRecipeError(f"{name}: is no JSON ({exc}).") from exc
    for problem in chain(_problems(config), _grid_problems(config, recipe)):
        raise InvalidRecipeError(f"{name}: {problem}")
    return config


def render_config(config: VisualizationConfig, ranges: Mapping[tuple[str, int], Range]) -> bytes:
    """Write a configuration with the values, by statistic and level, of the first and the last colour."""
    content = msgspec.to_builtins(config)
    for statistic in content["statistics"]:
        statistic["z_config"] |= {
            str(level): {"val_range": values}
            for (name, level), values in sorted(ranges.items())
            if name == statistic["name"]
        }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _without_switched_off(content: Any) -> Any:
    """Leave out keys of deduplication that are null or false, as configurations have them."""
    if not isinstance(content, dict):
        return content
    flags = {"deduplicate_overlap_both", "deduplicate_clip_to_footprint"}

    def is_off(key: str, value: Any) -> bool:
        return key.startswith("deduplicate_") and (value is None or (value is False and key not in flags))

    return {key: value for key, value in content.items() if not is_off(key, value)}


def _problems(config: VisualizationConfig) -> list[str]:
    """What the types do not say."""
    found = []
    low, high = config.z_range
    if not 0 <= low <= high <= MAX_LEVEL:
        found.append(f"z_range: [{low}, {high}] is no range of levels from 0 to {MAX_LEVEL}.")
    if not all(1 <= side <= 4096 for side in config.tile_size):
        found.append(f"tile_size: {list(config.tile_size)} is no size of tiles; give pixels from 1 to 4096.")
    if sorted(config.tile_path_structure) != ["style", "tms", "x", "y", "z"]:
        found.append("tile_path_structure: give style, tms, z, x and y, each once.")
    if config.base_url and not re.fullmatch(r"https?://[^\s/]+(/[^\s?#]*)?/", config.base_url):
        found.append(f"base_url: {config.base_url!r} is no address of a directory; it ends with a slash.")
    if not (config.enable_stager or config.enable_raster or config.enable_3dtiles):
        found.append(
            "enable_stager: of tiles that are staged already rasters or 3D tiles are made, and "
            "enable_raster and enable_3dtiles are false. Web tiles are pictures of rasters."
        )
    if config.deduplicate_at and not config.deduplicate_method:
        found.append("deduplicate_method: is missing; deduplicate_at takes neighbor or footprints.")
    if config.deduplicate_at and not config.deduplicate_keep_rules:
        found.append("deduplicate_keep_rules: are missing; say which of two polygons is kept.")
    found += [f"{key}: {value!r} leads out of the output." for key, value in _paths(config)]
    names = [each.name for each in config.statistics]
    for number, statistic in enumerate(config.statistics):
        if names.count(statistic.name) > 1:
            found.append(f"statistics[{number}].name: {statistic.name!r} is there twice.")
        found += [f"statistics[{number}].{problem}" for problem in _problems_of(statistic)]
    return found


def _grid_problems(config: VisualizationConfig, recipe: Path | None) -> Iterator[str]:
    """What is wrong with the grid: it has to be known, or defined in the recipe."""
    if config.tms_id in TILE_MATRIX_SETS:
        return
    name = f"{config.dir_tile_matrix_sets}/{config.tms_id}.json"
    definition = _file_of(recipe, name) if recipe and re.fullmatch(r"\w[\w.-]*", config.tms_id) else None
    if definition is None:
        yield (
            f"tms_id: {config.tms_id!r} is no grid whose tiles are four of the next level; possible here: "
            f"{', '.join(TILE_MATRIX_SETS)}, and what the recipe has a definition of, as {name}."
        )
        return
    problems = definition_problems(definition.read_bytes(), tms_id=config.tms_id, max_level=config.max_level)
    yield from (f"tms_id: {name}: {problem}." for problem in problems)


def _file_of(recipe: Path, name: str) -> Path | None:
    """Return a file of a recipe; None where there is none, or it is a link that leads out of it."""
    path = (recipe / name).resolve()
    return path if path.is_file() and path.is_relative_to(recipe.resolve()) else None


def _paths(config: VisualizationConfig) -> list[tuple[str, str]]:
    """The keys whose values are no paths below the output."""
    keys = [name for name in config.__struct_fields__ if name.startswith(("dir_", "filename_"))]
    return [(key, getattr(config, key)) for key in keys if not re.match(_RELATIVE_PATH, getattr(config, key))]


def _problems_of(statistic: Statistic) -> list[str]:
    found = []
    if not re.fullmatch(r"[\w.-][\w. -]*", statistic.name) or statistic.name in {".", ".."}:
        found.append(f"name: {statistic.name!r} cannot be a directory's name; use letters, digits, - and _.")
    for key, value, known in (
        ("aggregation_method", statistic.aggregation_method, AGGREGATIONS),
        ("resampling_method", statistic.resampling_method, RESAMPLINGS),
    ):
        if value not in known:
            found.append(f"{key}: {value!r} is not known; {_nearest(value, known)}")
    other = DERIVED_PROPERTIES["area" if statistic.weight_by == "count" else "count"]
    if statistic.property in other:
        found.append(f"property: {statistic.property!r} is not had by weight_by: {statistic.weight_by}.")
    low, high = statistic.val_range or (None, None)
    if low is not None and high is not None and low > high:
        found.append(f"val_range: [{low}, {high}] is the wrong way round.")
    return found


def _explain(message: str) -> str:
    """Msgspec's message in our form, with the key that was meant."""
    if unknown := re.match(r"Object contains unknown field `([^`]*)`(?: - at `\$(.*)`)?", message):
        key, place = unknown[1], unknown[2] or ""
        kind: Any = VisualizationConfig
        if place.startswith(".statistics"):
            kind = LevelConfig if "z_config" in place else Statistic
        return f"{(place + '.' + key).lstrip('.')}: no such key; {_nearest(key, kind.__struct_fields__)}"
    if missing := re.match(r"Object missing required field `([^`]*)`(?: - at `\$(.*)`)?", message):
        return f"{((missing[2] or '') + '.' + missing[1]).lstrip('.')}: is missing."
    words, _, place = message.partition(" - at `$")
    return f"{place.strip('.`') or 'the file'}: {words[0].lower()}{words[1:]}."


def _nearest(word: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # only a mistake pays for this import

    if near := get_close_matches(word, known, n=1):
        return f"did you mean {near[0]}?"
    return f"possible here: {', '.join(known)}."
