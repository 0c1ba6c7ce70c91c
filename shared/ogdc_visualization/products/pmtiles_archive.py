"""A PMTiles archive of a statistic's pictures: one file that a page takes tiles from, from any web server.

Source: PMTiles specification, version 3. It counts tiles in a square of 2^z by 2^z; a grid that is two tiles
wide at level 0, as WGS1984Quad is, has its level z at the archive's zoom z + 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from ogdc_visualization.products.degrees import lon_lat_bounds
from ogdc_visualization.products.description import Layer, MapDescription, extent_of


def zoom_offset(description: MapDescription) -> int:
    """Return the number to add to a level to get the archive's zoom, whose square contains the grid."""
    first = description.matrices[0]
    return (max(first.columns, first.rows) - 1).bit_length()


def write_pmtiles(
    description: MapDescription, layer: Layer, tiles: Iterable[tuple[int, int, int, Path]], target: Path
) -> None:
    """Write a statistic's pictures, each given as level, column, row and its file."""
    offset = zoom_offset(description)
    numbered = sorted((zxy_to_tileid(z + offset, x, y), path) for z, x, y, path in tiles)
    with target.open("wb") as file:
        writer = Writer(file)
        for number, path in numbered:
            writer.write_tile(number, path.read_bytes())
        writer.finalize(_header(description, offset), _metadata(description, layer, offset))


def _header(description: MapDescription, offset: int) -> dict[str, object]:
    """Return what the archive's first bytes say of it."""
    levels = description.levels
    top = levels[-1]
    bounds = lon_lat_bounds(
        extent_of(description.matrices[top], description.limits[top], description.tile_size), description.crs
    )
    west, east = (bounds.west, bounds.east) if bounds.west < bounds.east else (-180.0, 180.0)
    return {
        "tile_type": TileType.PNG,
        "tile_compression": Compression.NONE,
        "min_zoom": levels[0] + offset,
        "max_zoom": top + offset,
        "min_lon_e7": round(west * 1e7),
        "min_lat_e7": round(bounds.south * 1e7),
        "max_lon_e7": round(east * 1e7),
        "max_lat_e7": round(bounds.north * 1e7),
        "center_zoom": levels[0] + offset,
        "center_lon_e7": round((west + east) / 2 * 1e7),
        "center_lat_e7": round((bounds.south + bounds.north) / 2 * 1e7),
    }


def _metadata(description: MapDescription, layer: Layer, offset: int) -> dict[str, object]:
    """Return what else the archive says: grids other than Web Mercator's are no part of its format."""
    return {
        "name": f"{description.title}: {layer.name}",
        "attribution": description.doi,
        "version": description.version or "",
        "tile_matrix_set": description.tms_id,
        "crs": description.crs,
        "zoom_offset": offset,
    }
