"""The STAC item of one output.

Source: STAC 1.1.0 (item, common metadata, bands); extensions: projection 2.0.0, file 2.1.0, processing 1.2.0,
table 1.2.0; the multicodec table for `sha2-256`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.outputs.output_file import ANY
from ogdc_shared.outputs.thumbnails import THUMBNAILS
from ogdc_shared.provenance import uris
from ogdc_shared.provenance.values import checksum_of, shown_time, text_of, whole_of
from ogdc_shared.stac.geometry import bounds_of, geometry_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

    from ogdc_shared.provenance.description import RunDescription

VERSION = "1.1.0"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_EXTENSIONS = (
    PROJECTION,
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
)
_TABLE = "https://stac-extensions.github.io/table/v1.2.0/schema.json"
CLOUD_OPTIMIZED = "image/tiff; application=geotiff; profile=cloud-optimized"
_MEDIA_TYPES = {
    **{"GTiff": "image/tiff; application=geotiff", "COG": "image/tiff; application=geotiff"},
    **{"JP2OpenJPEG": "image/jp2", "netCDF": "application/netcdf", "HDF5": "application/x-hdf5"},
    **{
        "GPKG": "application/geopackage+sqlite3",
        "GeoJSON": "application/geo+json",
        "Zarr": "application/vnd+zarr",
    },
    **{"FlatGeobuf": "application/vnd.flatgeobuf", "Parquet": "application/vnd.apache.parquet"},
    **{"ESRI Shapefile": "application/vnd.shp", "GeoJSONSeq": "application/geo+json-seq"},
    **{"KML": "application/vnd.google-earth.kml+xml", "LIBKML": "application/vnd.google-earth.kml+xml"},
    **{"GML": "application/gml+xml", "VRT": "application/xml"},
}
_SHA2_256 = "1220"
"""How a multihash of SHA-256 begins: the function's code, and the 32 bytes that follow."""
_UNKNOWN_TIME = (
    " The recipe does not say of when the data are: `datetime` is when they were made, as `created` is."
)


class OutputFile(NamedTuple):
    """One file of an output."""

    path: str
    """Below the result's directory."""
    size: int | None = None
    checksum: str | None = None


class Output(NamedTuple):
    """An output that lies somewhere, and how it came to be."""

    name: str
    """Of its main file, or of the directory that it is."""
    place: dict[str, Any]
    """As `ogdc_worker.process.places` describes it; a task's own word."""
    files: tuple[OutputFile, ...] = ()
    """The main file, if the output is a file, and its companions."""
    sources: tuple[str, ...] = ()
    """URLs of what its task fetched."""
    thumbnail: str | None = None
    """File name of its picture, in a directory beside that of the items, or None if it has none."""


def build_item(output: Output, run: RunDescription, *, up: str) -> dict[str, Any] | None:
    """Build the STAC item of an output.

    Args:
        output: The output.
        run: The run that made it.
        up: The relative path from the item's directory to the result's, such as `../..`.

    Returns:
        An item without links to its catalogue, or None if the output has no valid geometry.
    """
    geometry = geometry_of(output.place.get("geometry"))
    if geometry is None:
        return None
    table = _table(output.place)
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [*_EXTENSIONS, *([_TABLE] if table else [])],
        "id": output.name,
        "geometry": geometry,
        "bbox": bounds_of(geometry),
        "properties": _properties(output, run) | table,
        "links": [
            {"rel": "derived_from", "href": uris.url(url)} for url in output.sources if uris.is_url(url)
        ],
        "assets": dict(_assets(output, up)),
    }


def _properties(output: Output, run: RunDescription) -> dict[str, Any]:
    about = f"Made by run {run.name} of the recipe {run.recipe_id} ({run.recipe_name})."
    return {
        "title": output.name,
        "description": about if run.begin else about + _UNKNOWN_TIME,
        **_times(run),
        **({"license": run.license} if run.license else {}),
        "processing:software": {"ogdc-runner": run.version},
        **_projection(output.place),
    }


def _times(run: RunDescription) -> dict[str, str | None]:
    """Of when the data are, and when they were made."""
    made = shown_time(run.finished_at or run.submitted_at)
    if run.begin is None:
        return {"datetime": made, "created": made}
    return {"datetime": None, "start_datetime": run.begin, "end_datetime": run.end, "created": made}


