"""Results are looked at by the real GDAL: what is empty, damaged or nowhere on the earth is reported."""

from __future__ import annotations

import gzip
import json
import lzma
import shutil
import sqlite3
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_worker.process import checks
from ogdc_worker.process.check_ends import is_cut_off
from ogdc_worker.process.check_file import has_data
from ogdc_worker.process.checker import Checker
from ogdc_worker.process.result_kinds import ENDS
from ogdc_worker.report import Reporter
from support.partition import PartitionTask
from support.trees import tree

pytestmark = pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="there is no GDAL")

PLACED = ("-a_srs", "EPSG:3413", "-a_ullr", "0", "640", "640", "0")
POINT = {"type": "Point", "coordinates": [1, 2]}


def raster(path: Path, *options: str, burn: str = "5", size: int = 64, placed: bool = True) -> Path:
    line = ["gdal_create", "-q", "-bands", "1", "-outsize", str(size), str(size), "-burn", burn, *options]
    subprocess.run([*line, *(PLACED if placed else ()), str(path)], check=True)
    return path


def features(path: Path, *geometries: dict[str, object] | None) -> Path:
    listed = [{"type": "Feature", "properties": {"n": 1}, "geometry": geometry} for geometry in geometries]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed}))
    return path


def converted(path: Path, *options: str) -> Path:
    source = features(path.with_name("source.geojson"), POINT)
    subprocess.run(["ogr2ogr", *options, str(path), str(source)], check=True)
    source.unlink()
    return path


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def compressed(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content))
    return path


def zipped(path: Path, member: str = "a.csv") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "1,2")


def found(directory: Path) -> dict[str, str]:
    """What is warned of, by kind."""
    reporter = Reporter()
    before = tree(directory)
    checks.check_outputs(str(directory), reporter)
    assert tree(directory) == before, "looking leaves nothing behind"
    return {each.kind: each.message for each in reporter.warnings.first} if reporter.warnings else {}


def columns(path: Path, *, rows: int) -> Path:
    """Write a Parquet file without data: its version, a schema of one element, and the number of rows."""
    footer = bytes((0x15, 2, 0x19, 0x1C, 0x48, 1, 0x61, 0, 0x16, 2 * rows, 0))
    path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    return path


def pmtiles(path: Path, tiles: bytes) -> Path:
    """Write an archive of version 3 whose directories and metadata are empty."""
    header = b"PMTiles\3" + bytes(48) + (127).to_bytes(8, "little") + len(tiles).to_bytes(8, "little")
    path.write_bytes(header.ljust(127, b"\0") + tiles)
    return path


def with_points(path: Path) -> None:
    """Write a raster that is placed by ground control points."""
    source = raster(path.with_name("source.tif"), placed=False)
    points = [
        option for point in ("0 0 0 640", "64 0 640 640", "0 64 0 0") for option in ("-gcp", *point.split())
    ]
    subprocess.run(["gdal_translate", "-q", "-a_srs", "EPSG:3413", *points, source, path], check=True)
    source.unlink()


def without(path: Path, *suffixes: str) -> None:
    """Write a shapefile without some of its files."""
    converted(path)
    for suffix in suffixes:
        path.with_suffix(suffix).unlink()


def masked(path: Path) -> Path:
    source = raster(path.with_name("source.tif"), "-bands", "2", "-burn", "0")
    subprocess.run(["gdal_translate", "-q", "-b", "1", "-mask", "2", source, path], check=True)
    source.unlink()
    return path


def open_database(path: Path) -> None:
    """Leave changes in the -wal file of a GeoPackage, as a killed program does."""
    content = converted(path).read_bytes()
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode = wal; CREATE TABLE more (n)")
        log = Path(f"{path}-wal").read_bytes()
    path.write_bytes(content)
    Path(f"{path}-wal").write_bytes(log)


