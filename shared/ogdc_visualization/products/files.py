"""Everything that is made of a map's finished tiles, below its output."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.stac.item import CLOUD_OPTIMIZED
from ogdc_shared.visualization.config import Statistic, VisualizationConfig
from ogdc_visualization.grid import Grid, Tile
from ogdc_visualization.products.description import Layer, Limits, MapDescription, Matrix
from ogdc_visualization.products.preview import write_preview
from ogdc_visualization.products.stac import Asset, build_item
from ogdc_visualization.products.web_page import File, can_write_page, write_page
from ogdc_visualization.products.wmts import build_capabilities
from ogdc_visualization.raster.geotiff import read_geotiff
from ogdc_visualization.tile_files import find_file, find_raster, tile_path, tile_template
from ogdc_visualization.web_tiles.palette import COLORS
from ogdc_visualization.web_tiles.png import paint

Tiles = Mapping[int, NDArray[np.int64]]
"""Column and row (n, 2) of the tiles there are, by level; one tile and one level at least."""
Ranges = Mapping[tuple[str, int], tuple[float, float]]
"""The values of the first and the last colour, by statistic and level."""


class Product(NamedTuple):
    """An output file: its path from the output's root, media type, title and role."""

    path: str
    media_type: str
    title: str
    role: str


def write_products(
    roots: Sequence[Path],
    config: VisualizationConfig,
    *,
    grid: Grid,
    tiles: Tiles,
    ranges: Ranges,
    colors: Mapping[str, NDArray[np.uint8]],
    created: datetime,
    warn: Callable[[str], None],
) -> None:
    """Make what the configuration asks for of finished tiles.

    Args:
        roots: Where tiles lie; the first is where the products go.
        config: Says what to make.
        grid: Of the tiles.
        tiles: Those that have a raster.
        ranges: What the colours stand for, where there are web tiles.
        colors: Red, green, blue and alpha (n, 4) of each statistic, by its name.
        created: When the map is made, in any time zone.
        warn: Takes what could not be made, and why.
    """
    description = describe(config, grid, tiles, ranges, colors)
    output = roots[0]
    made = list(_archives(roots, config, description, tiles))
    if config.enable_web_tiles and config.tile_size[0] != config.tile_size[1]:
        warn("tile_size: tiles are not squares, which WMTS and the page cannot say; both are left out")
    elif config.enable_web_tiles:
        made += _shown(output, config, description, _painter(roots, config, ranges, colors))
    if (output / config.dir_3dtiles / "tileset.json").is_file():
        made.append(Product(f"{config.dir_3dtiles}/tileset.json", "application/json", "3D Tiles", "data"))
    assets = {each.path: Asset(quote(each.path), each.media_type, each.title, (each.role,)) for each in made}
    item = build_item(description, assets, identifier=identifier_of(config.title), created=created)
    (output / "item.json").write_text(json.dumps(item, indent=1) + "\n", encoding="utf-8")
    if (output / "preview.png").is_file():
        _add_page(output, description, made, warn)


def _add_page(
    output: Path, description: MapDescription, made: Sequence[Product], warn: Callable[[str], None]
) -> None:
    if not can_write_page():
        warn(
            "index.html is left out, since OpenLayers is not installed. In a clone of ogdc-runner, run "
            "scripts/openlayers, and then the recipe again"
        )
        return
    linked = [File(each.title, quote(each.path)) for each in made if each.role != "thumbnail"]
    write_page(description, [*linked, File("STAC item", "item.json")], output)


def describe(
    config: VisualizationConfig,
    grid: Grid,
    tiles: Tiles,
    ranges: Ranges,
    colors: Mapping[str, NDArray[np.uint8]],
) -> MapDescription:
    """Return what the products have to know of a map."""
    columns = config.tile_size[1]
    shown = [level for level in sorted(tiles) if config.has_pictures(level)]
    return MapDescription(
        title=config.title,
        doi=config.doi,
        version=config.version,
        tms_id=config.tms_id,
        crs=grid.crs,
        tile_size=columns,
        matrices=tuple(
            Matrix(z, grid.west, grid.north, grid.side_at(z) / columns, *grid.size_at(z))
            for z in range(max(tiles) + 1)
        ),
        limits={level: _limits(tiles[level]) for level in shown or sorted(tiles)},
        layers=tuple(
            _layer(config, each, sorted(tiles), ranges, colors[each.name][:COLORS])
            for each in config.statistics
        ),
    )


