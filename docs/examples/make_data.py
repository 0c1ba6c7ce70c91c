"""Makes the small rasters and outlines of the examples, from formulas alone (needs GDAL's Python package).

Run it with the system's Python: `python3 docs/examples/make_data.py`. Its results are committed.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from osgeo import gdal, osr

HERE = Path(__file__).parent
gdal.UseExceptions()


def write_raster(path: Path, data: np.ndarray, *, epsg: int, west: float, north: float, cell: float) -> None:
    """Write one band; `west` and `north` are the corner, `cell` the cell size, in the CRS's units."""
    rows, columns = data.shape
    kind = gdal.GDT_UInt16 if data.dtype == np.uint16 else gdal.GDT_Float32
    raster = gdal.GetDriverByName("GTiff").Create(str(path), columns, rows, 1, kind, ["COMPRESS=DEFLATE"])
    raster.SetGeoTransform((west, cell, 0, north, 0, -cell))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(epsg)
    raster.SetProjection(crs.ExportToWkt())
    raster.GetRasterBand(1).WriteArray(data)


def concentration() -> None:
    """Sea ice concentration in tenths of a percent on NSIDC's northern grid."""
    y, x = np.mgrid[5_850_000:-5_350_000:-50_000, -3_850_000:3_750_000:50_000]
    tenths = 1000 / (
        1 + np.exp((np.hypot(x, y) - 1_800_000 - 300_000 * np.sin(3 * np.arctan2(y, x))) / 150_000)
    )
    target = HERE / "raster-with-overviews/data/concentration.tif"
    write_raster(target, tenths.astype(np.uint16), epsg=3411, west=-3_850_000, north=5_850_000, cell=50_000)


def tiles() -> None:
    """Four elevation tiles around Disko Bay, in degrees, two by two."""
    for row in range(2):
        for column in range(2):
            west, north, cell = -55.0 + 3 * column, 71.0 - 1.5 * row, 0.025
            lat, lon = np.mgrid[north : north - 1.5 : -cell, west : west + 3 : cell][:, :60, :120]
            height = 400 * np.sin(lat * 4) * np.cos(lon * 2) + 60 * (lon + 55)
            target = HERE / f"mosaic-and-clip/data/tile_{row}_{column}.tif"
            write_raster(target, height.astype(np.float32), epsg=4326, west=west, north=north, cell=cell)


def islands() -> None:
    """Three ragged outlines off western Greenland."""
    features = [
        outline("Big", -53.5, 69.75, 0.9),
        outline("Middle", -54.8, 70.6, 0.35),
        outline("Small", -55.4, 71.2, 0.12),
    ]
    collection = {"type": "FeatureCollection", "features": features}
    (HERE / "temporary-outlines/data/islands.geojson").write_text(json.dumps(collection) + "\n")


def outline(name: str, lon: float, lat: float, radius: float) -> dict[str, object]:
    """A closed ring of 180 points; `radius` in degrees of longitude."""
    ring = []
    for step in range(180):
        angle = math.radians(2 * step)
        reach = radius * (1 + 0.18 * math.sin(5 * angle) + 0.07 * math.sin(17 * angle))
        ring.append([round(lon + reach * math.cos(angle), 4), round(lat + reach * math.sin(angle) / 3, 4)])
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry}


if __name__ == "__main__":
    concentration()
    tiles()
    islands()