GOOD: dict[str, Callable[[Path], object]] = {
    "constant": lambda d: raster(d / "a.tif"),
    "cloud optimized": lambda d: raster(d / "a.tif", "-of", "COG", size=600),
    "netcdf": lambda d: raster(d / "a.nc", "-of", "netCDF", placed=False),
    "geopackage": lambda d: converted(d / "a.gpkg"),
    "shapefile": lambda d: converted(d / "a.shp"),
    "flatgeobuf": lambda d: converted(d / "a.fgb"),
    "geojson": lambda d: features(d / "a.geojson", POINT, None),
    "a table without geometry": lambda d: converted(d / "a.gpkg", "-nlt", "NONE"),
    "numbers alone": lambda d: (d / "a.csv").write_text("1,2\n"),
    "a table": lambda d: (d / "a.csv").write_text("a,b\n1,2\n"),
    "mapinfo": lambda d: (converted(d / "a.tab", "-f", "MapInfo File"), converted(d / "b.mif")),
    "a zipped shapefile": lambda d: converted(d / "a.shp.zip"),
    "features by line": lambda d: converted(d / "a.geojsonl"),
    "a band by line": lambda d: raster(d / "a.bil", "-of", "EHdr"),
    "a zip": lambda d: zipped(d / "a.zip"),
    "compressed": lambda d: compressed(d / "a.csv.gz", b"1,2\n"),
    "compressed features": lambda d: compressed(d / "a.geojson.gz", features(d / "a", POINT).read_bytes()),
    "compressed with much memory": lambda d: (d / "a.xz").write_bytes(
        lzma.compress(b"1" * 100, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}])
    ),
    "a picture": lambda d: raster(d / "a.png", "-of", "PNG", placed=False),
    "json": lambda d: (d / "a.json").write_text('{"type": {"enum": ["FeatureCollection"]}}'),
    "data of some program": lambda d: [
        (d / name).write_text("depth\ttemperature\n1\t2\n")
        for name in ("a.dat", "a.hdr", "b.tab", "b.asc", "b.bag", "b.pix", "b.ntf")
    ],
    "points in a text": lambda d: (d / "a.asc").write_text("571000.5 7243000.5 12.25\n" * 100),
    "an empty tile of a map": lambda d: (
        (d / "tiles/3/1").mkdir(parents=True),
        raster(d / "tiles/3/1/2.png", "-of", "PNG", burn="0", placed=False),
        shutil.copy(d / "tiles/3/1/2.png", d / "tile_3_1_2@2x.png"),
    ),
    "points of a receiver": lambda d: converted(d / "a.gpx", "-sql", "SELECT n AS name FROM source"),
    "a sheet": lambda d: converted(d / "a.xlsx"),
    "one of two variables": lambda d: raster(
        d / "a.nc", "-of", "netCDF", "-bands", "2", "-burn", "0", placed=False
    ),
    "tiles": lambda d: pmtiles(d / "a.pmtiles", b"tile"),
    "a table of positions beside features": lambda d: (
        converted(d / "a.gpkg"),
        converted(
            d / "a.gpkg", "-update", "-nln", "b", "-nlt", "NONE", "-sql", "SELECT n AS x, n AS y FROM source"
        ),
    ),
    "attributes without a shapefile": lambda d: without(d / "a.shp", ".shp", ".shx", ".prj"),
    "ground control points": lambda d: with_points(d / "a.tif"),
    "a table of columns": lambda d: columns(d / "a.parquet", rows=1),
    "what is not known": lambda d: ((d / "a.bin").write_bytes(b""), (d / "b.bin").write_bytes(b"1")),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_valid_results_cause_no_warning(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path)
    assert found(tmp_path) == {}


