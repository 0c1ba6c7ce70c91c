"""Parsing `config.json` of a visualization recipe, with errors by key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.visualization.config import (
    TILE_MATRIX_SETS,
    LevelConfig,
    Range,
    Statistic,
    VisualizationConfig,
)
from ogdc_shared.visualization.problems import config_problems, nearest
from ogdc_shared.visualization.tile_matrix_set import definition_problems


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
    except (msgspec.DecodeError, RecursionError) as exc:
        raise InvalidRecipeError(f"{name}: is not JSON ({exc}).") from exc
    for problem in chain(config_problems(config), _grid_problems(config, recipe)):
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


def _grid_problems(config: VisualizationConfig, recipe: Path | None) -> Iterator[str]:
    """Yield problems with the grid, which has to be a known one or defined in the recipe."""
    if config.tms_id in TILE_MATRIX_SETS:
        return
    name = f"{config.dir_tile_matrix_sets}/{config.tms_id}.json"
    definition = _file_of(recipe, name) if recipe and re.fullmatch(r"\w[\w.-]*", config.tms_id) else None
    if definition is None:
        yield (
            f"tms_id: {config.tms_id!r} is not a grid whose tiles are four of the next level; possible here: "
            f"{', '.join(TILE_MATRIX_SETS)}, and what the recipe has a definition of, as {name}."
        )
        return
    problems = definition_problems(definition.read_bytes(), tms_id=config.tms_id, max_level=config.max_level)
    yield from (f"tms_id: {name}: {problem}." for problem in problems)


def _file_of(recipe: Path, name: str) -> Path | None:
    """Return a file of a recipe, or None if it does not exist or is a link that leads out of it."""
    path = (recipe / name).resolve()
    return path if path.is_file() and path.is_relative_to(recipe.resolve()) else None


def _explain(message: str) -> str:
    """Msgspec's message in our form, with the key that was meant."""
    if unknown := re.match(r"Object contains unknown field `([^`]*)`(?: - at `\$(.*)`)?", message):
        key, place = unknown[1], unknown[2] or ""
        kind: Any = VisualizationConfig
        if place.startswith(".statistics"):
            kind = LevelConfig if "z_config" in place else Statistic
        return f"{(place + '.' + key).lstrip('.')}: unknown key; {nearest(key, kind.__struct_fields__)}"
    if missing := re.match(r"Object missing required field `([^`]*)`(?: - at `\$(.*)`)?", message):
        return f"{((missing[2] or '') + '.' + missing[1]).lstrip('.')}: is missing."
    words, _, place = message.partition(" - at `$")
    place = place.strip(".`")
    hint = f"; possible here: {', '.join(_choices(place))}" if "enum value" in words else ""
    return f"{place or 'the file'}: {words[0].lower()}{words[1:].rstrip('.')}{hint}."


def _choices(place: str) -> list[str]:
    """The words that a value at a place, as `statistics[0].weight_by`, is one of."""
    kind: Any = Statistic if place.startswith("statistics[") else VisualizationConfig
    key = re.sub(r"\[.*", "", place.rpartition("].")[2] if kind is Statistic else place)
    words: list[str] = []
    pending = [get_type_hints(kind)[key]]
    while pending:
        each = pending.pop()
        words += get_args(each) if get_origin(each) is Literal else []
        pending += () if get_origin(each) is Literal else get_args(each)
    return words
