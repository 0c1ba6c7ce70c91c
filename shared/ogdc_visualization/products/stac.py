"""The STAC item of an output: where on the Earth it is, in which CRS, and which files it has.

Source: STAC 1.1.0, item specification; projection extension 2.0.0; GeoJSON (RFC 7946), section 3.1.9 for the
antimeridian.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from ogdc_shared.stac.item import PROJECTION, VERSION
from ogdc_visualization.grid import Bounds
from ogdc_visualization.products.degrees import lon_lat_bounds
from ogdc_visualization.products.description import MapDescription, extent_of


class Asset(NamedTuple):
    """A file of the output: its path from the item, media type, title and roles."""

    href: str
    type: str
    title: str
    roles: tuple[str, ...]


def build_item(
    description: MapDescription, assets: Mapping[str, Asset], *, identifier: str, created: datetime
) -> dict[str, Any]:
    """Return the item. The time of the data is not known, so it has the time at which the map was made."""
    top = description.levels[-1]
    extent = extent_of(description.matrices[top], description.limits[top], description.tile_size)
    bounds = lon_lat_bounds(extent, description.crs)
    time = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [PROJECTION],
        "id": identifier,
        "bbox": list(bounds),
        "geometry": footprint(bounds),
        "properties": {
            "title": description.title,
            "datetime": time,
            "created": time,
            "proj:code": description.crs,
            "proj:bbox": list(extent),
            "ogdc:tile_matrix_set": description.tms_id,
            **({"ogdc:version": description.version} if description.version else {}),
        },
        "links": [{"rel": "cite-as", "href": url} for url in doi_urls(description.doi)],
        "assets": {
            name: {"href": asset.href, "type": asset.type, "title": asset.title, "roles": list(asset.roles)}
            for name, asset in assets.items()
        },
    }


def doi_urls(doi: str) -> list[str]:
    """Return the URL of a DOI in a list, which is empty if the text is not a DOI."""
    return [f"https://doi.org/{quote(doi)}"] if re.fullmatch(r"10\.\d{4,9}/\S+", doi) else []


def footprint(bounds: Bounds) -> dict[str, Any]:
    """Return a geometry of GeoJSON: a rectangle, or one on either side of the antimeridian."""
    if bounds.west <= bounds.east:
        return {"type": "Polygon", "coordinates": [_ring(*bounds)]}
    halves = [
        _ring(bounds.west, bounds.south, 180.0, bounds.north),
        _ring(-180.0, bounds.south, bounds.east, bounds.north),
    ]
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in halves]}


def _ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """Return a rectangle's corners, counter-clockwise, the first one again at the end."""
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