BAD: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    "zeros": ("no_data", "nothing but zeros", lambda d: raster(d / "a.tif", burn="0")),
    "zeros in a picture with a date": (
        "no_data",
        "nothing but zeros",
        lambda d: raster(d / "flood_06_15_2020.png", "-of", "PNG", burn="0", placed=False),
    ),
    "nodata": ("no_data", "nothing but", lambda d: raster(d / "a.tif", "-a_nodata", "5")),
    "no numbers": ("no_data", "nothing but", lambda d: raster(d / "a.tif", "-ot", "Float32", burn="nan")),
    "no end": ("no_data", "nothing but", lambda d: raster(d / "a.tif", "-ot", "Float32", burn="inf")),
    "no data beside a .hdr": (
        "no_data",
        "nothing but",
        lambda d: raster(d / "a.bil", "-of", "EHdr", burn="0"),
    ),
    "no row in a .tab": ("no_data", "no feature", lambda d: converted(d / "a.tab", "-where", "n > 1")),
    "no row in a zip": ("no_data", "no feature", lambda d: converted(d / "a.shp.zip", "-where", "n > 1")),
    "a grid without its header": (
        "unreadable",
        "'a.asc'",
        lambda d: (d / "a.asc").write_text("1.5 -9999 2e3 4 " * 20 + "\n" + "1 2 3 4 " * 20 + "\n"),
    ),
    "a .tab alone": ("unreadable", "'a.tab'", lambda d: (converted(d / "a.tab"), (d / "a.dat").unlink())),
    "a zip that is cut off": ("unreadable", "not a whole archive", lambda d: cut(converted(d / "a.shp.zip"))),
    "a zip of nothing": ("no_data", "without a file", lambda d: zipfile.ZipFile(d / "a.zip", "w").close()),
    "compressed and cut off": ("unreadable", "cut off", lambda d: cut(compressed(d / "a.gz", b"1,2\n" * 9))),
    "compressed nothing": ("no_data", "without a byte", lambda d: compressed(d / "a.csv.gz", b"")),
    "an empty picture": ("no_data", "no byte", lambda d: (d / "a.png").touch()),
    "no byte": ("no_data", "no byte", lambda d: (d / "a.tif").touch()),
    "nowhere": ("no_crs", "coordinate reference", lambda d: raster(d / "a.tif", placed=False)),
    "cut off": ("unreadable", "'a.tif'", lambda d: cut(raster(d / "a.tif", "-co", "TILED=YES", size=900))),
    "no raster": ("unreadable", "cannot be opened", lambda d: (d / "a.tif").write_bytes(b"<html>" * 99)),
    "no feature": ("no_data", "no feature", lambda d: features(d / "a.geojson")),
    "no row": ("no_data", "no feature", lambda d: converted(d / "a.gpkg", "-where", "n > 1")),
    "no feature in one of two layers": (
        "no_data",
        "no feature in layer 'none'",
        lambda d: (
            converted(d / "a.gpkg"),
            converted(d / "a.gpkg", "-update", "-nln", "none", "-where", "n > 1"),
        ),
    ),
    "no geometry": ("no_data", "without a geometry", lambda d: features(d / "a.geojson", None)),
    "no .prj": ("no_crs", "layer 'a'", lambda d: (converted(d / "a.shp"), (d / "a.prj").unlink())),
    "no crs in a geopackage": ("no_crs", "layer", lambda d: converted(d / "a.gpkg", "-a_srs", "NONE")),
    "nowhere in a geopackage": (
        "no_crs",
        "coordinate reference",
        lambda d: raster(d / "a.gpkg", "-of", "GPKG", *PLACED[2:], placed=False),
    ),
    "no .shx": ("unreadable", "a.shx", lambda d: (converted(d / "a.shp"), (d / "a.shx").unlink())),
    "no .dbf": ("no_data", "no .dbf", lambda d: (converted(d / "a.shp"), (d / "a.dbf").unlink())),
    "a picture of nothing": (
        "no_data",
        "nothing but zeros",
        lambda d: raster(d / "a.png", "-of", "PNG", burn="0", placed=False),
    ),
    "no picture": ("unreadable", "'a.jpg'", lambda d: (d / "a.jpg").write_text("Internal error")),
    "an ENVI raster of nothing": (
        "no_data",
        "nothing but",
        lambda d: raster(d / "a.dat", "-of", "ENVI", burn="0"),
    ),
    "no feature in a .json": ("no_data", "no feature", lambda d: features(d / "a.json")),
    "a sheet without a row": ("no_data", "'a.xlsx'", lambda d: converted(d / "a.xlsx", "-where", "n > 1")),
    "a compressed file without a feature": (
        "no_data",
        "no feature",
        lambda d: compressed(d / "a.geojson.gz", features(d / "a").read_bytes()),
    ),
    "files without a byte": ("no_data", "the result is empty", lambda d: (d / "a").touch()),
    "blank lines": ("no_data", "only blank lines", lambda d: (d / "a.csv").write_text("\n")),
    "a tar of nothing": ("no_data", "without a file", lambda d: tarfile.open(d / "a.tar.gz", "w:gz").close()),
    "compressed otherwise, and cut off": (
        "unreadable",
        "cut off",
        lambda d: (d / "a.csv.xz").write_bytes(lzma.compress(b"1,2" * 99)[:-9]),
    ),
    "zeros in all variables": (
        "no_data",
        "nothing but zeros",
        lambda d: raster(d / "a.nc", "-of", "netCDF", "-bands", "2", burn="0", placed=False),
    ),
    "masked": ("no_data", "mask or alpha", lambda d: masked(d / "a.tif")),
    "undeclared nodata": (
        "no_data",
        "nothing but",
        lambda d: raster(d / "a.tif", "-ot", "Float32", burn="-9999"),
    ),
    "zeros without a suffix": (
        "no_data",
        "'result' holds nothing",
        lambda d: raster(d / "a.tif", burn="0").rename(d / "result"),
    ),
    "empty geometries": (
        "no_data",
        "without a geometry",
        lambda d: features(d / "a.geojson", {"type": "LineString", "coordinates": []}),
    ),
    "no row of columns": ("no_data", "no row", lambda d: columns(d / "a.parquet", rows=0)),
    "columns cut off": ("unreadable", "cut off", lambda d: cut(columns(d / "a.geoparquet", rows=1))),
    "an open database": ("unreadable", "'a.gpkg-wal'", lambda d: open_database(d / "a.gpkg")),
    "a zipped shapefile in parts": (
        "unreadable",
        "'a.shp' without its .shx and .dbf",
        lambda d: zipped(d / "a.zip", "a.shp"),
    ),
    "a heading after a comment": (
        "no_data",
        "only a heading",
        lambda d: (d / "a.csv").write_text("# by me\nid|name\n"),
    ),
    "a compressed heading": ("no_data", "only a heading", lambda d: compressed(d / "a.csv.gz", b"depth\n")),
    "a heading in UTF-16": (
        "no_data",
        "only a heading",
        lambda d: (d / "a.tsv").write_text("id\tname\n", "utf-16"),
    ),
    "a table of positions": (
        "no_data",
        "its columns 'Longitude' and 'latitude' are positions",
        lambda d: converted(
            d / "a.gpkg", "-nlt", "NONE", "-sql", "SELECT n AS Longitude, n AS latitude FROM source"
        ),
    ),
    "pixels without a position": (
        "no_crs",
        "its pixels have no position",
        lambda d: raster(d / "a.tif", "-a_srs", "EPSG:3413", placed=False),
    ),
    "the fill of climate models": (
        "no_data",
        "nothing but",
        lambda d: raster(d / "a.tif", "-ot", "Float32", burn="1e20"),
    ),
    "no .shp": ("no_data", "'a.shx' belongs to", lambda d: without(d / "a.shp", ".shp")),
    "attributes alone": (
        "no_data",
        "'a.dbf' belongs to",
        lambda d: without(d / "a.shp", ".shp", ".shx"),
    ),
    "a page as a table": (
        "unreadable",
        "'a.csv' is a web page",
        lambda d: (d / "a.csv").write_text("<!DOCTYPE html>\n<title>Login</title>\n"),
    ),
    "a page as JSON": ("unreadable", "a web page", lambda d: (d / "a.json").write_text("\n<HTML>\n")),
    "no tile": ("no_data", "no tile", lambda d: pmtiles(d / "a.pmtiles", b"")),
    "tiles cut off": (
        "unreadable",
        "not all there",
        lambda d: pmtiles(d / "a.pmtiles", b"tile").write_bytes((d / "a.pmtiles").read_bytes()[:-1]),
    ),
    "no tiles at all": ("unreadable", "no PMTiles", lambda d: (d / "a.pmtiles").write_text("Forbidden")),
    "a heading": ("no_data", "no row", lambda d: (d / "a.csv").write_text('"name","ice area"\n')),
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "message", "make"), BAD.values(), ids=BAD)
def test_invalid_results_cause_a_warning(
    tmp_path: Path, kind: str, message: str, make: Callable[[Path], object]
) -> None:
    make(tmp_path)
    assert message in found(tmp_path)[kind]


