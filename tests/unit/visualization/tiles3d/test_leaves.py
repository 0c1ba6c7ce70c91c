"""Leaves: polygons and their attributes, as programs that show 3D Tiles read them."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
import shapely

from ogdc_visualization.tiles3d.ellipsoid import from_ecef
from ogdc_visualization.tiles3d.leaves import Leaf, build_leaf, longest_feature
from ogdc_visualization.tiles3d.metadata import identifiers
from support.gltf_files import Glb, read_b3dm, read_glb

LAKE = shapely.Point(-50, 69).buffer(0.01)
ISLAND = shapely.Point(-50, 69).buffer(0.003)
POLYGONS = np.array(
    [LAKE.difference(ISLAND), shapely.MultiPolygon([shapely.box(-49.9, 69, -49.89, 69.01), ISLAND])]
)
COLUMNS = {
    "lake_id": np.array([1006, 1012]),
    "depth": np.array([27.036, np.nan]),
    "name": np.array(["lake 6", None], dtype=object),
    "is deep": np.array([True, False]),
    "Date": np.array(["2023-07-01", "NaT"], dtype="datetime64[D]"),
}


def make(
    extension: str = ".b3dm", *, crs: str = "EPSG:4326", height: float = 0, polygons: np.ndarray = POLYGONS
) -> Leaf:
    columns = COLUMNS if len(polygons) == 2 else {"n": np.arange(len(polygons))}
    leaf = build_leaf(polygons, columns, crs=crs, height=height, extension=extension)
    assert leaf
    return leaf


def surface(glb: Glb, features: np.ndarray) -> np.ndarray:
    """The triangles' areas in square metres, added up for each feature."""
    a, b, c = (glb.positions()[glb.triangles()[:, corner]] for corner in range(3))
    return np.bincount(features[glb.triangles()[:, 0]], np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def on_the_ellipsoid(polygon: shapely.Geometry) -> float:
    return abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(shapely.orient_polygons(polygon))[0])


def test_polygons_have_the_area_that_they_have_on_the_ellipsoid() -> None:
    found = read_b3dm(make().content)
    areas = surface(found.glb, found.glb.features("_BATCHID"))
    np.testing.assert_allclose(areas, [on_the_ellipsoid(each) for each in POLYGONS], rtol=1e-3)


@pytest.mark.parametrize("height", [0, 10, -30.5])
def test_all_points_are_at_the_height_asked_for(height: float) -> None:
    glb = read_b3dm(make(height=height).content).glb
    np.testing.assert_allclose(from_ecef(glb.positions())[2], height, atol=1e-3)


def test_triangles_face_outwards() -> None:
    glb = read_b3dm(make().content).glb
    a, b, c = (glb.positions()[glb.triangles()[:, corner]] for corner in range(3))
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), a) > 0).all()


def test_bounds_of_accessors_are_those_of_their_values() -> None:
    glb = read_b3dm(make().content).glb
    for index, accessor in enumerate(glb.document["accessors"]):
        values = glb.accessor(index)
        assert (accessor["min"], accessor["max"]) == (
            values.min(axis=0).tolist(),
            values.max(axis=0).tolist(),
        )


def test_each_row_is_one_feature_also_where_values_are_missing() -> None:
    found = read_b3dm(make().content)
    assert found.features == {"BATCH_LENGTH": 2}
    assert set(found.glb.features("_BATCHID")) == {0, 1}
    assert found.batch == {
        "lake_id": [1006, 1012],
        "depth": [27.036, None],
        "name": ["lake 6", None],
        "is deep": [True, False],
        "Date": ["2023-07-01", None],
    }


def test_the_region_holds_the_mesh() -> None:
    leaf = make()
    lon, lat, height = from_ecef(read_b3dm(leaf.content).glb.positions())
    region = leaf.extent.region
    assert region.west <= lon.min() <= lon.max() <= region.east
    assert region.south <= lat.min() <= lat.max() <= region.north
    assert region.min_height <= height.min() + 1e-6
    assert height.max() <= region.max_height + 1e-6