def identifier_of(title: str) -> str:
    """Return a title as an identifier: lower case, with dashes between its words."""
    return "-".join(re.findall(r"\w+", title.lower())) or "map"


def _layer(
    config: VisualizationConfig,
    statistic: Statistic,
    levels: list[int],
    ranges: Ranges,
    colors: NDArray[np.uint8],
) -> Layer:
    """Return a statistic as the map shows it."""
    return Layer(
        statistic.name,
        tuple(tuple(color) for color in colors.tolist()),
        {level: ranges[statistic.name, level] for level in levels if (statistic.name, level) in ranges},
        tile_template(config, config.dir_web_tiles, config.ext_web_tiles, style=statistic.name),
    )


def _limits(places: NDArray[np.int64]) -> Limits:
    """Return the outermost columns and rows."""
    (west, north), (east, south) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return Limits(west, east, north, south)


def _painter(
    roots: Sequence[Path],
    config: VisualizationConfig,
    ranges: Ranges,
    colors: Mapping[str, NDArray[np.uint8]],
) -> Callable[[Tile], NDArray[np.uint8]]:
    """Return what paints a tile's first statistic: its picture may be made by another task just now."""
    statistic = config.statistics[0]

    def painted(tile: Tile) -> NDArray[np.uint8]:
        band = read_geotiff(find_raster(roots, config, tile))[0]
        low, high = ranges[statistic.name, tile.z]
        return paint(band, colors[statistic.name], statistic.nodata_val, low, high).rgba

    return painted


def _shown(
    output: Path,
    config: VisualizationConfig,
    description: MapDescription,
    painted: Callable[[Tile], NDArray[np.uint8]],
) -> Iterator[Product]:
    """Write what shows the web tiles."""
    if config.generate_wmtsCapabilities:
        document = build_capabilities(description, base_url=config.base_url)
        (output / "WMTSCapabilities.xml").write_text(document, encoding="utf-8")
        yield Product("WMTSCapabilities.xml", "application/xml", "Web tiles (WMTS)", "data")
    write_preview(description.limits, config.tile_size, painted, output / "preview.png")
    yield Product("preview.png", "image/png", "Preview", "thumbnail")


def _archives(
    roots: Sequence[Path], config: VisualizationConfig, description: MapDescription, tiles: Tiles
) -> Iterator[Product]:
    """Write the archives that are asked for."""
    output = roots[0]
    if config.enable_cogs:
        from ogdc_visualization.products.cogs import write_cog

        for level, places in sorted(tiles.items()):
            path = f"{config.dir_cogs}/{level}.tif"
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            write_cog(
                {(x, y): find_raster(roots, config, Tile(x, y, level)) for x, y in places.tolist()},
                output / path,
            )
            yield Product(path, CLOUD_OPTIMIZED, f"Level {level} (GeoTIFF)", "data")
    if config.enable_pmtiles and config.enable_web_tiles:
        from ogdc_visualization.products.pmtiles_archive import write_pmtiles

        for layer in description.layers:
            path = f"{config.dir_pmtiles}/{layer.name}.pmtiles"
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            write_pmtiles(description, layer, _pictures(roots, config, tiles, layer.name), output / path)
            yield Product(path, "application/vnd.pmtiles", f"{layer.name} (PMTiles)", "data")


def _picture(config: VisualizationConfig, tile: Tile, name: str) -> Path:
    return tile_path(Path(), config, config.dir_web_tiles, tile, config.ext_web_tiles, style=name)


def _pictures(
    roots: Sequence[Path], config: VisualizationConfig, tiles: Tiles, name: str
) -> Iterator[tuple[int, int, int, Path]]:
    """Yield the web tiles of a statistic: level, column, row and file."""
    for level in filter(config.has_pictures, sorted(tiles)):
        for x, y in tiles[level].tolist():
            yield level, x, y, find_file(roots, _picture(config, Tile(x, y, level), name))
