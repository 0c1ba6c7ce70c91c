"""Descriptions of small maps, for products made of finished tiles."""

from __future__ import annotations

from ogdc_visualization.products.description import Layer, Limits, MapDescription, Matrix

COLORS = tuple((index, 255 - index, 0, 255) for index in range(256))


def describe(limits: dict[int, Limits], **changes: object) -> MapDescription:
    """Return a map on WGS1984Quad with tiles of 256 by 256 cells and two layers."""
    levels = range(max(limits) + 1)
    description = MapDescription(
        title="Lakes",
        doi="10.18739/A2KW57K57",
        version="v1",
        tms_id="WGS1984Quad",
        crs="EPSG:4326",
        tile_size=256,
        matrices=tuple(Matrix(z, -180, 90, 180 / 2**z / 256, 2 ** (z + 1), 2**z) for z in levels),
        limits=limits,
        layers=tuple(make_layer(name, limits) for name in ("coverage", "count")),
    )
    return description._replace(**changes)  # type: ignore[arg-type]


def make_layer(name: str, limits: dict[int, Limits]) -> Layer:
    """Return a statistic with values from 0 to 1 at each level."""
    return Layer(
        name, COLORS, dict.fromkeys(limits, (0.0, 1.0)), f"web_tiles/{name}/WGS1984Quad/{{z}}/{{x}}/{{y}}.png"
    )


def polar_map(limits: dict[int, Limits]) -> MapDescription:
    """Return a map on a grid around the north pole in metres, with one tile at level 0."""
    side = 8_000_200.0
    levels = range(max(limits) + 1)
    return describe(
        limits,
        tms_id="UPSArctic3413Quad",
        crs="EPSG:3413",
        matrices=tuple(Matrix(z, -side / 2, side / 2, side / 2**z / 256, 2**z, 2**z) for z in levels),
    )
