"""A cloud-optimized GeoTIFF of all tiles of a level: readers take parts of it, from any web server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

import rasterio
import rasterio.shutil

_OPTIONS = {
    "COMPRESS": "DEFLATE",
    "PREDICTOR": "YES",
    "BLOCKSIZE": "256",
    "SPARSE_OK": "TRUE",  # what lies between the tiles takes no room
    "OVERVIEWS": "NONE",  # the level above is a file of its own
    "BIGTIFF": "IF_SAFER",
}


def write_cog(tiles: Mapping[tuple[int, int], Path], target: Path) -> None:
    """Write one file of the GeoTIFFs of a level, by column and row; all have one size, type and CRS.

    Its memory does not grow with the level: the file is copied block by block from a mosaic that only names
    the tiles.
    """
    with TemporaryDirectory(dir=target.parent) as directory:
        mosaic = Path(directory, "mosaic.vrt")
        mosaic.write_text(build_mosaic(tiles))
        rasterio.shutil.copy(mosaic, target, driver="COG", **_OPTIONS)


def build_mosaic(tiles: Mapping[tuple[int, int], Path]) -> str:
    """Return a virtual raster (GDAL's VRT) of GeoTIFFs by column and row; between them is no data."""
    west, north = min(column for column, _ in tiles), min(row for _, row in tiles)
    with rasterio.open(tiles[min(tiles)]) as first:
        profile, names, transform = first.profile, first.descriptions, first.transform
    column, row = min(tiles)
    columns, rows = max(column for column, _ in tiles) - west + 1, max(row for _, row in tiles) - north + 1
    width, height = profile["width"], profile["height"]
    corner = transform @ rasterio.Affine.translation((west - column) * width, (north - row) * height)
    mosaic = ET.Element("VRTDataset", rasterXSize=str(columns * width), rasterYSize=str(rows * height))
    ET.SubElement(mosaic, "SRS").text = profile["crs"].to_wkt()
    ET.SubElement(mosaic, "GeoTransform").text = ", ".join(map(repr, corner.to_gdal()))
    for number, name in enumerate(names, 1):
        band = ET.SubElement(
            mosaic, "VRTRasterBand", dataType=_GDAL_TYPES[profile["dtype"]], band=str(number)
        )
        ET.SubElement(band, "Description").text = name
        if profile["nodata"] is not None:
            ET.SubElement(band, "NoDataValue").text = repr(profile["nodata"])
        for (x, y), path in sorted(tiles.items()):
            source = ET.SubElement(band, "SimpleSource")
            ET.SubElement(source, "SourceFilename", relativeToVRT="0").text = str(path.absolute())
            ET.SubElement(source, "SourceBand").text = str(number)
            size = {"xSize": str(width), "ySize": str(height)}
            ET.SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **size})
            offset = {"xOff": str((x - west) * width), "yOff": str((y - north) * height)}
            ET.SubElement(source, "DstRect", {**offset, **size})
    return ET.tostring(mosaic, encoding="unicode")


_GDAL_TYPES = {"float64": "Float64", "float32": "Float32", "int32": "Int32"}
