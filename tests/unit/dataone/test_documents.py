"""What describes a package: held to the schemas, and read as an index reads it."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.dataone.coverage import coverage_problem
from ogdc_shared.dataone.eml import eml
from ogdc_shared.dataone.formats import UNKNOWN, format_id
from ogdc_shared.dataone.identifiers import metadata_id, object_id, resolve_url, series_id
from ogdc_shared.dataone.member import OUTPUT
from ogdc_shared.dataone.resource_map import Execution, Package, resource_map
from ogdc_shared.dataone.seen import Box, read_items
from ogdc_shared.dataone.system_metadata import Rights, system_metadata
from ogdc_shared.dataone.validation import Validator, eml_validator
from ogdc_shared.dataone.words import Metadata as Words
from ogdc_shared.dataone.words import RecipeNote
from ogdc_shared.dataone.words import Words as Stored
from ogdc_shared.recipe.metadata import Metadata
from support.publications import DATA, GIVEN, METADATA, ORCID, RUN_ID, data_set, member

OTHER_RUN_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
INPUTS = ("https://example.org/a%20b.tif?x=1&y=2",)
PACKAGE = Package(
    "map:1", "meta:1", DATA, "2026-11-27T15:00:00.000+00:00", "me", Execution(RUN_ID, ORCID, INPUTS)
)
Triples = set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def validator() -> Validator:
    found = eml_validator()
    assert found is not None
    return found


def triples(document: bytes) -> Triples:
    """The statements of a map about what has a URI."""
    found = set()
    for about in ElementTree.fromstring(document):
        for statement in about:
            value = statement.get(f"{RDF}resource", statement.text)
            found.add((about.attrib[f"{RDF}about"], statement.tag.rpartition("}")[2], value or ""))
    return found


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"contact": None, "keywords": None, "geographic": None, "temporal": None, "awards": None},
        {"temporal": {"begin": "2021-06-30"}},
        {"geographic": None},
    ],
)
def test_metadata_validate_against_their_schemas(validator: Validator, changed: dict[str, Any]) -> None:
    assert validator.problems(eml(data_set(**changed))) == []


@given(text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_whatever_an_author_or_a_file_is_called_metadata_stay_valid(validator: Validator, text: str) -> None:
    words = f"a{text}".replace("\r", "")
    about = data_set((member(OUTPUT, words),))
    metadata = about.metadata._replace(title=words, abstract=words, keywords=(words,))
    assert validator.problems(eml(about._replace(metadata=metadata))) == []


@pytest.mark.parametrize("rights", ["", "<intellectualRights><para>Ask me.</para></intellectualRights>"])
@pytest.mark.parametrize(
    "methods",
    ["", "<methods><methodStep><description><para>Counted.</para></description></methodStep></methods>"],
)
def test_an_authors_own_metadata_are_completed(validator: Validator, rights: str, methods: str) -> None:
    given = GIVEN.format(rights=rights, methods=methods).encode()
    completed = eml(data_set()._replace(given=given))
    assert validator.problems(completed) == []
    dataset = ElementTree.fromstring(completed)[0]
    assert (dataset.findtext("title"), dataset.findtext("abstract/para")) == ("By hand", "One.")
    table, script, account = (each for each in dataset if each.find("entityName") is not None)
    assert (table.tag, table.findtext("entityName"), table.findtext("physical/size")) == (
        "dataTable",
        "Counts",
        "3",
    )
    assert table.find("physical/dataFormat/textFormat") is not None
    urls = [each.findtext("physical/distribution/online/url") for each in (table, script, account)]
    assert urls == [resolve_url(each.pid) for each in DATA]
    steps = [each.findtext("description/para") for each in dataset.iterfind("methods/methodStep")]
    assert steps == (["Counted."] if methods else []) + ["Command 1: cp a b"]
    license_ = (
        "License: Creative Commons Attribution 4.0 International, "
        "https://creativecommons.org/licenses/by/4.0/."
    )
    assert dataset.findtext("intellectualRights/para") == ("Ask me." if rights else license_)
    assert eml(data_set()._replace(given=completed)).count(b"<licensed>") == 1


def test_mistakes_of_metadata_are_found_by_their_lines(validator: Validator) -> None:
    without_title = re.sub(rb"<title>.*</title>", b"", eml(data_set()), count=1)
    assert [problem.partition(":")[0] for problem in validator.problems(without_title)] == ["line 5"]


def test_metadata_describe_the_content_and_the_extent_of_files(validator: Validator, tmp_path: Path) -> None:
    """By their STAC items; what is none, or lies nowhere, says nothing."""
    projection = {"proj:code": None, "proj:wkt2": 'PROJCRS["Polar & cold",ID[]]', "proj:shape": [20, 3000]}
    bands: list[dict[str, Any]] = [{"data_type": "uint8", "nodata": 255}] * 2 + [
        {"description": "ice", "unit": "%", "nodata": -9999999.0}
    ]
    names = (*[("t…", "Real")] * 2, ("geom", "String"), *[("z", "Date")] * 61, ("geom", "Point"))
    columns = [{"name": name, "type": kind} for name, kind in names]
    table = {"table:columns": columns, "table:primary_geometry": "geom", "table:row_count": 1}
    table["ogdc:attribute_count"] = 1200
    items = {
        "a": ("d/ü.tif", [170, 55, -160, 66], projection, {"bands": bands}),
        "b": ("b.gpkg", [1, 2.8e-14, 3, 4], {"proj:code": "EPSG:3413", **table}, {}),
        "c": ("c.gpkg", ["x", 2, 3, 4], {}, {}),
        "d": ("d.gpkg", [1, 2, float("inf"), 4], {}, {}),
        "f": ("f.tif", [1, 2, 3, 4], {"proj:shape": [float("inf"), 1]}, {}),
    }
    (tmp_path / ".stac/items").mkdir(parents=True)
    (tmp_path / ".stac/items/e.json").write_text("[]")
    for name, (path, bbox, properties, data) in items.items():
        item = {"id": path, "bbox": bbox, "properties": properties, "assets": {"data": data}}
        (tmp_path / f".stac/items/{name}.json").write_text(json.dumps(item))
    seen = read_items(tmp_path)
    assert {path: each.text for path, each in seen.items()} == {
        "d/ü.tif": "a raster of 20 rows and 3,000 columns in the CRS Polar & cold: "
        "2 bands (uint8, no data 255); 1 band (ice, %, no data -9999999)",
        "b.gpkg": "1 feature of type Point in EPSG:3413, with the attributes "
        "t… (Real), t… (Real), geom (String), " + ", ".join(["z (Date)"] * 17) + " and 1,180 more",
        "d.gpkg": "features",
    }
    made = eml(data_set((*DATA, member(OUTPUT, "b.gpkg")), geographic=None)._replace(seen=seen))
    assert validator.problems(made) == []
    dataset = ElementTree.fromstring(made).find("dataset")
    assert dataset is not None
    about = [each.text for each in dataset.iterfind("otherEntity/entityDescription")]
    assert about[0] == f"An output of the recipe: {seen['d/ü.tif'].text}."
    boxes = [[float(side.text or "") for side in box] for box in dataset.iter("boundingCoordinates")]
    assert boxes == [[-180, 180, 66, 2.8e-14], [170, -160, 66, 55], [1, 3, 4, 2.8e-14]]


def test_a_box_over_the_antimeridian_keeps_its_sides() -> None:
    found = eml(data_set()).decode()
    assert "<westBoundingCoordinate>170.0<" in found
    assert "<eastBoundingCoordinate>-160.0<" in found


@pytest.mark.parametrize(
    ("box", "is_contained"),
    [
        ((170, 55, -160, 66), True),
        ((169.96, 54.96, -159.96, 66.04), True),
        ((179, 60, 180, 61), True),
        ((-180, 60, -165, 61), True),
        ((169.9, 55, -160, 66), False),
        ((170, 55, -160, 66.1), False),
        ((-159, 60, -158, 61), False),
        ((160, 60, 170, 61), False),
        ((-180, 60, 180, 61), False),
    ],
)
def test_files_that_lie_outside_the_given_coverage_are_named(box: Box, is_contained: bool) -> None:
    """It crosses the antimeridian: west 170, south 55, east -160, north 66."""
    problem = coverage_problem(eml(data_set()), {"a.tif": box})
    assert (problem is None) is is_contained
    assert problem is None or f"does not contain a.tif (west {box[0]:.2f}, " in problem
    assert coverage_problem(eml(data_set(geographic=None)), {"a.tif": box}) is None


@pytest.mark.parametrize(
    ("given", "is_contained"),
    [
        ((-180, -90, 179.75, 90), True),
        ((-179.5, -89.5, 179.5, 89.5), True),
        ((0, -90, 359, 90), True),
        ((-180, -90, 177, 90), False),
        ((-180, -88, 180, 90), False),
    ],
)
def test_a_global_grid_may_be_described_by_its_cell_centers(given: Box, is_contained: bool) -> None:
    west, south, east, north = given
    geographic = {"description": "Earth", "west": -180, "south": south, "east": 180, "north": north}
    document = eml(data_set(geographic=geographic)).decode()
    for side, old, new in (("west", -180.0, float(west)), ("east", 180.0, float(east))):
        document = document.replace(f"<{side}BoundingCoordinate>{old}<", f"<{side}BoundingCoordinate>{new}<")
    problem = coverage_problem(document.encode(), {"a.tif": (-180, -90, 180, 90)})
    assert (problem is None) is is_contained


def test_a_resource_map_contains_each_object_once_with_its_relations() -> None:
    found = triples(resource_map(PACKAGE))
    whole = f"{resolve_url('map:1')}#aggregation"
    members = {resolve_url(pid) for pid in ("meta:1", *(each.pid for each in DATA))}
    assert {value for about, name, value in found if (about, name) == (whole, "aggregates")} == members
    for uri in members:
        assert (uri, "isAggregatedBy", whole) in found
        assert (uri, "isDocumentedBy", resolve_url("meta:1")) in found
        assert (resolve_url("meta:1"), "documents", uri) in found
    assert {value for _, name, value in found if name == "identifier"} >= {"map:1", "meta:1", *INPUTS}


def test_a_resource_map_has_the_provenance_of_the_results() -> None:
    found = triples(resource_map(PACKAGE))
    output, program = (resolve_url(each.pid) for each in DATA[:2])
    assert {
        (output, "wasGeneratedBy", f"urn:uuid:{RUN_ID}"),
        (output, "wasDerivedFrom", INPUTS[0]),
        (f"urn:uuid:{RUN_ID}", "used", INPUTS[0]),
        (program, "type", "http://purl.dataone.org/provone/2015/01/15/ontology#Program"),
        (output, "atLocation", "d/ü.tif"),
    } <= found
    document = resource_map(PACKAGE).decode()
    assert f'hadPlan rdf:resource="{program}"' in document
    assert f'agent rdf:resource="https://orcid.org/{ORCID}"' in document


def test_the_size_of_a_resource_map_is_linear_in_inputs_and_outputs() -> None:
    many = PACKAGE._replace(
        members=tuple(member(OUTPUT, f"{number}.tif") for number in range(500)),
        execution=Execution(RUN_ID, None, [f"https://example.org/{number}" for number in range(500)]),
    )
    assert len(resource_map(many)) < 2_000_000


def test_system_metadata_say_who_may_read_and_write() -> None:
    [public] = _rules(Rights("me", is_public=True))
    assert public == ("public", ("read",))
    assert _rules(Rights("me", is_public=False)) == []
    assert _rules(Rights("me", is_public=False, writers=("CN=a",))) == [
        ("CN=a", ("read", "write", "changePermission"))
    ]


def _rules(rights: Rights) -> list[tuple[str, tuple[str, ...]]]:
    root = ElementTree.fromstring(system_metadata(DATA[0], rights))
    assert [each.tag for each in root][:5] == ["identifier", "formatId", "size", "checksum", "rightsHolder"]
    found = []
    for rule in root.iter("allow"):
        subject, *permissions = (each.text or "" for each in rule)
        found.append((subject, tuple(permissions)))
    return found


def test_identifiers_follow_from_the_run_and_differ_by_what_the_objects_are() -> None:
    kinds = list(
        product((RUN_ID, OTHER_RUN_ID), ("output", "program"), ("a", "b"), ("1", "2"), ("me", "you"))
    )
    made = [object_id(run, role, path, sha256, rights=rights) for run, role, path, sha256, rights in kinds]
    assert len({*made}) == 2**5
    assert object_id(RUN_ID, "output", "a", "1", rights="me") in made
    assert all(each.startswith("urn:uuid:") for each in made)


def test_a_metadata_version_has_another_identifier_than_an_equal_earlier_one() -> None:
    first = metadata_id(RUN_ID, "1", obsoletes=None)
    assert (
        len({first, metadata_id(RUN_ID, "1", obsoletes=first), metadata_id(RUN_ID, "2", obsoletes=None)}) == 3
    )
    assert series_id(ORCID, "seal-tags") == series_id(ORCID, "seal-tags") != series_id(ORCID, "seal-tag")


def test_formats_are_chosen_by_the_last_suffix() -> None:
    assert format_id("a.b/C.TIF") == "image/geotiff"
    assert format_id("a.tif/README") == format_id("x.zarr") == UNKNOWN


def test_metadata_contain_their_owner() -> None:
    holder = "0000-0001-5109-3700"
    for given_words in (METADATA, METADATA | {"rights_holder": holder}):
        checked = Metadata.model_validate(given_words)
        carried = Words.of(checked.model_dump(mode="json"))
        assert carried.owner == checked.owner == given_words.get("rights_holder", ORCID)


def test_texts_are_stored_and_read_unchanged() -> None:
    about = data_set()
    words = Stored(RecipeNote("a", "A", "recipe.sh", ("cp a b",)), about.metadata, "CC-BY-4.0", "<eml/>")
    assert Stored.from_json(words.to_json()) == words
