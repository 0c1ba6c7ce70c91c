"""Comparing the contents of two files with GDAL in a sandbox."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from ogdc_cli.reproduce.contents import Contents

EXAMPLES = Path(__file__).parents[3] / "docs/examples"
RASTER = EXAMPLES / "raster-with-overviews/data/concentration.tif"
VECTOR = EXAMPLES / "lakes-in-parallel/data/lakes_2019.gpkg"


@pytest.fixture(scope="module")
def contents() -> Contents:
    return Contents()


def made(*command: object) -> Path:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return Path(str(command[-1]))


def vector(path: Path, *options: str) -> Path:
    """The lakes again, in another order."""
    order = f"SELECT * FROM {layer()} ORDER BY fid DESC"
    subprocess.run(
        ["ogr2ogr", "-f", "GPKG", "-nln", layer(), "-sql", order, *options, str(path), str(VECTOR)],
        check=True,
    )
    return path


def layer() -> str:
    listed = subprocess.run(["ogrinfo", "-q", str(VECTOR)], check=True, capture_output=True, text=True).stdout
    return listed.split()[1]


def test_rasters_with_different_bytes_can_be_equal(contents: Contents, tmp_path: Path) -> None:
    packed = made(
        "gdal_translate", "-q", "-co", "COMPRESS=DEFLATE", "-co", "TILED=YES", RASTER, tmp_path / "a.tif"
    )
    assert packed.read_bytes() != RASTER.read_bytes()
    assert contents.compare(RASTER, packed) == (True, [])


def test_a_raster_with_different_values_differs(contents: Contents, tmp_path: Path) -> None:
    other = made("gdal_translate", "-q", "-scale", 0, 100, 0, 50, RASTER, tmp_path / "a.tif")
    same, differences = contents.compare(RASTER, other) or (None, [])
    assert same is False
    assert any("rows have different values" in each for each in differences)


def test_features_in_another_order_are_equal(contents: Contents, tmp_path: Path) -> None:
    again = vector(tmp_path / "b.gpkg")
    assert contents.compare(VECTOR, again) == (True, [])


def test_fewer_features_differ(contents: Contents, tmp_path: Path) -> None:
    fewer = vector(tmp_path / "b.gpkg", "-limit", "1")
    same, differences = contents.compare(VECTOR, fewer) or (None, [])
    assert same is False
    assert "features are missing" in differences[0]


@pytest.mark.parametrize(
    "options",
    [
        ("-a_scale", "10"),
        ("-a_offset", "-273"),
        ("-a_nodata", "7"),
        ("-mo", "season=winter"),
        ("-colorinterp", "alpha"),
        ("-gcp", "0", "0", "1", "2", "-gcp", "9", "0", "3", "2", "-gcp", "0", "9", "1", "5"),
        ("-a_ullr", "0", "10", "10", "0"),
        ("-co", "SOURCE_ICC_PROFILE=bm90IGEgcHJvZmlsZQ=="),
    ],
)
def test_a_raster_with_different_metadata_differs(
    contents: Contents, tmp_path: Path, options: tuple[str, ...]
) -> None:
    other = made("gdal_translate", "-q", *options, RASTER, tmp_path / "a.tif")
    same, differences = contents.compare(RASTER, other) or (None, [])
    assert same is False
    assert differences


def test_a_mask_is_compared(contents: Contents, tmp_path: Path) -> None:
    masked = [
        made(
            "gdal_translate",
            "-q",
            *("--config", "GDAL_TIFF_INTERNAL_MASK", "YES", "-b", "1", "-mask", mask, "-a_nodata", "none"),
            RASTER,
            tmp_path / f"{mask}.tif",
        )
        for mask in ("1", "none")
    ]
    assert (contents.compare(*masked) or (None, []))[0] is False


@pytest.mark.parametrize("value", ["''", "'a '", "CAST(NULL AS TEXT)"])
def test_values_are_compared_exactly(contents: Contents, tmp_path: Path, value: str) -> None:
    files = []
    for number, text in enumerate(("'a'", value)):
        query = f"SELECT *, {text} AS note FROM {layer()}"
        files.append(tmp_path / f"{number}.gpkg")
        made("ogr2ogr", "-f", "GPKG", "-nln", "a", "-dialect", "sqlite", "-sql", query, files[-1], VECTOR)
    assert (contents.compare(*files) or (None, []))[0] is False


def test_all_files_of_a_shapefile_are_compared(contents: Contents, tmp_path: Path) -> None:
    """The same places and the same names, and not at the same of each other."""
    for name, rows in {"then": "a,1,1\nb,2,2\n", "now": "b,1,1\na,2,2\n"}.items():
        (tmp_path / f"{name}.csv").write_text(f"name,x,y\n{rows}")
        columns = ("X_POSSIBLE_NAMES=x", "Y_POSSIBLE_NAMES=y")
        options = ("-nln", "p", "-select", "name", *(word for each in columns for word in ("-oo", each)))
        made("ogr2ogr", "-f", "ESRI Shapefile", *options, tmp_path / name, tmp_path / f"{name}.csv")
    then, now = (tmp_path / name / "p.dbf" for name in ("then", "now"))
    assert then.with_suffix(".shp").read_bytes() == now.with_suffix(".shp").read_bytes()
    found = (False, ["layer file: 2 features are missing, 2 are new"])
    assert contents.compare(then, now) == found
    for path in (then, now):
        path.rename(path.with_suffix(".DBF"))
    assert contents.compare(then.with_suffix(".shp"), now.with_suffix(".shp")) == found


def test_tables_of_a_geopackage_that_it_does_not_list_are_compared(
    contents: Contents, tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.gpkg" for number in (1, 2)]
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    for number, path in enumerate(files):
        made("ogr2ogr", "-f", "GPKG", path, tmp_path / "t.csv")
        with closing(sqlite3.connect(path)) as database:
            database.executescript(f"CREATE TABLE raw (v INTEGER); INSERT INTO raw VALUES ({number});")
    assert contents.compare(*files) == (False, ["layer raw: 1 features are missing, 1 are new"])


def test_field_metadata_of_a_geopackage_are_compared(contents: Contents, tmp_path: Path) -> None:
    """Changes that leave all features as they are."""
    files = [tmp_path / f"{number}.gpkg" for number in (1, 2)]
    made("/usr/bin/python3", "-c", _DESCRIBED, *files)
    for path, alias in zip(files, ("Kind", "Type"), strict=True):
        with closing(sqlite3.connect(path)) as database:
            database.executescript(f"UPDATE gpkg_data_columns SET name = '{alias}';")
    same, differences = contents.compare(*files) or (None, [])
    assert same is False
    assert [each.partition(":")[0] for each in differences] == [
        "table gpkg_data_column_constraints",
        "table gpkg_data_columns",
        "layer a",
    ]
    assert differences[-1] == "layer a: fields kind Width: 9 then, 5 now"


_DESCRIBED = """
import sys
from osgeo import gdal, ogr
gdal.UseExceptions()
for path, width, word in zip(sys.argv[1:], (9, 5), ("ice", "snow")):
    made = gdal.GetDriverByName("GPKG").Create(path, 0, 0, 0)
    layer = made.CreateLayer("a", geom_type=ogr.wkbNone)
    made.AddFieldDomain(ogr.CreateCodedFieldDomain("kinds", "", ogr.OFTString, ogr.OFSTNone, {"1": word}))
    field = ogr.FieldDefn("kind", ogr.OFTString)
    field.SetWidth(width)
    field.SetDomainName("kinds")
    layer.CreateField(field)
"""


@pytest.mark.parametrize("driver", ["GeoJSON", "CSV", "KML", "pages"])
def test_formats_that_cannot_be_compared_completely_are_not_compared(
    contents: Contents, tmp_path: Path, driver: str
) -> None:
    path = tmp_path / "a.x"
    if driver == "pages":
        for page in ("NO", "YES"):
            made("gdal_translate", "-q", "-of", "GTiff", "-co", f"APPEND_SUBDATASET={page}", RASTER, path)
    else:
        made("ogr2ogr", "-f", driver, path, VECTOR)
    assert contents.compare(path, path) is None


def test_what_gdal_cannot_read_is_not_compared(contents: Contents, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0\1")
    assert contents.compare(RASTER, tmp_path / "a.bin") is None


def test_files_referred_to_by_a_file_are_not_read(contents: Contents, tmp_path: Path) -> None:
    """A VRT of a stranger's leads to a file of this machine, which the sandbox does not have."""
    secret = made("gdal_translate", "-q", RASTER, tmp_path / "secret.tif")
    made("gdalbuildvrt", "-q", tmp_path / "a.vrt", secret)
    assert contents.compare(tmp_path / "a.vrt", tmp_path / "a.vrt") is None
