"""The schema of `config.json` of a visualization recipe.

Keys and defaults are those of the Permafrost Discovery Gateway's packages (viz-staging 1.1.0, viz-workflow
1.1.0), so that their configurations work unchanged.
"""

from __future__ import annotations

import builtins
from typing import Literal

import msgspec

TILE_MATRIX_SETS = (
    "WGS1984Quad",
    "WorldCRS84Quad",
    "WebMercatorQuad",
    "WorldMercatorWGS84Quad",
    "UPSArcticWGS84Quad",
    "UPSAntarcticWGS84Quad",
    "EuropeanETRS89_LAEAQuad",
    "NZTM2000Quad",
    "UPSArctic3413Quad",
)
"""Grids where each tile consists of exactly four of the next level."""
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

_WHOLE_AGGREGATIONS = frozenset({"sum", "min", "max", "first", "last", "prod"})
_WHOLE_RESAMPLINGS = frozenset({"nearest", "sum", "min", "max", "med", "q1", "q3", "mode"})
"""Those that make whole numbers of whole numbers."""
PLACEHOLDER_DOI = "doi/placeholder"
"""What stands for no DOI."""

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
        """Return the value range of the palette; a bound that is None comes from the data of the level."""
        special = self.z_config.get(str(level), LevelConfig())
        return special.val_range or self.val_range or (None, None)

    @builtins.property  # `property` is a key here
    def is_whole(self) -> bool:
        """Whether its values are whole numbers at all levels: counts that nothing averages."""
        is_count = self.aggregation_method in {"count", "nunique"} or (
            self.property == "centroids_per_pixel" and self.aggregation_method in _WHOLE_AGGREGATIONS
        )
        nodata = float(self.nodata_val or 0)
        return is_count and self.resampling_method in _WHOLE_RESAMPLINGS and nodata.is_integer()

    @builtins.property
    def column(self) -> str | None:
        """The data column the statistic is computed from, or None if its property is derived."""
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
    dir_tile_matrix_sets: str = "tile_matrix_sets"
    ext_input: str = ".shp"
    ext_staged: Literal[".gpkg"] = ".gpkg"
    ext_web_tiles: Literal[".png"] = ".png"
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
        """Statistics whose colours at a level depend on the values of all its tiles."""
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
    def input_key(self) -> str:
        """The key that says which of the inputs are read."""
        return "ext_input" if self.enable_stager else "ext_staged"

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