def _projection(place: dict[str, Any]) -> dict[str, Any]:
    """Return the CRS and grid fields that are valid; GDAL's transform is reordered like a matrix."""
    code, wkt2 = text_of(place.get("code")), text_of(place.get("wkt2"))
    known: dict[str, Any] = {"proj:code": code or None}
    if wkt2 and not code:
        known["proj:wkt2"] = wkt2
    if (extent := _numbers(place.get("extent"), 4)) and (code or wkt2):
        known["proj:bbox"] = extent
    if shape := _numbers(place.get("shape"), 2):
        known["proj:shape"] = shape
    if transform := _numbers(place.get("transform"), 6):
        x0, dx_column, dx_row, y0, dy_column, dy_row = transform
        known["proj:transform"] = [dx_column, dx_row, x0, dy_column, dy_row, y0]
    return known


def _table(place: dict[str, Any]) -> dict[str, Any]:
    """The attributes of an only layer, and how many features it has."""
    layers, columns = place.get("layers"), place.get("columns")
    if not (isinstance(layers, list) and len(layers) == 1 and isinstance(layers[0], dict)):
        return {}
    names = [each for each in columns if _is_column(each)] if isinstance(columns, list) else []
    known: dict[str, Any] = {"table:columns": [{"name": name, "type": kind} for name, kind in names]}
    if kind := text_of(layers[0].get("geometry_type")):
        name = text_of(place.get("geometry_column")) or _unused("geometry", {name for name, _ in names})
        known["table:columns"].append({"name": name, "type": kind})
        known["table:primary_geometry"] = name
    if (total := whole_of(place.get("column_count"))) is not None and total > len(names):
        known["ogdc:attribute_count"] = total
    if (count := whole_of(layers[0].get("features"))) is not None:
        known["table:row_count"] = count
    return known if known["table:columns"] else {}


def _unused(name: str, taken: Collection[str]) -> str:
    """Return a name for the geometry column of a format without one (shapefiles), unlike any attribute's."""
    return next(each for at in range(len(taken) + 1) if (each := f"{name}_{at}" if at else name) not in taken)


def _is_column(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)


def _numbers(value: Any, count: int) -> list[float] | None:
    is_list = isinstance(value, list) and len(value) == count
    return value if is_list and all(isinstance(each, int | float) for each in value) else None


def _assets(output: Output, up: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the main file or directory as `data`, and its parts by their names."""
    driver = text_of(output.place.get("driver"))
    kind = _MEDIA_TYPES.get(driver, ANY)
    if driver == "GTiff" and output.place.get("cloud_optimized") is True:
        kind = CLOUD_OPTIMIZED
    main = next((file for file in output.files if file.path == output.name), OutputFile(output.name))
    bands = _bands(output.place.get("bands"))
    yield "data", _asset(main, up, kind, "data") | ({"bands": bands} if bands else {})
    if output.thumbnail:
        href = f"../{THUMBNAILS}/{output.thumbnail}"
        yield "thumbnail", {"href": href, "type": "image/png", "roles": ["thumbnail"]}
    for file in output.files:
        if file is not main:
            yield file.path.rpartition("/")[2], _asset(file, up, ANY, "metadata")


def _asset(file: OutputFile, up: str, kind: str, role: str) -> dict[str, Any]:
    algorithm, _, digest = (file.checksum or "").partition(":")
    return {
        "href": f"{up}/{uris.path_uri(file.path)}",
        "type": kind,
        "roles": [role],
        **({} if file.size is None else {"file:size": file.size}),
        **({"file:checksum": _SHA2_256 + digest} if algorithm == "sha256" else {}),
    }


def _bands(value: Any) -> list[dict[str, Any]]:
    """Return the bands with their known fields; data types are named as in STAC's common metadata."""
    return [_band(each) for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _band(band: dict[str, Any]) -> dict[str, Any]:
    kind = text_of(band.get("data_type")).lower()
    known = {
        "description": text_of(band.get("description")),
        "unit": text_of(band.get("unit")),
        "data_type": {"byte": "uint8"}.get(kind, kind),
    }
    nodata = band.get("nodata")
    has_nodata = isinstance(nodata, int | float) or nodata in {"nan", "inf", "-inf"}
    return {key: text for key, text in known.items() if text} | ({"nodata": nodata} if has_nodata else {})


def output_file(fact: dict[str, Any]) -> OutputFile:
    """Read what a task says of a file that it wrote."""
    return OutputFile(
        text_of(fact.get("name")), whole_of(fact.get("size")), checksum_of(fact.get("checksum"))
    )


def output_files(name: str, parts: Sequence[str], files: dict[str, OutputFile]) -> tuple[OutputFile, ...]:
    """The files of an output, as far as they are known."""
    return tuple(files[each] for each in (name, *parts) if each in files)