@pytest.mark.parametrize("crs", ["EPSG:3413", "EPSG:5041", "EPSG:3857", "EPSG:3035"])
def test_a_leaf_of_another_crs_is_at_the_same_place(crs: str) -> None:
    project = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform
    moved = shapely.transform(POLYGONS, project, interleaved=False)
    there, here = (read_b3dm(make(**each).content).glb for each in ({"crs": crs, "polygons": moved}, {}))
    np.testing.assert_allclose(there.positions(), here.positions(), atol=0.01)
    np.testing.assert_allclose(
        surface(there, there.features("_BATCHID")), surface(here, here.features("_BATCHID")), rtol=1e-3
    )


def test_a_polygon_around_the_pole_has_all_longitudes() -> None:
    leaf = make(crs="EPSG:3413", polygons=np.array([shapely.Point(0, 0).buffer(200_000)]))
    assert (leaf.extent.region.west, leaf.extent.region.east, leaf.extent.region.north) == (
        -math.pi,
        math.pi,
        math.pi / 2,
    )


@pytest.mark.slow
def test_large_polygons_follow_the_curvature_of_the_earth() -> None:
    greenland = np.array([shapely.box(-55, 60, -25, 83)])
    leaf = make(polygons=greenland)
    glb = read_b3dm(leaf.content).glb
    assert leaf.extent.region.min_height > -105
    np.testing.assert_allclose(
        surface(glb, glb.features("_BATCHID")),
        on_the_ellipsoid(shapely.segmentize(greenland[0], 0.1)),
        rtol=1e-3,
    )


def test_polygons_without_area_make_no_leaf() -> None:
    assert build_leaf(np.array([]), {"n": np.array([])}, crs="EPSG:4326", height=0, extension=".b3dm") is None


def test_a_glb_has_the_same_mesh_with_its_attributes_in_a_table() -> None:
    glb, b3dm = read_glb(make(".glb").content), read_b3dm(make().content).glb
    np.testing.assert_array_equal(glb.positions(), b3dm.positions())
    np.testing.assert_array_equal(glb.features("_FEATURE_ID_0"), b3dm.features("_BATCHID"))
    ids = glb.primitive["extensions"]["EXT_mesh_features"]["featureIds"]
    assert ids == [{"featureCount": 2, "attribute": 0, "propertyTable": 0}]
    metadata = glb.document["extensions"]["EXT_structural_metadata"]
    kinds = metadata["schema"]["classes"]["feature"]["properties"]
    table = metadata["propertyTables"][0]
    assert table["count"] == 2
    values = {name: glb.view(each["values"]) for name, each in table["properties"].items()}
    assert np.frombuffer(values["lake_id"], "<i8").tolist() == [1006, 1012]
    assert np.frombuffer(values["depth"], "<f8").tolist() == [27.036, kinds["depth"]["noData"]]
    assert values["is_deep"] == b"\x01"
    assert kinds["is_deep"] == {"name": "is deep", "type": "BOOLEAN"}
    assert values["Date"] == b"2023-07-01"
    offsets = glb.view(table["properties"]["name"]["stringOffsets"])
    assert np.frombuffer(offsets, "<u4").tolist() == [0, 6, 6]
    assert kinds["name"] == {"name": "name", "type": "STRING", "noData": ""}


def test_identifiers_of_columns_are_different_and_plain() -> None:
    assert identifiers(["a b", "a_b", "2nd", "größe"]) == ["a_b", "a_b_", "_2nd", "gr__e"]


def test_the_longest_feature_is_that_of_the_largest_box_around_its_points() -> None:
    points = np.array([[0, 0, 0], [9, 9, 9], [3, 4, 0], [9, 9, 10], [5, 5, 5]], np.float32)
    assert longest_feature(points, np.array([7, 2, 7, 2, 3])) == 5
    assert longest_feature(points[4:], np.array([3])) == 0


def test_a_leaf_tells_how_long_its_largest_polygon_is_in_metres() -> None:
    polygons = np.array([shapely.box(0, 0, 0.001, 0.001), shapely.box(1, 0, 1.1, 0.1)], object)
    leaf = build_leaf(polygons, {"n": np.arange(2)}, crs="EPSG:4326", height=0, extension=".b3dm")
    assert leaf is not None
    assert leaf.extent.longest == pytest.approx(15_700, rel=0.01)
