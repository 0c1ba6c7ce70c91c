"""`config.json` of a visualization recipe: its keys, their defaults, and what is wrong with one.

Keys and defaults are those of the Permafrost Discovery Gateway's packages (viz-staging 1.1.0, viz-workflow
1.1.0), so that a configuration written for them is taken as it is.
"""

from __future__ import annotations

import builtins
import re
from typing import Any, Literal

import msgspec

from ogdc_shared.errors import InvalidRecipeError

TILE_MATRIX_SETS = (
    "WGS1984Quad",
    "WorldCRS84Quad",
    "WebMercatorQuad",
    "WorldMercatorWGS84Quad",
    "UPSArcticWGS84Quad",
    "UPSAntarcticWGS84Quad",
    "EuropeanETRS89_LAEAQuad",
    "NZTM2000Quad",
)
"""Grids of which each tile is exactly four of the next level."""
MAX_LEVEL = 23
AGGREGATIONS = (
    "sum",
    "count",
    "min",
    "max",
    "mean",
    "median",
    "std",
    "var",
    "first",
    "last",
    "nunique",
    "prod",
)
RESAMPLINGS = (
    *("nearest", "average", "sum", "min", "max", "med", "q1", "q3", "rms", "mode"),
    *("bilinear", "cubic", "cubic_spline", "lanczos", "gauss"),
)
DERIVED_PROPERTIES = {
    "count": ("centroids_per_pixel",),
    "area": ("area_per_pixel_area", "area_within_pixel"),
}
"""What a statistic can be of that is no column of the data, by how it is weighted."""

PLACEHOLDER_DOI = "doi/placeholder"
"""What stands for no DOI."""

_RELATIVE_PATH = r"^(?!/)(?!(.*/)?\.\.(/|$))[^\x00-\x1f]*$"

Range = tuple[float | None, float | None]


class LevelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What differs at one level."""

    val_range: Range | None = None


class Statistic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A band of the rasters, and a layer of the web tiles."""

    name: str
    weight_by: Literal["count", "area"] = "area"
    property: str = "area_per_pixel_area"
    aggregation_method: str = "sum"
    resampling_method: str = "average"
    val_range: Range | None = None
    palette: list[str] | str = msgspec.field(default_factory=lambda: ["white", "black"])
    nodata_val: float | None = None
    nodata_color: str = "#ffffff00"
    z_config: dict[str, LevelConfig] = {}

    def range_at(self, level: int) -> Range:
        """Return the smallest and largest value of the palette; None: as the level's data has it."""
        special = self.z_config.get(str(level), LevelConfig())
        return special.val_range or self.val_range or (None, None)

    @builtins.property  # `property` is a key here
    def column(self) -> str | None:
        """The column of the data that it is of; None where it is derived."""
        return None if self.property in DERIVED_PROPERTIES[self.weight_by] else self.property


def _default_statistics() -> list[Statistic]:
    return [
        Statistic(
            name="polygon_count",
            weight_by="count",
            property="centroids_per_pixel",
            resampling_method="sum",
            val_range=(0, None),
            palette=["#ffffff", "#000000"],
            nodata_val=0,
        ),
        Statistic(
            name="coverage",
            weight_by="area",
            property="area_per_pixel_area",
            val_range=(0, 1),
            palette=["#ffffff", "#000000"],
            nodata_val=0,
        ),
    ]


class VisualizationConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole configuration."""

    version: str | None = None
    title: str = "Placeholder Title"
    doi: str = PLACEHOLDER_DOI
    input_crs: str | None = None
    simplify_tolerance: float | None = None
    tms_id: str = "WGS1984Quad"
    tile_path_structure: list[Literal["style", "tms", "z", "x", "y"]] = msgspec.field(
        default_factory=lambda: ["style", "tms", "z", "x", "y"]
    )
    z_range: tuple[int, int] = (0, 13)
    tile_size: tuple[int, int] = (256, 256)
    geometricError: float | None = None  # noqa: N815  the key's name
    z_coord: float | None = 0
    overwrite: bool = False
    dir_input: str = "input"
    dir_staged: str = "staged"
    dir_geotiff: str = "geotiff"
    dir_web_tiles: str = "web_tiles"
    dir_3dtiles: str = "3dtiles"
    dir_footprints: str = "footprints"
    dir_cogs: str = "cogs"
    dir_pmtiles: str = "pmtiles"
    ext_input: str = ".shp"
    ext_staged: str = ".gpkg"
    ext_web_tiles: str = ".png"
    ext_footprints: str = ".gpkg"
    ext_3dtiles: Literal[".b3dm", ".glb"] = ".b3dm"
    filename_staging_summary: str = "staging_summary.csv"
    filename_rasterization_events: str = "rasterization_events.csv"
    filename_rasters_summary: str = "rasters_summary.csv"
    filename_config: str = "config.json"
    prop_centroid_x: str = "staging_centroid_x"
    prop_centroid_y: str = "staging_centroid_y"
    prop_area: str = "staging_area"
    prop_tile: str = "staging_tile"
    prop_centroid_tile: str = "staging_centroid_tile"
    prop_filename: str = "staging_filename"
    prop_identifier: str = "staging_identifier"
    prop_centroid_within_tile: str = "staging_centroid_within_tile"
    prop_duplicated: str = "staging_duplicated"
    enable_stager: bool = True
    enable_raster: bool = True
    enable_web_tiles: bool = True
    enable_3dtiles: bool = True
    enable_raster_parents: bool = True
    enable_web_tiles_parents: bool = True
    enable_cogs: bool = False
    enable_pmtiles: bool = False
    generate_wmtsCapabilities: bool = True  # noqa: N815  the key's name
    base_url: str = ""
    deduplicate_at: list[Literal["staging", "raster", "3dtiles"]] | None = None
    deduplicate_method: Literal["neighbor", "footprints"] | None = None
    deduplicate_keep_rules: list[tuple[str, Literal["larger", "smaller"]]] = []
    deduplicate_overlap_tolerance: float | None = 0.5
    deduplicate_overlap_both: bool = True
    deduplicate_centroid_tolerance: float | None = None
    deduplicate_distance_crs: str | None = "EPSG:3857"
    deduplicate_clip_to_footprint: bool = True
    deduplicate_clip_method: Literal[
        "contains",
        "contains_properly",
        "covers",
        "covered_by",
        "crosses",
        "intersects",
        "overlaps",
        "touches",
        "within",
    ] = "intersects"
    statistics: list[Statistic] = msgspec.field(default_factory=_default_statistics)

    @property
    def min_level(self) -> int:
        """The lowest level, of the largest tiles."""
        return self.z_range[0]

    def has_pictures(self, level: int) -> bool:
        """Whether tiles of a level are to have web tiles."""
        return self.enable_web_tiles and (self.enable_web_tiles_parents or level == self.max_level)

    def waiting_at(self, level: int) -> list[Statistic]:
        """The statistics whose pictures of a level have the colours of what all its tiles hold."""
        if not self.enable_raster or not self.has_pictures(level):
            return []
        return [each for each in self.statistics if None in each.range_at(level)]

    @property
    def waits(self) -> bool:
        """Whether there are such pictures."""
        return any(self.waiting_at(level) for level in range(self.min_level, self.max_level + 1))

    @property
    def max_level(self) -> int:
        """The highest level, that polygons are staged at."""
        return self.z_range[1]

    @property
    def columns(self) -> frozenset[str]:
        """The columns of numbers that the data has to have."""
        return frozenset(each.column for each in self.statistics if each.column is not None)

    @property
    def compared_columns(self) -> frozenset[str]:
        """The columns that the data has to have to say which of two polygons is kept."""
        if not self.deduplicate_at or self.deduplicate_method != "neighbor":
            return frozenset()
        staged = {getattr(self, key) for key in self.__struct_fields__ if key.startswith("prop_")}
        return frozenset(name for name, _ in self.deduplicate_keep_rules if name not in staged)


def read_config(text: str | bytes, *, name: str = "config.json") -> VisualizationConfig:
    """Read a configuration.

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
    for problem in _problems(config):
        raise InvalidRecipeError(f"{name}: {problem}")
    return config


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
    if config.tms_id not in TILE_MATRIX_SETS:
        found.append(
            f"tms_id: {config.tms_id!r} is no grid whose tiles are four of the next level; "
            f"possible here: {', '.join(TILE_MATRIX_SETS)}."
        )
    if not all(1 <= side <= 4096 for side in config.tile_size):
        found.append(f"tile_size: {list(config.tile_size)} is no size of tiles; give pixels from 1 to 4096.")
    if sorted(config.tile_path_structure) != ["style", "tms", "x", "y", "z"]:
        found.append("tile_path_structure: give style, tms, z, x and y, each once.")
    if config.base_url and not re.fullmatch(r"https?://[^\s/]+(/[^\s?#]*)?/", config.base_url):
        found.append(f"base_url: {config.base_url!r} is no address of a directory; it ends with a slash.")
    if not config.enable_stager:
        found.append("enable_stager: tiles that are staged already cannot be taken yet; leave it out.")
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
