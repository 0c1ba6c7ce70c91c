"""The page of an output: a map of its tiles, with all it needs beside it; nothing comes from elsewhere.

It works from any web server, and opened as a file too.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pyproj

from ogdc_shared.visualization.config import PLACEHOLDER_DOI
from ogdc_visualization.products.description import Layer, MapDescription, extent_of
from ogdc_visualization.products.stac import doi_urls

_PARTS = files("ogdc_visualization.products") / "page"
_COPIED = ("openlayers.js", "openlayers.LICENSE.txt", "page.js", "page.css")
_LEGEND_COLORS = 32
"""Colours in the legend's gradient; at its width, more could not be distinguished."""


class File(NamedTuple):
    """What the page links to: a path from the page, and what to call it."""

    title: str
    href: str


def can_write_page() -> bool:
    """Whether OpenLayers is there, which is part of a release and made by scripts/openlayers elsewhere."""
    return (_PARTS / "openlayers.js").is_file()


def write_page(description: MapDescription, linked: Sequence[File], directory: Path) -> None:
    """Write `index.html` to the output's root, and the files it needs to `map/` there."""
    (directory / "map").mkdir(exist_ok=True)
    for name in _COPIED:
        (directory / "map" / name).write_bytes((_PARTS / name).read_bytes())
    (directory / "index.html").write_text(build_page(description, linked), encoding="utf-8")


def build_page(description: MapDescription, linked: Sequence[File]) -> str:
    """Return the page, which has the description in itself: a page opened as a file may read no other."""
    content = json.dumps(_content(description, linked), separators=(",", ":"), allow_nan=False)
    # Within a script element, `</script>` and `<!--` would end or change it.
    safe = content.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    texts = {"title": html.escape(description.title), "description": safe}
    template = (_PARTS / "template.html").read_text(encoding="utf-8")
    return re.sub(r"\{(title|description)\}", lambda place: texts[place[1]], template)


def _content(description: MapDescription, linked: Sequence[File]) -> dict[str, Any]:
    """Return what `page.js` reads."""
    top = description.levels[-1]
    first, last = description.matrices[0], description.matrices[top]
    side = first.cell * description.tile_size
    geographic = pyproj.CRS(description.crs).is_geographic
    return {
        "doi": "" if description.doi == PLACEHOLDER_DOI else description.doi,
        "doiUrl": next(iter(doi_urls(description.doi)), None),
        "crs": description.crs,
        "units": "degrees" if geographic else "m",
        "digits": 5 if geographic else 0,
        "tileSize": description.tile_size,
        "origin": [first.west, first.north],
        "gridExtent": [
            first.west,
            first.north - first.rows * side,
            first.west + first.columns * side,
            first.north,
        ],
        "extent": list(extent_of(last, description.limits[top], description.tile_size)),
        "resolutions": [matrix.cell for matrix in description.matrices[: top + 1]],
        "minLevel": description.levels[0],
        "layers": [_layer(layer) for layer in description.layers],
        "files": [file._asdict() for file in linked],
    }


def _layer(layer: Layer) -> dict[str, Any]:
    """Return a layer as the page has it."""
    step = max(1, (len(layer.colors) - 1) // _LEGEND_COLORS)
    colors = [*layer.colors[:-1:step], layer.colors[-1]]
    return {
        "name": layer.name,
        "template": layer.template,
        "colors": [f"rgba({red},{green},{blue},{alpha / 255:.3g})" for red, green, blue, alpha in colors],
        "ranges": {str(level): values for level, values in layer.ranges.items()},
    }
