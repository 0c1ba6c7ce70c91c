"""Making the package of a run: the same each time, and refused where it would be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from ogdc_cli.api import ApiClient
from ogdc_cli.publication.run_result import RunResult
from ogdc_shared.digests import digest
from ogdc_shared.errors import InvalidRecipeError, InvalidRequestError
from ogdc_shared.publication.checking import advice, problems
from ogdc_shared.publication.making import make_package
from ogdc_shared.publication.package import LEDGER, Package, read_ledger
from support.crates import RUN
from support.publications import GIVEN, METADATA, ORCID
from support.published_runs import META, OUTPUTS, Deployment, deployment
from support.trees import plant


def made(client: ApiClient, directory: Path, metadata: Path | None = None) -> Package:
    return make_package(RunResult(client, RUN.name, metadata), directory)


def content(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_a_package_holds_results_program_account_metadata_and_map_in_that_order(tmp_path: Path) -> None:
    package = made(deployment(tmp_path / "at"), tmp_path / "package")
    roles = [(member.role, member.path) for member in package.members]
    assert roles == [
        ("output", "b.tif"),
        ("output", "d/ü.csv"),
        ("program", "recipe/recipe.sh"),
        ("account", "provenance.zip"),
        ("metadata", "metadata.xml"),
        ("map", "resource-map.xml"),
    ]
    assert (package.owner, package.is_public) == (ORCID, True)
    for member in package.members:
        body = (tmp_path / "package" / member.file).read_bytes()
        assert (member.size, member.sha256) == (len(body), digest(body))
    assert list(problems(package, tmp_path / "package")) == []
    assert list(advice(package)) == []


def test_building_a_package_again_gives_the_same_package(tmp_path: Path) -> None:
    client = deployment(tmp_path / "at")
    first, other = made(client, tmp_path / "one"), made(client, tmp_path / "other")
    assert first == other
    assert content(tmp_path / "one") == content(tmp_path / "other")


def test_an_interrupted_build_is_completed_without_repeated_downloads(tmp_path: Path) -> None:
    client, directory = deployment(tmp_path / "at"), tmp_path / "package"
    whole = made(client, directory)
    begun = json.loads((directory / LEDGER).read_bytes()) | {"members": []}
    (directory / LEDGER).write_text(json.dumps(begun))
    (directory / "data" / "b.tif").unlink()
    fetched = cast(Deployment, client).downloads
    assert made(client, directory) == whole
    assert cast(Deployment, client).downloads == fetched + 1
    assert made(client, directory) == whole == read_ledger(directory)
    assert cast(Deployment, client).downloads == fetched + 1


def test_a_result_changed_after_its_run_is_not_published(tmp_path: Path) -> None:
    client = deployment(tmp_path / "at", outputs=OUTPUTS | {"b.tif": b"tof"})
    found, made_by_run = map(digest, (b"tof", b"tif"))
    message = rf"b.tif was changed after run .* made it: its checksum is sha256:{found} instead of sha256:"
    with pytest.raises(InvalidRequestError, match=message + made_by_run):
        made(client, tmp_path / "package")


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"d/ü.csv": b"1\n"}, r"The result of run .* no longer contains 'b\.tif', which the run made"),
        ({}, r"no longer contains 'b\.tif', 'd/ü\.csv', which"),
        (OUTPUTS | {"provenance.zip": b""}, r"'provenance\.zip' cannot be part of a package"),
        (OUTPUTS | {"recipe/recipe.sh": b"", "recipe/x": b""}, r"^'recipe/recipe\.sh' cannot be part"),
        (OUTPUTS | {"recipe": b""}, r"'recipe' cannot be part of .* a package adds recipe/recipe\.sh and"),
    ],
)
def test_a_result_that_lost_files_or_has_the_packages_own_is_refused_before_any_is_fetched(
    tmp_path: Path, outputs: dict[str, bytes], message: str
) -> None:
    client = deployment(tmp_path / "at", outputs=outputs)
    with pytest.raises(InvalidRequestError, match=message):
        made(client, tmp_path / "package")
    assert cast(Deployment, client).downloads == 0


def test_a_large_file_is_checked_by_its_size(tmp_path: Path) -> None:
    changed = OUTPUTS | {"b.tif": b"longer"}
    client = deployment(tmp_path / "at", outputs=changed, without_checksum=("b.tif",))
    message = r"b.tif was changed after run .* made it: it has 6 bytes instead of 3\."
    with pytest.raises(InvalidRequestError, match=message):
        made(client, tmp_path / "package")
    assert made(deployment(tmp_path / "same", without_checksum=("b.tif",)), tmp_path / "other").members


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({key: value for key, value in META.items() if key != "metadata"}, "has no `metadata`"),
        (META | {"output": {}}, "has no `output.license`"),
        (
            META | {"metadata": METADATA | {"creators": [{"family_name": "L"}]}},
            "names nobody with an ORCID iD",
        ),
    ],
)
def test_missing_metadata_are_reported_and_can_be_added_later(
    tmp_path: Path, meta: dict[str, Any], message: str
) -> None:
    client = deployment(tmp_path / "at", meta=meta)
    with pytest.raises(InvalidRequestError, match=message):
        made(client, tmp_path / "package")
    (tmp_path / "meta.yml").write_text(json.dumps(META))
    assert made(client, tmp_path / "package", tmp_path / "meta.yml").members


def test_an_eml_file_of_the_recipe_stands_for_what_meta_yml_need_not_say(tmp_path: Path) -> None:
    (tmp_path / "data_set.xml").write_text(GIVEN.format(rights="", methods=""))
    (tmp_path / "meta.yml").write_text(json.dumps(META | {"metadata": {"eml": "data_set.xml"}}))
    client, directory = deployment(tmp_path / "at"), tmp_path / "package"
    package = made(client, directory, tmp_path / "meta.yml")
    assert (package.title, package.owner) == ("By hand", ORCID)
    assert list(problems(package, directory)) == []
    assert b"<entityName>Counts</entityName>" in (directory / "metadata.xml").read_bytes()
    for content, message in {
        "<eml>": "is not XML that can be read",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>': "has a document type",
        "<a/>": "is not in EML 2.2.0",
        GIVEN.format(rights="", methods="").replace("By hand", " "): "has no `title`",
    }.items():
        (tmp_path / "data_set.xml").write_text(content)
        with pytest.raises(InvalidRecipeError, match=rf"metadata.eml: 'data_set.xml' .*{message}"):
            made(client, tmp_path / "other", tmp_path / "meta.yml")


def test_a_file_of_metadata_is_read_as_meta_yml_is(tmp_path: Path) -> None:
    (tmp_path / "meta.yml").write_text(json.dumps(META | {"metadata": METADATA | {"title": ""}}))
    with pytest.raises(InvalidRecipeError, match=r"meta.yml: metadata.title: '' is empty"):
        made(deployment(tmp_path / "at"), tmp_path / "package", tmp_path / "meta.yml")


def test_only_runs_that_succeeded_are_published(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="did not succeed"):
        made(deployment(tmp_path / "at", status="Failed", message="no"), tmp_path / "package")


def test_a_directory_with_other_files_is_not_changed(tmp_path: Path) -> None:
    client = deployment(tmp_path / "at")
    plant(tmp_path / "other", {"thesis.txt": b"1"})
    with pytest.raises(InvalidRequestError, match="is not a package"):
        made(client, tmp_path / "other")
    made(client, tmp_path / "package")
    with pytest.raises(InvalidRequestError, match=r"is the package of run"):
        make_package(RunResult(client, "another"), tmp_path / "package")


def test_empty_files_are_reported(tmp_path: Path) -> None:
    package = made(deployment(tmp_path / "at", outputs=OUTPUTS | {"empty": b""}), tmp_path / "package")
    [line] = advice(package)
    assert "empty is empty" in line


def test_files_outside_the_coverage_of_the_recipe_are_reported(tmp_path: Path) -> None:
    item = {"id": "b.tif", "bbox": [10, 60, 11, 61], "properties": {}, "assets": {"data": {}}}
    outputs = OUTPUTS | {".stac/items/b.tif.json": json.dumps(item).encode()}
    package = made(deployment(tmp_path / "at", outputs=outputs), tmp_path / "package")
    [line] = advice(package)
    assert "does not contain b.tif (west 10.00, south 60.00, east 11.00, north 61.00)" in line
