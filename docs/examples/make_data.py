"""Makes the small rasters and outlines of the examples, from formulas alone (needs GDAL's Python package).

Run it with the system's Python: `python3 docs/examples/make_data.py`. Its results are committed.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr, osr

HERE = Path(__file__).parent
gdal.UseExceptions()
gdal.SetConfigOption("OGR_CURRENT_DATE", "2024-01-01T00:00:00Z")  # which GeoPackages hold
gdal.SetConfigOption("OGR_SQLITE_PRAGMA", "page_size=512")  # small ones


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


def lakes() -> None:
    """Lakes on the ice sheet's western slope in five summers, in metres of EPSG:3413; one dries up."""
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(3413)
    for summer in range(2019, 2024):
        path = HERE / f"lakes-in-parallel/data/lakes_{summer}.gpkg"
        path.unlink(missing_ok=True)
        package = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
        layer = package.CreateLayer("lakes", crs, ogr.wkbPolygon, ["SPATIAL_INDEX=NO"])
        layer.CreateField(ogr.FieldDefn("summer", ogr.OFTInteger))
        for number in range(4):
            radius = 600 + 150 * number + 400 * math.sin(summer + 2 * number)
            if radius > 250:
                shape = ogr.Geometry(wkt=f"POINT({-165_000 + 4_000 * number} {-2_180_000 - 3_000 * number})")
                lake = ogr.Feature(layer.GetLayerDefn())
                lake.SetField("summer", summer)
                lake.SetGeometry(shape.Buffer(radius))
                layer.CreateFeature(lake)


def mapped_lakes() -> None:
    """Lakes of a coast in two files, in degrees, with islands, depths and the years of first sight."""
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(4326)
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    for number_of_file, (name, west) in enumerate((("west", -50.3), ("east", -49.6)), 1):
        path = HERE / f"lakes-on-a-map/data/{name}.gpkg"
        path.unlink(missing_ok=True)
        package = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
        layer = package.CreateLayer("lakes", crs, ogr.wkbPolygon, ["SPATIAL_INDEX=NO"])
        layer.CreateField(ogr.FieldDefn("depth", ogr.OFTReal))
        layer.CreateField(ogr.FieldDefn("year", ogr.OFTInteger))
        for number in range(60):
            east, north = (number * 0.618034) % 1, (number * 0.754878) % 1
            lake = ogr.Feature(layer.GetLayerDefn())
            lake.SetField("depth", round(2 + 25 * abs(math.sin(number * number_of_file)), 2))
            lake.SetField("year", 2000 + (7 * number + number_of_file) % 25)
            radius = 0.004 + 0.012 * ((number * 0.37) % 1) ** 2
            lake.SetGeometry(
                lake_shape(west + 0.7 * east, 69 + 0.3 * north, radius, seed=number + number_of_file)
            )
            layer.CreateFeature(lake)


def lake_shape(lon: float, lat: float, radius: float, *, seed: int) -> ogr.Geometry:
    """A ragged lake, with an island if it is large; `radius` in degrees of latitude."""
    shape = ogr.Geometry(ogr.wkbPolygon)
    for reach in (radius, radius / 3) if radius > 0.008 else (radius,):
        ring = ogr.Geometry(ogr.wkbLinearRing)
        for step in range(25):
            angle = 2 * math.pi * (step % 24) / 24
            here = reach * (1 + 0.25 * math.sin(3 * angle + seed) + 0.1 * math.sin(7 * angle + 2 * seed))
            ring.AddPoint_2D(lon + 2.6 * here * math.cos(angle), lat + here * math.sin(angle))
        shape.AddGeometry(ring)
    return shape


if __name__ == "__main__":
    concentration()
    tiles()
    islands()
    lakes()
    mapped_lakes()