def repeated(path: Path, times: int) -> Path:
    path.write_bytes(path.read_bytes() * times)
    return path


def several_variables(path: Path) -> Path:
    return raster(path, "-of", "netCDF", "-bands", "2", placed=False)


WHOLE: dict[str, Callable[[Path], Path]] = {
    "classic netcdf": lambda d: raster(d / "a.nc", "-of", "netCDF", placed=False),
    "netcdf with long offsets": lambda d: raster(d / "a.nc", "-of", "netCDF", "-co", "FORMAT=NC2"),
    "netcdf on HDF5": lambda d: raster(d / "a.nc", "-of", "netCDF", "-co", "FORMAT=NC4"),
    "netcdf of two variables": lambda d: several_variables(d / "a.nc"),
    "shapes": lambda d: converted(d / "a.shp"),
    "attributes": lambda d: converted(d / "a.shp").with_suffix(".dbf"),
    "a photograph": lambda d: raster(d / "a.jpg", "-of", "JPEG", placed=False),
    "a feature in a line": lambda d: converted(d / "a.geojsonl"),
    "features by line": lambda d: repeated(converted(d / "a.geojsonl"), 1003),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
def test_a_file_without_its_end_is_warned_of_also_if_gdal_reads_it(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    assert found(tmp_path) == {}
    content = path.read_bytes()
    for kept in (len(content) - 8, len(content) * 2 // 3):
        path.write_bytes(content[:kept])
        assert path.name in found(tmp_path)["unreadable"]


@pytest.mark.parametrize("suffix", ENDS)
def test_each_format_that_may_lack_its_end_can_be_asked(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"")
    assert not is_cut_off(str(path), suffix), "an empty file is reported otherwise"


@pytest.mark.parametrize("version", [1, 2, 5])
@pytest.mark.parametrize("records", [0, 1, 7])
def test_records_of_a_netcdf_file_are_counted(version: int, records: int, tmp_path: Path) -> None:
    count, offset = (8, 8) if version == 5 else (4, 4 if version == 1 else 8)

    def name(text: bytes) -> bytes:
        return len(text).to_bytes(count, "big") + text.ljust(-(-len(text) // 4) * 4, b"\0")

    def numbers(*values: int) -> bytes:
        return b"".join(value.to_bytes(count, "big") for value in values)

    def variable(text: bytes, dimensions: tuple[int, ...], kind: int, begin: int) -> bytes:
        described = name(text) + numbers(len(dimensions), *dimensions) + bytes(4) + numbers(0)
        return described + kind.to_bytes(4, "big") + numbers(0) + begin.to_bytes(offset, "big")

    tags = [each.to_bytes(4, "big") for each in (10, 11)]
    dimensions = tags[0] + numbers(2) + name(b"time") + numbers(0) + name(b"x") + numbers(3)
    head = b"CDF" + bytes((version,)) + numbers(records) + dimensions + bytes(4) + numbers(0)
    shapes = (((1,), 5), ((0, 1), 3), ((0,), 6))  # float x(x), short a(time, x), double time(time)
    for _ in range(2):  # first to measure the header
        size = locals().get("size", 0)
        begins = (size, size + 12, size + 20)
        variables = b"".join(
            variable(b"v", *shape, begin) for shape, begin in zip(shapes, begins, strict=True)
        )
        header = head + tags[1] + numbers(3) + variables
        size = len(header)
    path = tmp_path / "a.nc"
    path.write_bytes(header + b"x" * (12 + records * 16))
    assert not is_cut_off(str(path), ".nc")
    path.write_bytes(path.read_bytes()[:-1])
    assert is_cut_off(str(path), ".nc")


@pytest.mark.slow
def test_one_pixel_of_a_large_raster_is_found(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", "-co", "TILED=YES", burn="0", size=4000)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size * 2 // 3)
        file.write(b"\x07")
    assert found(tmp_path) == {}


@pytest.mark.parametrize("odd", [b"\x1c" * 5000, b"\x15" + b"\x80" * 50_000], ids=["nested", "endless"])
def test_a_parquet_file_with_odd_metadata_does_not_end_the_checks_of_others(
    tmp_path: Path, odd: bytes
) -> None:
    path = columns(tmp_path / "a.parquet", rows=1)
    path.write_bytes(b"PAR1" + odd + len(odd).to_bytes(4, "little") + b"PAR1")
    columns(tmp_path / "b.parquet", rows=0)

    assert "b.parquet" in found(tmp_path)["no_data"]


def test_results_that_gdal_cannot_read_are_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("words")
    monkeypatch.setattr("os.fork", lambda: pytest.fail("no child is needed"))
    assert checks.check_outputs(str(tmp_path), Reporter()) is None


@pytest.mark.slow
def test_a_sample_of_many_results_is_checked_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MAX_FILES", 5)
    for number in range(20):
        features(tmp_path / f"{number}.geojson", POINT)
    event = checks.check_outputs(str(tmp_path), Reporter())
    assert event is not None
    assert (event["files"], event["of"]) == (5, 20)


@pytest.mark.slow
def test_a_slow_check_is_ended_without_failing_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    os.mkfifo(tmp_path / "endless")
    monkeypatch.setattr(checks, "SECONDS", -0.5)
    raster(tmp_path / "a.tif")
    event = checks.check_outputs(str(tmp_path), Reporter())
    assert event is not None
    assert (event["files"], event["of"]) in {(0, 1), (1, 1)}


def test_without_gdal_the_check_is_skipped_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raster(tmp_path / "a.tif")
    monkeypatch.setenv("PATH", str(tmp_path))
    event = checks.check_outputs(str(tmp_path), Reporter())
    assert event is not None
    assert event["event"] == "checks_skipped"


@given(st.sampled_from("BbHhIiQqfd"), st.integers(0, 100), st.integers(1, 100))
def test_a_block_has_data_where_one_value_is_neither_zero_nor_nodata(
    form: str, nodata: int, value: int
) -> None:
    import struct

    def block(*values: float) -> bytes:
        return struct.pack(f"{len(values)}{form}", *values)

    assert not has_data(block(0, nodata, 0), form, nodata)
    assert has_data(block(0, value, nodata), form, nodata) == (value != nodata)
    assert has_data(block(0, value), form, None)


@pytest.mark.slow
def test_what_is_begun_before_there_are_results_finds_the_same(tmp_path: Path) -> None:
    checker = checks.checker_for("gdal_translate /input_dir/a.tif /output_dir/A.TIF")
    assert checker is not None
    raster(tmp_path / "a.tif", burn="0")
    reporter = Reporter()
    event = checks.check_outputs(str(tmp_path), reporter, checker=checker)
    assert event is not None
    assert (event["event"], event["files"], event["of"]) == ("outputs_checked", 1, 1)
    assert reporter.warnings is not None
    assert {each.kind for each in reporter.warnings.first} == set(found(tmp_path)) != set()


@pytest.mark.slow
def test_a_checker_killed_by_a_command_is_restarted(tmp_path: Path) -> None:
    import os
    import signal

    checker = checks.checker_for("gdal_create /output_dir/a.tif")
    assert checker is not None
    os.kill(checker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, checker.pid, os.WEXITED | os.WNOWAIT)
    raster(tmp_path / "a.tif")
    event = checks.check_outputs(str(tmp_path), Reporter(), checker=checker)
    assert event is not None
    assert (event["files"], event["of"]) == (1, 1)


def test_an_unused_checker_leaves_no_process(tmp_path: Path) -> None:
    import os

    checker = checks.checker_for("cp /input_dir/a.tif /output_dir/a.txt")
    assert checker is not None
    (tmp_path / "a.txt").write_text("words")
    assert checks.check_outputs(str(tmp_path), Reporter(), checker=checker) is None
    with pytest.raises(ChildProcessError):
        os.waitpid(checker.pid, os.WNOHANG)


def test_nothing_is_begun_for_a_command_that_names_no_such_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fork", lambda: pytest.fail("no child is needed"))
    assert checks.checker_for('cp "$INPUT_FILE" "$OUTPUT_FILE"') is None


@pytest.mark.slow
@pytest.mark.parametrize(("commands", "done"), [(1, []), (2, []), (3, ["1"])])
def test_what_looks_at_results_is_begun_with_the_last_command_but_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: int, done: list[str]
) -> None:
    marks = tmp_path / "marks"
    marks.touch()
    task = PartitionTask(tmp_path / "task")
    lines = [f'echo {number} >> {marks}; echo a > "$OUTPUT_DIR/a"' for number in range(1, commands)]
    raster(tmp_path / "kept.tif")
    task.prepare(*lines, f'echo last >> {marks}; cp {tmp_path}/kept.tif "$OUTPUT_DIR/a.tif"', checks=True)
    begun: list[list[str]] = []
    checker_for = checks.checker_for

    def begin(command: str) -> Checker | None:
        begun.append(marks.read_text().split())
        return checker_for(command)

    monkeypatch.setattr(checks, "checker_for", begin)
    task.run()
    assert begun == [done]
    assert (task.outputs / "a.tif").is_file()
